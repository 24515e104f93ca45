"""The benchmarks of lm-evaluation-harness, as data: tasks, sizes, and the metric that counts.

Tasks are those of the Open LLM Leaderboard v2 where it has the benchmark. Sizes are numbers of problems in
the published datasets, as the leaderboard's results state them.
"""

from verifier.runners.lm_eval.identity import own
from verifier.runners.lm_eval.names import BBH
from verifier.runners.lm_eval.runner import LmEvalRunner, LmEvalTask

_BBH_SIZES = {"causal_judgement": 187, "penguins_in_a_table": 146, "snarks": 178}
_MATH_SIZES = {
    "algebra": 307,
    "counting_and_prob": 123,
    "geometry": 132,
    "intermediate_algebra": 280,
    "num_theory": 154,
    "prealgebra": 193,
    "precalculus": 135,
}
_MATH_PACKAGES = ("sympy", "antlr4-python3-runtime", "math-verify", "latex2sympy2-extended")


def _bbh(part: str) -> LmEvalTask:
    return LmEvalTask(
        name=f"leaderboard_bbh_{part}",
        yaml=f"leaderboard/bbh_mc/{part}.yaml",
        version="1.0",
        size=_BBH_SIZES.get(part, 250),
        fewshot=3,
    )


def _gpqa(part: str, size: int) -> LmEvalTask:
    return LmEvalTask(
        name=f"leaderboard_gpqa_{part}",
        yaml=f"leaderboard/gpqa/gpqa_{part}_zeroshot.yaml",
        version="1.0",
        size=size,
        fewshot=0,
    )


def _musr(part: str, size: int) -> LmEvalTask:
    return LmEvalTask(
        name=f"leaderboard_musr_{part}",
        yaml=f"leaderboard/musr/musr_{part}.yaml",
        version="1.0",
        size=size,
        fewshot=0,
    )


_WORDS = tuple(
    LmEvalTask(
        name=f"alloybench_words_{part}",
        yaml=own(f"alloybench_words_{part}.yaml"),
        version="1.0",
        size=size,
        fewshot=0,
        docs_sha256=docs,
    )
    for part, size, docs in (
        ("sums", 25, "947020216606f6e16d764539e3e723076a1c5ec07c180aff9877fbc05e62c55f"),
        ("counts", 15, "77507153c2eb3fe6e6af7d65a544ccb025358b1e1c60628743d7f2182adcaabf"),
    )
)

_ALL = (
    LmEvalRunner(
        name="ifeval",
        aliases=("IFEval", "leaderboard_ifeval"),
        tasks=(
            LmEvalTask(
                name="leaderboard_ifeval",
                yaml="leaderboard/ifeval/ifeval.yaml",
                version="3.0",
                size=541,
                fewshot=0,
            ),
        ),
        metric="prompt_level_strict_acc",
        packages=("nltk", "langdetect", "immutabledict"),
        sentences=True,
    ),
    LmEvalRunner(
        name="bbh",
        aliases=("BBH", "leaderboard_bbh"),
        tasks=tuple(_bbh(part) for part in BBH),
        group="leaderboard/bbh_mc/_leaderboard_bbh.yaml",
        metric="acc_norm",
    ),
    *(
        LmEvalRunner(
            name=f"bbh_{part}", aliases=(f"leaderboard_bbh_{part}",), tasks=(_bbh(part),), metric="acc_norm"
        )
        for part in BBH
    ),
    LmEvalRunner(
        name="math_hard",
        aliases=("MATH-hard", "MATH Lvl 5", "leaderboard_math_hard"),
        tasks=tuple(
            LmEvalTask(
                name=f"leaderboard_math_{part}_hard",
                yaml=f"leaderboard/math/math_{part}.yaml",
                version="3.0",
                size=size,
                fewshot=4,
            )
            for part, size in _MATH_SIZES.items()
        ),
        group="leaderboard/math/_leaderboard_math.yaml",
        metric="exact_match",
        packages=_MATH_PACKAGES,
    ),
    LmEvalRunner(
        name="gpqa",
        aliases=("GPQA", "leaderboard_gpqa"),
        tasks=(_gpqa("diamond", 198), _gpqa("extended", 546), _gpqa("main", 448)),
        group="leaderboard/gpqa/_leaderboard_gpqa.yaml",
        metric="acc_norm",
    ),
    LmEvalRunner(
        name="gpqa_diamond",
        aliases=("GPQA-Diamond", "gpqa-diamond", "leaderboard_gpqa_diamond"),
        tasks=(_gpqa("diamond", 198),),
        metric="acc_norm",
    ),
    LmEvalRunner(
        name="mmlu_pro",
        aliases=("MMLU-Pro", "MMLU-PRO", "mmlu-pro", "leaderboard_mmlu_pro"),
        tasks=(
            LmEvalTask(
                name="leaderboard_mmlu_pro",
                yaml="leaderboard/mmlu_pro/mmlu_pro.yaml",
                version="0.1",
                size=12032,
                fewshot=5,
            ),
        ),
        metric="acc",
    ),
    LmEvalRunner(
        name="musr",
        aliases=("MuSR", "MUSR", "leaderboard_musr"),
        tasks=(
            _musr("murder_mysteries", 250),
            _musr("object_placements", 256),
            _musr("team_allocation", 250),
        ),
        group="leaderboard/musr/_musr.yaml",
        metric="acc_norm",
    ),
    LmEvalRunner(
        name="gsm8k",
        aliases=("GSM8K", "gsm8k-main"),
        tasks=(LmEvalTask(name="gsm8k", yaml="gsm8k/gsm8k.yaml", version="3.0", size=1319, fewshot=5),),
        metric="exact_match",
        filter="strict-match",
    ),
    LmEvalRunner(
        name="aime_2024",
        aliases=("AIME 2024", "AIME2024", "aime24", "aime-2024"),
        tasks=(LmEvalTask(name="aime24", yaml="aime/aime24.yaml", version="0.0", size=30, fewshot=0),),
        metric="exact_match",
    ),
    LmEvalRunner(
        name="alloybench_words",
        tasks=_WORDS,
        group=own("_alloybench_words.yaml"),
        metric="exact_match",
        filter="strict-match",
        counted=True,
    ),
    *(
        LmEvalRunner(name=task.name, tasks=(task,), metric="exact_match", filter="strict-match", counted=True)
        for task in _WORDS
    ),
)

RUNNERS = {runner.name: runner for runner in _ALL}


def __getattr__(name: str) -> LmEvalRunner:
    """Each runner by its benchmark's name, as the registry asks for it."""
    try:
        return RUNNERS[name]
    except KeyError:
        raise AttributeError(name) from None
