"""The benchmark's files: the data set, and samples of stated quality."""

import json
import struct
import zlib
from collections.abc import Mapping

from forge.reference.bench import lists, texts

PROBLEMS = (*lists.PROBLEMS, *texts.PROBLEMS)
"""All problems; the position is the number in the task id."""

DATASET = "AlloyBench-v1.jsonl.gz"
"""File name of the data set."""


def task_id(number: int) -> str:
    """Name of a problem in data set and samples."""
    return f"AlloyBench/{number}"


def dataset() -> bytes:
    """The data set: one JSON object a line in HumanEval+ fields, stored uncompressed inside gzip."""
    lines = [
        {
            "task_id": task_id(i),
            "prompt": p.prompt,
            "entry_point": p.entry_point,
            "canonical_solution": p.body("right"),
            "contract": f"\n    {p.contract}\n",
            "base_input": p.base,
            "plus_input": p.plus,
            "atol": p.atol,
        }
        for i, p in enumerate(PROBLEMS)
    ]
    return stored_gzip(_lines(lines))


def samples(faults: Mapping[int, str]) -> bytes:
    """A samples file: every problem solved, except that ``faults`` names the weak and the wrong ones."""
    return _lines(
        [
            {"task_id": task_id(i), "solution": p.prompt + p.body(faults.get(i, "right"))}
            for i, p in enumerate(PROBLEMS)
        ]
    )


def stored_gzip(data: bytes) -> bytes:
    """A gzip file (RFC 1952) of stored blocks (RFC 1951, 3.2.4), no name, no time.

    What zlib makes of the same bytes differs between its versions; this has one spelling, so the digest
    is the same on every machine.
    """
    parts = [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"]
    chunks = [data[i : i + 65535] for i in range(0, len(data), 65535)] or [b""]
    for i, chunk in enumerate(chunks):
        last = i == len(chunks) - 1
        parts.append(struct.pack("<BHH", last, len(chunk), len(chunk) ^ 0xFFFF) + chunk)
    parts.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(parts)


def _lines(records: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(r, ensure_ascii=True) + "\n" for r in records).encode()
