"""LiveCodeBench, code generation: programs of a log, judged by its own harness inside the sandbox."""
