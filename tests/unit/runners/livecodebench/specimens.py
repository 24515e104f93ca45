"""Programs that pass without solving anything, or that attack the machine: committed files, one program each.

``cheats/printed`` and the hostile ones answer a problem that wants the sum of two numbers on standard output,
``cheats/returned`` one that wants a list with a number added to every element. None of the cheats knows how
to do either. The hostile ones answer rightly only where their attack gets through; those in ``hanging`` never
end.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.unit.runners.livecodebench import contest_problems as contest

HERE = Path(__file__).parent


def programs(folder: str) -> dict[str, str]:
    """The programs of a folder by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((HERE / folder).glob("*.py"))}


def copies(answers: Mapping[str, tuple[dict[str, Any], str]], folder: Path) -> tuple[Path, Path]:
    """Write samples and a dataset in which every program answers a copy of its problem.

    Args:
        answers: problem and program by name; the name becomes the question's id.
        folder: where to write.
    """
    problems = [{**problem, "question_id": name} for name, (problem, _) in answers.items()]
    dataset = contest.write_dataset(folder / "test6.jsonl", problems)
    log = contest.custom({name: [code] for name, (_, code) in answers.items()})
    return contest.write(folder / "samples.json", log), dataset


def among_honest(
    answers: Mapping[str, tuple[dict[str, Any], str]],
) -> dict[str, tuple[dict[str, Any], str]]:
    """Put honest and wrong programs between others, so that poison would show in them."""
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for number, (name, answer) in enumerate(answers.items()):
        found[name] = answer
        if number % 4 == 0:
            found[f"honest {number}"] = (contest.SUM, f"{contest.PROGRAMS['abc301_a'][0]}# {number}\n")
            found[f"wrong {number}"] = (contest.SHIFT, f"{contest.PROGRAMS['2727'][1]}# {number}\n")
    return found
