"""Evidence: the bytes that decide a claim, each accepted only if it hashes to its pin."""

from verifier.evidence.cache import Cache, CacheProblem, Pruned
from verifier.evidence.hashing import hash_files, hash_folder, model_hash, sha256_file
from verifier.evidence.hub import HubClient, RemoteFile
from verifier.evidence.locations import default_cache_dir
from verifier.evidence.store import EvidenceStore, open_store

__all__ = [
    "Cache",
    "CacheProblem",
    "EvidenceStore",
    "HubClient",
    "Pruned",
    "RemoteFile",
    "default_cache_dir",
    "hash_files",
    "hash_folder",
    "model_hash",
    "open_store",
    "sha256_file",
]
