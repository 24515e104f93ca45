"""Laws of error rate and BLEU, tried in a process of its own: scoring changes ``sys.modules``."""

import sys
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifier.errors import DocumentError
from verifier.runners.audio import harness

WORDS = (
    "a",
    "um",
    "twenty",
    "one",
    "don't",
    "colour",
    "Mr.",
    "(laughs)",
    "<|en|>",
    "$5",
    "¢",
    "3rd",
    "naïve",
    "你好",
)
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
SAID = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join) | ANY
PLAIN = st.lists(st.sampled_from(("red", "green", "blue", "house")), min_size=1, max_size=8)
TRIES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
)


def wer(pairs: Any) -> harness.Scored:
    return harness.wer(pairs, lambda _: None)


@TRIES
@given(st.lists(st.tuples(SAID, SAID), min_size=1, max_size=6), st.randoms())
def order_does_not_matter(pairs: list[tuple[str, str]], random: Any) -> None:
    try:
        before = wer(pairs)
    except DocumentError:
        return
    order = list(range(len(pairs)))
    random.shuffle(order)
    after = wer([pairs[i] for i in order])
    assert after.metrics == before.metrics
    assert list(after.errors) == [before.errors[i] for i in order]


@TRIES
@given(st.lists(SAID, min_size=1, max_size=6))
def what_is_the_same_has_no_error(texts: list[str]) -> None:
    try:
        found = wer([(text, text) for text in texts])
    except DocumentError:
        return
    assert not any(found.errors)
    assert dict(found.metrics)["wer"] == 0


@TRIES
@given(st.lists(PLAIN, min_size=1, max_size=6), st.data())
def one_wrong_word_is_one_error(texts: list[list[str]], data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(texts) - 1))
    where = data.draw(st.integers(0, len(texts[which]) - 1))
    wrong = [list(text) for text in texts]
    wrong[which][where] = "wrong"
    found = wer([(" ".join(one), " ".join(other)) for one, other in zip(texts, wrong, strict=True)])
    assert [n for n in found.errors if n] == [1]
    words = sum(map(len, texts))
    assert all(abs(value - 100 / words) < 1e-9 for _, value in found.metrics)


@TRIES
@given(st.lists(PLAIN, min_size=1, max_size=6))
def nothing_said_is_all_wrong(texts: list[list[str]]) -> None:
    found = wer([(" ".join(text), "") for text in texts])
    assert {value for _, value in found.metrics} == {100.0}


@TRIES
@given(st.lists(ANY, min_size=1, max_size=5))
def bleu_of_the_same_is_100(texts: list[str]) -> None:
    for function, long in (
        (harness.bleu_en, "the quick brown fox jumps"),
        (harness.bleu_zh, "今天天气很好我们去散步"),
    ):
        found = function([(f"{text} {long}", f"{text} {long}") for text in texts], lambda _: None)
        assert not any(found.errors)
        assert all(abs(value - 100) < 1e-6 for _, value in found.metrics)


if __name__ == "__main__":
    for law in (
        order_does_not_matter,
        what_is_the_same_has_no_error,
        one_wrong_word_is_one_error,
        nothing_said_is_all_wrong,
        bleu_of_the_same_is_100,
    ):
        law()
    sys.exit(0)
