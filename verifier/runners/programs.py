"""Programs as evidence, without running them: equal to the dataset's own, or of another problem.

:func:`compare` runs in the judges' child process: that is the place for a parser that reads strangers' text.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from verifier.errors import JudgeError
from verifier.runners.child.process import ask
from verifier.runners.model import Answer, remembered
from verifier.runners.problems import Problem

MAX_PROGRAM = 64 << 10
"""Longest program that is parsed, in characters; the datasets' own solutions are far shorter."""
_SHAPES = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.arguments)


def answers(programs: Iterable[tuple[str, str]], problems: Mapping[str, Problem]) -> dict[str, Answer]:
    """What is remembered of programs; of a repeated task the last one.

    Args:
        programs: task id and complete program.
        problems: the benchmark.
    """
    texts = dict(programs)
    looked = _look(texts, problems) if texts else {}
    found = {}
    for task, text in texts.items():
        digest, length = remembered(text)
        found[task] = Answer(digest=digest, length=length, **looked.get(task, {}))
    return found


def _look(texts: Mapping[str, str], problems: Mapping[str, Problem]) -> Mapping[str, dict[str, Any]]:
    request = {
        "programs": {task: text for task, text in texts.items() if len(text) <= MAX_PROGRAM},
        "problems": {
            task: [problem.entry_point, problem.prompt, problem.prompt + problem.canonical_solution]
            for task, problem in problems.items()
        },
    }
    try:
        return ask("verifier.runners.programs:compare", request)
    except JudgeError:
        # A program that breaks the parser is no reason to withhold the score: these are notes.
        return {}


def compare(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, dict[str, Any]]:
    """Compare programs with the dataset's own.

    Args:
        request: ``programs`` by task id; ``problems``: entry point, prompt and complete solution by task id.
        on_progress: told how many programs are done.

    Returns:
        By task id, fields of :class:`verifier.runners.model.Answer`; programs that do not parse are left out.
    """
    problems = request["problems"]
    names: dict[str, list[str]] = {}
    for task, (entry, _, _) in problems.items():
        names.setdefault(entry, []).append(task)
    found: dict[str, dict[str, Any]] = {}
    for done, (task, program) in enumerate(request["programs"].items(), 1):
        tree = _parsed(program)
        if tree is not None:
            entry, prompt, solution = problems[task]
            shape, size = _shape(tree, entry)
            own = _shape(_parsed(solution), entry)[0]
            given = _defined(_parsed(prompt))
            found[task] = {
                "canonical": bool(shape) and shape == own,
                "size": size,
                "of": "" if shape else _other(tree, program, entry, given, names, problems),
            }
        on_progress(done)
    return found


def _parsed(program: str) -> ast.Module | None:
    try:
        return ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _shape(tree: ast.Module | None, entry: str) -> tuple[str, int]:
    """The function as text without docstrings, annotations and comments, and its number of nodes."""
    function = None
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == entry:
            function = node
    if function is None:
        return "", 0
    for part in ast.walk(function):
        _bare(part)
    try:
        shape = ast.dump(function)
    except RecursionError:
        return "?", 0
    return shape, sum(not isinstance(part, _SHAPES) for part in ast.walk(function))


def _bare(node: ast.AST) -> None:
    if isinstance(node, ast.arg):
        node.annotation = None
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    node.returns = None
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]


def _defined(tree: ast.Module | None) -> set[str]:
    """Names that a program's outermost statements define."""
    found: set[str] = set()
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def _other(
    tree: ast.Module,
    program: str,
    entry: str,
    given: set[str],
    names: Mapping[str, list[str]],
    problems: Mapping[str, Any],
) -> str:
    """The problem that a program answers instead of its own; empty if it answers none, or its own."""
    defined = _defined(tree)
    if entry in defined:
        return ""
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    # A helper that the own prompt gives may be named like another problem.
    tasks = [task for name in sorted(functions - given) for task in names.get(name, ())]
    quoted = [task for task in tasks if problems[task][1].strip() in program]
    return next(iter(quoted or tasks), "")
