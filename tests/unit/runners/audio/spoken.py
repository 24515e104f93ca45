# ruff: noqa: RUF001 (Chinese punctuation)
"""Utterances in the datasets' own format, and what a model might make of them."""

from typing import Any

# LibriSpeech: reference in capitals without punctuation, and an answer.
CLEAN = [
    ("HE HOPED THERE WOULD BE STEW FOR DINNER", "He hoped there would be stew for dinner."),
    ("MISTER QUILTER IS THE APOSTLE", "Mr. Quilter is the apostle!"),
    (
        "AFTER EARLY NIGHTFALL THE YELLOW LAMPS WOULD LIGHT UP",
        "after early nightfall the yellow lamp light up",
    ),
    ("THE COLOUR OF TWENTY ONE FLOWERS", "The color of 21 flowers"),
    ("DON'T YOU KNOW IT'S UH RAINING", "Do not you know it is raining"),
    ("GOOD NIGHT HUSBAND", ""),
    ("A GREAT STATE SAINT", "<|en|> a great, state ; saint (applause)"),
    ("SHE SAID NAÏVE THINGS", "She said naïve things … 你好 🎉"),
]
OTHER = [
    ("THERE'S ONE AND THERE'S ANOTHER", "there is one and there is another and another"),
    ("UM", "um"),  # not first: the harness itself would break
    ("I HAD A THIRD", "I had a 3rd"),
]
# CoVoST 2: transcript, translation, and an answer.
EN_ZH = [
    ("The weather is good today.", "今天天气很好，我们去公园散步吧。", "今天天气很好，我们去公园散步吧。"),
    ("He bought three books.", "他昨天在书店买了三本书。", "他昨天在一家书店里买了3本书。"),
    ("No answer.", "没有答案。", ""),
    ("Two thousand and eight.", "北京奥运会于二零零八年八月八日开幕。", "北京奥运会在2008年8月8日开幕！"),
    ("One by two.", "他走了1/2的路程。", "他走了二分之一的路程。"),
]
ZH_EN = [
    ("今天天气很好。", "The weather is very nice today.", "The weather is very nice today."),
    (
        "他买了三本书。",
        "He bought three books in the store yesterday.",
        "he bought 3 books in a store, yesterday",
    ),
    ("我不知道。", "I do not know what you are talking about.", "I don't know what you're talking about!"),
    ("他们住在那里。", "They have lived there for a long time.", "Long they lived there"),
]
SOUND = {"array": [0.0, 0.25], "sampling_rate": 16000}


def rows() -> dict[str, list[dict[str, Any]]]:
    """Rows by task, without the answers."""
    recognised = {"librispeech_test_clean": CLEAN, "librispeech_test_other": OTHER}
    return {
        **{
            task: [
                {"audio": SOUND, "gt": gt, "source": task, "task": "asr_en", "index": i}
                for i, (gt, _) in enumerate(pairs)
            ]
            for task, pairs in recognised.items()
        },
        "covost2_en_zh_test": [
            {"audio": SOUND, "sentence": text, "translation": gt, "id": f"common_voice_en_{i}"}
            for i, (text, gt, _) in enumerate(EN_ZH)
        ],
        "covost2_zh_en_test": [
            {"audio": SOUND, "source": "covost2", "gt": gt, "task": "s2t_zh2en", "index": i}
            for i, (_, gt, _) in enumerate(ZH_EN)
        ],
    }


def pairs(task: str) -> list[tuple[str, str]]:
    """Reference and answer of a task's utterances."""
    spoken = {"librispeech_test_clean": CLEAN, "librispeech_test_other": OTHER}
    translated = {"covost2_en_zh_test": EN_ZH, "covost2_zh_en_test": ZH_EN}
    return spoken[task] if task in spoken else [(gt, pred) for _, gt, pred in translated[task]]
