"""lmms-eval's own scoring of transcripts and translations; runs in the judges' process only.

The harness's functions are called as they are. Two of the functions that *they* call are listened to, so that
one pass gives the number and what became of each utterance: the edit distance, and sacrebleu's own
``corpus_bleu``.
"""

import contextlib
import functools
import importlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from verifier.errors import DocumentError
from verifier.runners.child import bare


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the harness makes of utterances.

    Attributes:
        errors: by utterance: 0 if it has no error; the more, the worse.
        metrics: name and value in percent; the harness's own number first.
        signatures: sacrebleu's, by metric.
    """

    errors: Sequence[float]
    metrics: Sequence[tuple[str, float]]
    signatures: dict[str, str] = field(default_factory=dict)


Pairs = Sequence[tuple[str, str]]
"""Reference and prediction."""
Tell = Callable[[int], None]


def wer(pairs: Pairs, tell: Tell) -> Scored:
    """Word error rate as ``librispeech_wer`` computes it, and two others by jiwer.

    * ``wer``: Whisper's English normaliser, then its basic one, and punctuation left out; edits over words of
      the whole corpus.
    * ``wer_whisper_normalizer``: Whisper's English normaliser alone.
    * ``wer_lowercase``: lower case without punctuation, and nothing else.

    Raises:
        DocumentError: no reference has a word.
    """
    utils, shared = _librispeech()
    normal: Callable[[str], str] = utils.english_normalizer
    results = [{"gt": gt, "pred": pred, "task": "asr_en"} for gt, pred in pairs]
    # The harness prints the first reference's first word. "Um" alone has none, and may not come first.
    first = next((i for i, (gt, _) in enumerate(pairs) if _has_words(utils, gt)), None)
    if first is None:
        raise DocumentError("references: expected words, found none in any of them after normalisation")
    package = shared.ed
    heard = _Distance(package, tell)
    shared.ed = heard
    try:
        value = _quietly(utils.librispeech_wer, results[first:] + results[:first])
    finally:
        shared.ed = package
    moved = len(results) - first
    references, predictions = [gt for gt, _ in pairs], [pred for _, pred in pairs]
    return Scored(
        errors=heard.distances[moved:] + heard.distances[:moved],
        metrics=(
            ("wer", value),
            ("wer_whisper_normalizer", _jiwer(map(normal, references), map(normal, predictions))),
            ("wer_lowercase", _jiwer(_lowercase(references), _lowercase(predictions))),
        ),
    )


def _has_words(utils: Any, reference: str) -> bool:
    return bool(utils.basic_normalizer(utils.english_normalizer(utils.remove_sp(reference, "en"))).strip())


def _lowercase(texts: list[str]) -> Iterable[str]:
    jiwer: Any = importlib.import_module("jiwer")  # its classes are typed in parts only
    steps = [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()]
    return list(jiwer.Compose(steps)(texts))


def _jiwer(references: Iterable[str], predictions: Iterable[str]) -> float:
    import jiwer

    return 100 * float(jiwer.wer(list(references), list(predictions)))


@functools.cache
def _librispeech() -> tuple[Any, Any]:
    """The task's functions. What a normaliser makes of a text is remembered, since it is asked twice."""
    bare.prepare("lmms_eval", "lmms_eval.tasks")
    from lmms_eval.tasks import asr_wer_utils
    from lmms_eval.tasks.librispeech import utils

    utils.english_normalizer = functools.cache(utils.english_normalizer)
    return utils, asr_wer_utils


class _Distance:
    """The package editdistance, with what it says of each utterance kept."""

    def __init__(self, package: Any, tell: Tell) -> None:
        self._package = package
        self._tell = tell
        self.distances: list[float] = []

    def eval(self, reference: list[str], prediction: list[str]) -> int:
        """Edits from one list of words to the other."""
        distance: int = self._package.eval(reference, prediction)
        self.distances.append(distance)
        self._tell(len(self.distances))
        return distance


def bleu_zh(pairs: Pairs, tell: Tell) -> Scored:
    """Corpus BLEU of Chinese translations as ``covost2_bleu`` computes it."""
    return _bleu("covost2_bleu", "zh", pairs, tell)


def bleu_en(pairs: Pairs, tell: Tell) -> Scored:
    """Corpus BLEU of English translations as ``covost2_bleu_en`` computes it."""
    return _bleu("covost2_bleu_en", "13a", pairs, tell)


def _bleu(function: str, tokenizer: str, pairs: Pairs, tell: Tell) -> Scored:
    """The harness's BLEU (normalised texts) first, then ``sacrebleu`` of the texts as they are."""
    from sacrebleu.metrics.bleu import BLEU

    utils = _covost2()
    heard: list[tuple[Sequence[str], Sequence[str]]] = []
    original = utils.corpus_bleu

    def listen(predictions: Sequence[str], references: Sequence[Sequence[str]], **options: Any) -> Any:
        heard.append((references[0], predictions))
        return original(predictions, references, **options)

    utils.corpus_bleu = listen
    try:
        value = _quietly(getattr(utils, function), [{"gt": gt, "pred": pred} for gt, pred in pairs])
    finally:
        utils.corpus_bleu = original
    tell(len(pairs))
    ((references, predictions),) = heard
    plain = BLEU(tokenize=tokenizer)
    as_is = plain.corpus_score([pred for _, pred in pairs], [[gt for gt, _ in pairs]]).score
    signature = str(plain.get_signature())
    return Scored(
        errors=[float(gt != pred) for gt, pred in zip(references, predictions, strict=True)],
        metrics=(("bleu", value), ("sacrebleu", as_is)),
        # The harness calls sacrebleu with the same options, on texts that it has normalised.
        signatures={"bleu": f"{signature}, on texts normalised by lmms-eval", "sacrebleu": signature},
    )


@functools.cache
def _covost2() -> Any:
    bare.prepare("lmms_eval", "lmms_eval.tasks")
    from lmms_eval.tasks.covost2 import utils

    return utils


def same_words(one: str, other: str) -> bool:
    """Whether two references are the same to the word error rate."""
    normal = _librispeech()[0].english_normalizer
    return bool(normal(one).split() == normal(other).split())


def same_text(one: str, other: str) -> bool:
    """Whether two references differ in spacing only."""
    return one.split() == other.split()


def _quietly(function: Callable[..., Any], results: list[dict[str, str]]) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        return float(function(results, None))
