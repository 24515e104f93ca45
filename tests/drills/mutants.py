"""Small faults planted into honest solutions, the same ones in every run."""

import ast
import random
from collections.abc import Callable

_SWAPS: dict[type[ast.AST], Callable[[], ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


class _Mutator(ast.NodeTransformer):
    """Counts the places that can be changed, and changes the one with the chosen number."""

    def __init__(self, chosen: int) -> None:
        self.chosen = chosen
        self.places = 0

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        swap = _SWAPS.get(type(node))
        number = isinstance(node, ast.Constant) and type(node.value) is int
        if swap is None and not number:
            return node
        self.places += 1
        if self.places - 1 != self.chosen:
            return node
        if swap is not None:
            return swap()
        assert isinstance(node, ast.Constant)
        assert isinstance(node.value, int)
        return ast.copy_location(ast.Constant(node.value + 1), node)


def mutate(code: str, seed: str) -> str | None:
    """Change one operator or one integer constant.

    Args:
        code: an honest solution.
        seed: decides which one; the same seed always gives the same mutant.

    Returns:
        The mutant, or None if there is nothing to change.
    """
    counter = _Mutator(-1)
    counter.visit(ast.parse(code))
    if counter.places == 0:
        return None
    mutator = _Mutator(random.Random(seed).randrange(counter.places))
    return ast.unparse(ast.fix_missing_locations(mutator.visit(ast.parse(code))))
