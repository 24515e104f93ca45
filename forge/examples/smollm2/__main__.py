"""``python -m forge.examples.smollm2 --out DIR``: the whole run, and a table of what came out."""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from forge import loading
from forge.cli_progress import progress
from forge.corpus import read_corpus
from forge.engine import ForgeOptions, ForgeResult, forge
from forge.examples.smollm2 import base
from forge.examples.smollm2.nearness import nearness
from forge.quant import llama_cpp
from forge.stages.base import Progress, silent
from verifier.errors import AlloyError, UsageError
from verifier.verdicts import JSON

HERE = Path(__file__).parent
VARIANTS = {"recipe": "recipe.alloy.json", "ablation": "ablation.alloy.json"}
QUESTION = "What is a lighthouse for?"
MOST = 48


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example; 0 if the result is there, 2 with a message if not."""
    args = _parser().parse_args(arguments)
    try:
        with progress(args.quiet) as shown:
            told = run(
                args.out,
                variant=args.variant,
                threads=args.threads,
                folder=args.base,
                resume=args.resume,
                on_progress=shown or silent,
            )
    except AlloyError as error:
        print(f"error: {error}\n{error.remedy}".strip(), file=sys.stderr)
        return 2
    print(table(told))
    return 0


def run(
    out: Path,
    *,
    variant: str = "recipe",
    threads: int = 1,
    folder: Path | None = None,
    resume: bool = False,
    on_progress: Progress = silent,
) -> dict[str, JSON]:
    """Dequantise, execute the recipe, and use what came out.

    Args:
        out: new folder; gets ``base``, ``model`` and ``summary.json``.
        variant: ``recipe``, or ``ablation``: compensation towards hidden states instead of logits.
        threads: of torch and llama.cpp; part of what decides the bytes.
        folder: a base that an earlier run has dequantised.
        resume: go on with an interrupted run in ``out``.
        on_progress: told what is being done.

    Returns:
        What ``summary.json`` holds: perplexities, hashes, sizes, seconds, what was generated.

    Raises:
        AlloyError: see :func:`forge.engine.forge`.
    """
    if out.exists() and not resume:
        raise UsageError(f"--out: expected a folder that does not exist yet; found {out}")
    loading.need("torch", "transformers", "peft")
    import torch

    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    folder = folder or out / "base"
    if not (folder / "tokenizer_config.json").is_file():
        base.dequantise(folder)
    result = forge(
        HERE / VARIANTS[variant],
        out / "model",
        options=ForgeOptions(
            base=folder,
            offline=True,
            resume=resume and (out / "model").exists(),
            on_progress=on_progress,
        ),
    )
    told: dict[str, JSON] = {
        "variant": variant,
        "threads": threads,
        "modelHash": result.model_hash,
        "perplexity": dict(_perplexities(result)),
        "nearness": nearness(folder, result.out),
        "quantised": _use(result, threads),
        "seconds": {**_seconds(result), "in all": round(time.monotonic() - begin, 1)},
        "peakMemoryMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    (out / "summary.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return told


def table(told: Mapping[str, Any]) -> str:
    """The run in a few lines."""
    lines = [f"modelHash {told['modelHash']}", "", "perplexity on heldout.jsonl"]
    lines += [f"  {name:<42} {value:8.3f}" for name, value in told["perplexity"].items()]
    for kind, entry in told["quantised"].items():
        name = f"{kind} in llama.cpp ({entry['size'] / 1e6:.0f} MB)"
        lines.append(f"  {name:<42} {entry['perplexity']:8.3f}")
    near = told["nearness"]
    lines.append(f"KL from the unpruned model {near['kl']:.3f} nats, same choice {near['agreement']:.1%}")
    lines += ["", f"asked: {QUESTION}"]
    lines += [f"  {kind}: {entry['answer']!r}" for kind, entry in told["quantised"].items()]
    lines += ["", "seconds"]
    lines += [f"  {name:<42} {value:8.1f}" for name, value in told["seconds"].items()]
    return "\n".join([*lines, "", f"peak memory {told['peakMemoryMiB']} MiB"])


def _perplexities(result: ForgeResult) -> Iterator[tuple[str, float]]:
    """What each eval stage measured, by the stage before it."""
    document = json.loads(result.alloy.read_text(encoding="utf-8"))
    before = "base, unpruned"
    for index, stage in enumerate(document["stages"]):
        if stage["type"] == "eval":
            for record in stage["executed"]["record"]["benchmarks"]:
                yield f"after {before}" if index else before, float(record["final"]["perplexity"])
        else:
            before = f"{index} {stage['type']} ({stage['executed']['method']})"


def _use(result: ForgeResult, threads: int) -> dict[str, JSON]:
    """Load each GGUF file in llama.cpp: perplexity on the held-out texts, and an answer to a question."""
    texts = read_corpus(HERE / "heldout.jsonl").texts
    tokenizer = loading.load_tokenizer(result.out)
    messages = [{"role": "user", "content": QUESTION}]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    used: dict[str, JSON] = {}
    for entry in result.files:
        path = result.out / str(entry["filename"])
        if path.suffix == ".gguf":
            measured = llama_cpp.perplexity(path, texts, threads=threads)
            answer = llama_cpp.generate(path, prompt, MOST, threads=threads)
            used[path.stem.rpartition("-")[2]] = {
                "sha256": entry["sha256"],
                "size": entry["size"],
                "perplexity": measured["perplexity"],
                "tokens": measured["tokens"],
                "answer": answer["text"],
            }
    return used


def _seconds(result: ForgeResult) -> dict[str, JSON]:
    return {f"{s['index']} {s['type']} ({s['method']})": s["seconds"] for s in result.stages}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m forge.examples.smollm2", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for everything; new")
    parser.add_argument(
        "--variant", choices=VARIANTS, default="recipe", help="ablation: compensate towards hidden states"
    )
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="of torch and llama.cpp; decides bytes (1)"
    )
    parser.add_argument("--base", type=Path, metavar="FOLDER", help="a base of an earlier run (DIR/base)")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run in DIR")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    return parser


if __name__ == "__main__":
    sys.exit(main())
