"""Two calibration corpora, written for this project: one of code, one of prose."""

import json

CODE = (
    "def add(a, b):\n    return a + b\n",
    "for i in range(10):\n    print(i * i)\n",
    "if not items:\n    return None\n",
    "total = sum(x for x in values if x > 0)\n",
    "with open(path) as stream:\n    text = stream.read()\n",
    "try:\n    value = table[key]\nexcept KeyError:\n    value = 0\n",
    "class Point:\n    def __init__(self, x, y):\n        self.x, self.y = x, y\n",
    "result = {k: v for k, v in pairs}\nassert len(result) == 3\n",
)
PROSE = (
    "The river rose in the night and was gone by noon.",
    "She counted the windows twice, and each time there was one more.",
    "Bread keeps for three days; advice for much less.",
    "A map is a promise that somebody came back.",
    "He wrote slowly, as if every letter had to be carried.",
    "Nobody remembers who built the bridge, but everyone knows who paid.",
    "Winter came early and stayed, like a guest without a train to catch.",
    "What the lamp did not reach, the cat did.",
)


def as_file(examples: tuple[str, ...]) -> bytes:
    """The corpus as a JSONL file: one object with a ``text`` a line."""
    return "".join(json.dumps({"text": text}) + "\n" for text in examples).encode()


def as_text(examples: tuple[str, ...]) -> str:
    """The corpus as the profile reads it: all examples, one after another."""
    return "".join(examples)
