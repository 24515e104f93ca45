"""Names of the audio benchmarks; nothing else is needed to list them."""

NAMES = (
    "librispeech",
    "librispeech_test_clean",
    "librispeech_test_other",
    "covost2",
    "covost2_en_zh",
    "covost2_zh_en",
    "gtzan",
)
