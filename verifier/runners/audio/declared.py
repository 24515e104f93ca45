"""The audio benchmarks. Sizes are those of the corpora's published splits."""

from verifier.runners.audio.gtzan import GtzanRunner
from verifier.runners.audio.names import NAMES
from verifier.runners.audio.runner import AudioRunner, Part

_CLEAN = Part(
    name="librispeech_test_clean",
    size=2620,
    scorer="wer",
    spellings=("test-clean", "test.clean", "test_clean", "clean"),
)
_OTHER = Part(
    name="librispeech_test_other",
    size=2939,
    scorer="wer",
    spellings=("test-other", "test.other", "test_other", "other"),
)
_EN_ZH = Part(
    name="covost2_en_zh_test", size=15531, scorer="bleu_zh", spellings=("en_zh", "en-zh", "en_zh-CN", "en→zh")
)
_ZH_EN = Part(
    name="covost2_zh_en_test", size=4898, scorer="bleu_en", spellings=("zh_en", "zh-en", "zh-CN_en", "zh→en")
)

_ALL = (
    AudioRunner(
        name="librispeech",
        aliases=("LibriSpeech", "libri_speech"),
        family="librispeech",
        parts=(_CLEAN, _OTHER),
        metric="wer",
    ),
    AudioRunner(
        name="librispeech_test_clean",
        aliases=("LibriSpeech test-clean", "librispeech-test-clean", "librispeech_clean"),
        family="librispeech",
        parts=(_CLEAN,),
        metric="wer",
    ),
    AudioRunner(
        name="librispeech_test_other",
        aliases=("LibriSpeech test-other", "librispeech-test-other", "librispeech_other"),
        family="librispeech",
        parts=(_OTHER,),
        metric="wer",
    ),
    AudioRunner(
        name="covost2",
        aliases=("CoVoST2", "CoVoST 2"),
        family="covost2",
        parts=(_EN_ZH, _ZH_EN),
        metric="bleu",
    ),
    AudioRunner(
        name="covost2_en_zh",
        aliases=("covost2_en_zh_test", "CoVoST2 en-zh", "covost2-en-zh"),
        family="covost2",
        parts=(_EN_ZH,),
        metric="bleu",
    ),
    AudioRunner(
        name="covost2_zh_en",
        aliases=("covost2_zh_en_test", "CoVoST2 zh-en", "covost2-zh-en"),
        family="covost2",
        parts=(_ZH_EN,),
        metric="bleu",
    ),
    GtzanRunner(),
)
RUNNERS: dict[str, AudioRunner | GtzanRunner] = {runner.name: runner for runner in _ALL}
assert tuple(RUNNERS) == NAMES


def __getattr__(name: str) -> AudioRunner | GtzanRunner:
    """Each runner by its benchmark's name, as the registry asks for it."""
    try:
        return RUNNERS[name]
    except KeyError:
        raise AttributeError(name) from None
