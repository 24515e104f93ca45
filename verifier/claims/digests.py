"""Hashes: their form (tier 1) and the bytes behind them (tier 3)."""

from verifier.alloy.parse import walk
from verifier.claims.slate import Slate
from verifier.verdicts import Tier

_NOT_DIGESTS = frozenset({"/receipt/verifyUrl"})


def is_digest_key(key: str) -> bool:
    """Whether a field of this name is meant to hold a sha256."""
    return key in ("sha256", "hash") or key.endswith(("Hash", "Sha256"))


def add(slate: Slate) -> None:
    """Claims about every field that is meant to hold a hash, and about the files behind them."""
    _add_forms(slate)
    _add_files(slate)
    _add_corpora(slate)
    _add_selections(slate)


def _add_forms(slate: Slate) -> None:
    for pointer, value in walk(slate.alloy.document):
        # One of several digests is meant as its list's field is.
        key = next((part for part in reversed(pointer.split("/")) if not part.isdigit()), "")
        if is_digest_key(key) and (value is None or isinstance(value, str | int)):
            slate.add(
                f"form-{pointer[1:]}", Tier.RECIPE, "hash-form", pointer, f"{key} holds a well-formed sha256."
            )


def _add_files(slate: Slate) -> None:
    results = slate.alloy.model.results
    integrity = results.integrity if results else None
    if integrity is None:
        slate.add(
            "model-hash",
            Tier.BYTES,
            "model-hash",
            "/results/integrity/modelHash",
            "The weights are attested by a modelHash.",
        )
        return
    base = "/results/integrity"
    hashes = tuple(f"{base}/fileHashes/{i}" for i in range(len(integrity.file_hashes or ())))
    for pointer, file in zip(hashes, integrity.file_hashes or (), strict=True):
        slate.add(
            f"file-{file.filename}",
            Tier.BYTES,
            "file-digest",
            f"{pointer}/sha256",
            f"{file.filename} has the stated sha256 and size.",
            inputs=(f"{pointer}/filename", f"{pointer}/size"),
            params={"path": file.filename, "size": file.size},
        )
    slate.add(
        "model-hash",
        Tier.BYTES,
        "model-hash",
        f"{base}/modelHash",
        "modelHash is the digest over all fileHashes.",
        inputs=(f"{base}/fileHashes",),
    )
    if integrity.code is not None and integrity.code.binary_hash:
        slate.add(
            "runner-binary",
            Tier.BYTES,
            "external-digest",
            f"{base}/code/binaryHash",
            "The forge's program had the stated digest.",
            inputs=(f"{base}/code/runner",),
        )
    for i, dataset in enumerate(integrity.datasets or ()):
        slate.add(
            f"dataset-{dataset.name}",
            Tier.BYTES,
            "dataset-digest",
            f"{base}/datasets/{i}/hash",
            f"Data set {dataset.name} has the stated digest.",
            inputs=(f"{base}/datasets/{i}/name",),
            params={"name": dataset.name},
        )


_CORPUS_FIELDS = ("calibrationCorpus", "calibrationDataset", "dataset", "trainingDataset")


def _add_corpora(slate: Slate) -> None:
    """A corpus that is named must be pinned somewhere, or nobody can redo the recipe."""
    named = [(f"/stages/{i}", stage) for i, stage in enumerate(slate.value("/stages"))]
    for i, prior in enumerate(slate.value("/priorMetricBaselines") or ()):
        if isinstance(prior.get("metric"), dict):
            named.append((f"/priorMetricBaselines/{i}/metric", prior["metric"]))
    for where, holder in named:
        for key in _CORPUS_FIELDS:
            if isinstance(holder.get(key), str):
                _add_corpus(slate, where, key)


def _add_corpus(slate: Slate, where: str, key: str) -> None:
    """The claim's value is the corpus's digest, not its name, which publishers write as prose."""
    name, digest = slate.value(f"{where}/{key}"), f"{where}/{key}Sha256"
    datasets = slate.value("/results/integrity/datasets") or ()
    listed = [d.get("hash") for d in datasets if d.get("name") == name]
    slate.add(
        f"corpus-{where[1:]}-{key}",
        Tier.BYTES,
        "corpus-digest",
        f"{where}/{key}",
        f"Corpus {name[:60]} is pinned by a digest.",
        inputs=(digest, f"{where}/{key}File", "/results/integrity/datasets"),
        params={"file": f"{where}/{key}File"},
        expected=slate.value(digest) or (listed[0] if listed else None),
    )


def _add_selections(slate: Slate) -> None:
    """The recorded choice of heads or experts decides the bytes of the result, so it is attested too."""
    for i, stage in enumerate(slate.value("/stages")):
        if isinstance(stage.get("selectionFile"), str):
            slate.add(
                f"stage-{i}-selection",
                Tier.BYTES,
                "selection-digest",
                f"/stages/{i}/selectionSha256",
                f"The selection of stage {i} has the stated digest.",
                inputs=(f"/stages/{i}/selectionFile",),
                params={"path": stage["selectionFile"]},
            )
