"""AlloyBench-Words: forty small problems with a number for an answer, in GSM8K's columns and form."""

from collections.abc import Mapping
from dataclasses import dataclass

BENCHMARK = "alloybench_words"
"""The group; its parts are the keys of ``TASKS``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with its answer.

    Attributes:
        question: what is asked.
        steps: how the number is found, in one sentence without a full stop.
        value: the number.
        slip: the number that a likely mistake gives.
    """

    question: str
    steps: str
    value: int
    slip: int

    def row(self) -> dict[str, str]:
        """The problem in GSM8K's columns."""
        return {"question": self.question, "answer": self.text("right")}

    def text(self, quality: str) -> str:
        """An answer: ``"right"``; ``"loose"``, right but not in the form asked for; or ``"wrong"``."""
        if quality == "loose":
            return f"{self.steps}, so the answer is {self.value}"
        number = {"right": self.value, "wrong": self.slip}[quality]
        return f"{self.steps}.\n#### {number}"


SUMS = (
    Problem("A shelf has 4 rows of 9 jars. How many jars are there?", "4 rows of 9 are 36", 36, 13),
    Problem("Nora has 15 stamps and gives away 6. How many are left?", "15 less 6 is 9", 9, 21),
    Problem("A train has 7 cars with 48 seats each. How many seats?", "7 times 48 is 336", 336, 55),
    Problem("Three friends share 51 nuts equally. How many has each?", "51 by 3 is 17", 17, 48),
    Problem("A book of 240 pages is half read. How many pages remain?", "Half of 240 is 120", 120, 240),
    Problem("Eggs cost 3 coins for 6. What do 30 eggs cost?", "30 eggs are 5 times 6", 15, 90),
    Problem("A hall is 12 by 8 steps. What is its area?", "12 by 8 is 96", 96, 40),
    Problem("Ivo runs 5 laps of 400 m. How many metres is that?", "5 laps of 400 are 2000", 2000, 405),
    Problem("It is 9 o'clock. What is the hour 5 hours later, of 12?", "9 and 5 is 14, less 12", 2, 14),
    Problem("A rope of 30 m is cut every 5 m. How many cuts?", "6 parts need a cut less", 5, 6),
    Problem("Of 80 birds a quarter flies off. How many stay?", "A quarter is 20", 60, 20),
    Problem("Two dozen rolls are eaten by 8 guests. How many each?", "24 by 8 is 3", 3, 2),
    Problem("A pot holds 6 litres, a cup a quarter. How many cups?", "4 cups are a litre", 24, 10),
    Problem("7 boxes of 12 pens, less 9 broken ones. How many pens?", "7 of 12 are 84", 75, 84),
    Problem("A coat of 90 coins is a third cheaper. Its price?", "A third of 90 is 30", 60, 30),
    Problem("18 pupils sit in pairs. How many pairs are there?", "18 by 2 is 9", 9, 36),
    Problem("A wall grows 3 rows a day, 13 days. How many rows?", "13 times 3 is 39", 39, 16),
    Problem("A fee of 5 and 2 for each of 11 rides. What is paid?", "11 rides are 22", 27, 77),
    Problem("Half of 14 and half of 26 together are how many?", "Half of 40 is the same", 20, 40),
    Problem("A clock is 20 minutes slow by 2 a day. How many days?", "20 by 2 is 10", 10, 40),
    Problem("100 seeds, one in ten is lost. How many are left?", "A tenth of 100 is 10", 90, 10),
    Problem("Four corners of 3 lamps, one out. How many burn?", "4 times 3 is 12", 11, 12),
    Problem("A week of 8 hours each day is how many hours?", "7 days of 8 are 56", 56, 40),
    Problem("Lina is 11, her aunt three times that. The aunt's age?", "3 times 11 is 33", 33, 14),
    Problem("From -4 degrees it warms by 9. How warm is it then?", "9 less 4 is 5", 5, 13),
)
COUNTS = (
    Problem("How many letters has the word river?", "Its letters are r, i, v, e, r", 5, 4),
    Problem("How many words are in: the old mill turns?", "One by one they are four", 4, 3),
    Problem("How often is the letter a in banana?", "It is every second letter", 3, 2),
    Problem("How many vowels has the word candle?", "They are a and e", 2, 3),
    Problem("How many letters has the word bookkeeper?", "book has 4, keeper has 6", 10, 9),
    Problem("How many words of: we go to sea, have two letters?", "They are we, go, to", 3, 2),
    Problem("How many different letters has the word level?", "They are l, e, v", 3, 5),
    Problem("How often is the letter s in Mississippi?", "Twice two of them", 4, 3),
    Problem("How many syllables has the word potato?", "They are po, ta, to", 3, 2),
    Problem("How many letters follow m in the alphabet?", "m is number 13 of 26", 13, 12),
    Problem("How many capital letters are in: Ann and Bo met Eve?", "They are A, B, E", 3, 2),
    Problem("How many digits has the number of days in a leap year?", "It has 366", 3, 2),
    Problem("How many letters has the longest word of: a tin lantern?", "It is lantern", 7, 3),
    Problem("How many words are left of: no no yes no, without no?", "One is yes", 1, 3),
    Problem("How many consonants has the word winter?", "They are w, n, t, r", 4, 2),
)
TASKS: Mapping[str, tuple[Problem, ...]] = {"alloybench_words_sums": SUMS, "alloybench_words_counts": COUNTS}
"""Problems by the harness's task; the position is the index in its log."""

FILTERS = {"right": (True, True), "loose": (False, True), "wrong": (False, False)}
"""By quality of an answer: whether it counts through the strict filter, and through the flexible one."""
