"""Names of the benchmarks that lm-evaluation-harness judges; nothing else is needed to list them."""

BBH = (
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "logical_deduction_three_objects",
    "movie_recommendation",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
    "tracking_shuffled_objects_three_objects",
    "web_of_lies",
)
"""Parts of BIG-Bench Hard, in the harness's order."""

NAMES = (
    "ifeval",
    "bbh",
    *(f"bbh_{part}" for part in BBH),
    "math_hard",
    "gpqa",
    "gpqa_diamond",
    "mmlu_pro",
    "musr",
    "gsm8k",
    "aime_2024",
)
