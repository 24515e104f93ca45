"""AlloyBench-Charts: twenty-four small questions about charts put into words, in ChartQA's columns."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from forge.reference.bench.files import stored_gzip

TASK = "alloybench_charts"
DATASET = "AlloyBenchCharts-v1.jsonl.gz"
"""File name of the data set."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A question with its answer.

    Attributes:
        chart: what the chart shows.
        question: what is asked about it.
        right: the answer.
        near: an answer that counts although it is another text.
        wrong: an answer that does not count.
        human: of the split that people wrote; else of the one that is made from summaries.
    """

    chart: str
    question: str
    right: str
    near: str
    wrong: str
    human: bool = True

    def row(self) -> dict[str, str]:
        """The problem in ChartQA's columns, without a picture."""
        kind = "human_test" if self.human else "augmented_test"
        return {"type": kind, "question": f"{self.chart} {self.question}", "answer": self.right}


_BARS = "Bars: January 14, February 18, March 9, April 27."
_LINES = "Lines from 2010 to 2013: exports 40, 44, 52, 50; imports 35, 47, 49, 58."
_PIE = "Pie: rail 45%, road 30%, water 15%, air 10%."
_STACK = "Stacked bars: north 12 oak and 8 elm, south 5 oak and 20 elm, west 9 oak and 9 elm."

PROBLEMS = (
    Chart(_BARS, "Which month has the tallest bar?", "April", "april", "February"),
    Chart(_BARS, "What is the value of February?", "18", "18.5", "14"),
    Chart(_BARS, "What is the sum of all bars?", "68", "70", "59"),
    Chart(_BARS, "How much taller is April than March?", "18", "17.5", "27"),
    Chart(_BARS, "Is the bar of January above 15?", "No", "no", "Yes"),
    Chart(_BARS, "What is the mean of the four bars?", "17", "17.0", "18"),
    Chart(_LINES, "In which year were imports first above exports?", "2011", "2011.0", "1890"),
    Chart(_LINES, "What were exports in 2012?", "52", "52.0", "49"),
    Chart(_LINES, "What is the largest gap between the lines?", "8", "8.2", "5"),
    Chart(_LINES, "By how much did imports grow from 2010 to 2013?", "23", "22.9", "10"),
    Chart(_LINES, "Which line ends higher?", "imports", "Imports", "exports"),
    Chart(_LINES, "What is the ratio of exports to imports in 2010?", "1.14", "1.142857", "0.875"),
    Chart(_PIE, "What is the share of road?", "30%", "0.3", "45%", human=False),
    Chart(_PIE, "Which part is the smallest?", "air", "AIR", "water", human=False),
    Chart(_PIE, "What do rail and road have together?", "75%", "0.76", "25%", human=False),
    Chart(_PIE, "How many parts are there?", "4", "4.0", "5", human=False),
    Chart(_PIE, "What is the share of water?", "15%", "15.5%", "15", human=False),
    Chart(_PIE, "Which part has 45%?", "rail", "Rail", "road", human=False),
    Chart(_STACK, "How many trees stand in the south?", "25", "24.5", "20", human=False),
    Chart(_STACK, "Where do most oaks stand?", "north", "North", "south", human=False),
    Chart(_STACK, "How many elms stand in all?", "37", "38", "26", human=False),
    Chart(_STACK, "Where are both kinds equally many?", "west", "WEST", "the west", human=False),
    Chart(_STACK, "How many oaks stand in the west?", "9", "9.4", "18", human=False),
    Chart(
        _STACK, "What is the difference between elm and oak in the south?", "15", "15.7", "25", human=False
    ),
)
"""All problems; the position is the index in the data set."""


def task_id(number: int) -> str:
    """Name of a problem, as a scored log has it."""
    return f"{TASK}/{number}"


def dataset() -> bytes:
    """The data set: one JSON object a line, stored uncompressed inside gzip."""
    return stored_gzip("".join(json.dumps(chart.row()) + "\n" for chart in PROBLEMS).encode())


def answers(faults: Mapping[int, str]) -> dict[str, str]:
    """An answer to every problem: the right one, except that ``faults`` names ``near`` and ``wrong`` ones."""
    return {task_id(i): str(getattr(chart, faults.get(i, "right"))) for i, chart in enumerate(PROBLEMS)}
