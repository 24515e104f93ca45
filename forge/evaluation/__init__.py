"""Running a model on a benchmark: the harness asks, and its log is scored like any published one."""
