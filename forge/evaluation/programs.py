"""A model writes programs for evalplus's benchmarks: its prompts, its stop words, its cleaning up."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from forge import loading
from forge.evaluation.settings import Settings
from forge.stages.base import Progress
from verifier.errors import JudgeError
from verifier.runners.benchmark import BenchmarkRunner
from verifier.runners.problems import load_problems

MAX_TOKENS = 768
"""evalplus's own limit of an answer."""
_LONGEST = 10_000
"""Characters after which evalplus cuts an answer without a stop word."""
_INSTRUCTION = (
    "Please provide a self-contained Python script that solves the following problem in a markdown"
    " code block:"
)
_RESPONSE = (
    "Below is a Python script with a self-contained function that solves the problem and passes corresponding"
    " tests:"
)
"""As ``run_codegen`` of evalplus 0.3.1 words them."""


def write(
    runner: BenchmarkRunner,
    model: Path,
    out: Path,
    dataset: Path,
    *,
    settings: Settings,
    on_progress: Progress,
) -> Path:
    """Ask a model greedily for one program per problem.

    What evalplus's ``codegen`` does with its transformers backend, on a model that is loaded by stock
    transformers on the wanted device: evalplus's backend chooses device and attention by itself.

    Args:
        runner: the benchmark.
        model: the model's folder.
        out: folder for ``samples.jsonl`` and, unclean as the model gave it, ``samples.raw.jsonl``.
        dataset: the problems.
        settings: how to run it.
        on_progress: told how many programs are written.

    Returns:
        The samples file.

    Raises:
        EvidenceMissingError: a package is missing.
        UsageError, DocumentError: model or dataset cannot be read.
        JudgeError: generating broke.
    """
    loading.need("torch", "transformers")
    from evalplus.sanitize import sanitize

    problems = load_problems(dataset, runner.kind)
    on_progress("loading the model", 0, 0)
    answer, direct = _answering(model, runner.kind, settings)
    chosen = list(islice(problems.values(), settings.limit))
    path, raw = out / "samples.jsonl", out / "samples.raw.jsonl"
    with path.open("w", encoding="utf-8") as clean, raw.open("w", encoding="utf-8") as unclean:
        for done, problem in enumerate(chosen):
            on_progress("programs", done, len(chosen))
            prompt = problem.prompt.strip() + "\n"
            try:
                text = answer(prompt)
            except (RuntimeError, ValueError, IndexError) as error:
                raise JudgeError(f"{problem.task_id}: the model broke: {error}"[:1000]) from error
            whole = prompt + text if direct else text
            for stream, code in ((unclean, whole), (clean, sanitize(whole, entrypoint=problem.entry_point))):
                stream.write(json.dumps({"task_id": problem.task_id, "solution": code}) + "\n")
    on_progress("programs", len(chosen), len(chosen))
    return path


def _answering(folder: Path, kind: str, settings: Settings) -> tuple[Callable[[str], str], bool]:
    """A function from a prompt to an answer; whether the answer goes on from the prompt."""
    import torch
    from evalplus.provider.utility import EOS, extra_eos_for_direct_completion, make_raw_chat_prompt

    model = loading.load_model(folder, device=settings.device, dtype=settings.dtype)
    tokenizer = loading.load_tokenizer(folder)
    direct = settings.chat is False or tokenizer.chat_template is None
    stops = [*EOS, *(extra_eos_for_direct_completion(kind) if direct else ["\n```\n"])]
    if settings.seed is not None:
        torch.manual_seed(settings.seed)

    @torch.inference_mode()
    def answer(prompt: str) -> str:
        if not direct:
            prompt = make_raw_chat_prompt(prompt, _INSTRUCTION, _RESPONSE, tokenizer)
        tokens: Any = tokenizer(prompt, return_tensors="pt").to(settings.device)
        out = model.generate(
            **tokens,
            max_new_tokens=settings.max_tokens or MAX_TOKENS,
            do_sample=False,
            pad_token_id=loading.pad_token(tokenizer),
            stop_strings=stops,
            tokenizer=tokenizer,
        )
        text: str = tokenizer.decode(out[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True)
        ends = [text.index(stop) for stop in stops if stop in text]
        return text[: min(ends, default=_LONGEST)].replace("\t", "    ")

    return answer, direct
