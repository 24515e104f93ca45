"""AlloyBench: sixteen small problems in the HumanEval+ format, and samples of known quality."""
