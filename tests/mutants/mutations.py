"""What is changed: small faults that a person could write, each in one place of one file."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

#: How an operator is written, and what takes its place.
_SWAPPED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
}
#: Functions whose result is mostly equal to their argument: a test sees no difference.
_CASTS = {"str", "int", "float", "bool", "bytes", "list", "tuple", "set", "dict", "iter", "cast", "frozenset"}
_CASTS |= {"repr", "isinstance", "super", "print", "Path", "MappingProxyType"}
_LOGGERS = {"log", "logger", "_log", "warnings"}


@dataclass(frozen=True)
class Mutation:
    """One change of one file.

    :param path: of the file, relative to the tree.
    :param first: first line of what is changed; ``last`` is its last.
    :param kind: what was done, for people.
    :param in_function: whether the line runs when it is called, not when it is imported.
    :param start: offset into the file's bytes; what stands from there to ``end`` is replaced by ``new``.
    """

    path: str
    first: int
    last: int
    kind: str
    in_function: bool
    start: int
    end: int
    new: str

    def apply(self, source: bytes) -> bytes:
        """Return the file with the fault in it."""
        return source[: self.start] + self.new.encode() + source[self.end :]

    def parses(self, source: bytes) -> bool:
        """Return whether the changed file is still Python, which bracketless generators, say, are not."""
        try:
            ast.parse(self.apply(source))
        except SyntaxError:
            return False
        return True

    def diff(self, source: bytes) -> str:
        """Return the lines that differ, without their surroundings."""
        lines = source.decode().splitlines(), self.apply(source).decode().splitlines()
        return "\n".join(
            line for line in difflib.unified_diff(*lines, n=0, lineterm="") if line[:3] not in _HEADS
        )


_HEADS = ("---", "+++", "@@ ")


def mutations(path: str, source: bytes) -> list[Mutation]:
    """Return every mutation of a file, without those that could change nothing but words, hints and types."""
    found = _Finder(path, source)
    found.visit(ast.parse(source))
    return found.mutations


class _Finder(ast.NodeVisitor):
    def __init__(self, path: str, source: bytes) -> None:
        self.mutations: list[Mutation] = []
        self._path = path
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.name in {"__repr__", "__str__", "__hash__"}:
            return
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(default)
        self._depth += 1
        for statement in node.body:
            self.visit(statement)
        self._depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast calls it so

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases):
            return
        for statement in node.body:
            self.visit(statement)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Words for people are proved by reading them."""

    def visit_Raise(self, node: ast.Raise) -> None:
        if self._depth:
            self._replace(node, "pass", "a raise dropped")

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._replace(node, f"({self._text(node.operand)})", "a not dropped")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
            self._swap(left, operator, right)
        for operand in operands:
            self._word(operand)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._swap(left, node.op, right)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if not any(isinstance(side, ast.JoinedStr) for side in (node.left, node.right)):
            self._swap(node.left, node.op, node.right)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._word(node.slice)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key in node.keys:
            self._word(key)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._replace(node, str(not node.value), "a constant changed")
        elif isinstance(node.value, int | float):
            self._replace(node, f"({node.value!r} + 1)", "a constant changed")

    def visit_Call(self, node: ast.Call) -> None:
        if _logs(node):
            return
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name and name not in _CASTS and name[0].islower() and len(node.args) == 1:
            self._replace(node, f"({self._text(node.args[0])})", f"the call of {name} dropped")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant) or (isinstance(node.value, ast.Call) and _logs(node.value)):
            return
        if isinstance(node.value, ast.Call | ast.Await):
            self._replace(node, "pass", "a statement dropped")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if self._depth and all(isinstance(target, ast.Subscript | ast.Attribute) for target in node.targets):
            self._replace(node, "pass", "a statement dropped")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._replace(node, "pass", "a statement dropped")
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._replace(node, "pass", "a statement dropped")

    def visit_Break(self, node: ast.Break) -> None:
        self._replace(node, "pass", "a break dropped")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._replace(node, "pass", "a continue dropped")

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            self._replace(node, "pass", "a return dropped")
        elif not (isinstance(node.value, ast.Constant) and node.value.value is None):
            if not isinstance(node.value, ast.Constant):
                self._replace(node.value, "None", "None returned")
            self.visit(node.value)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        first = node.body[0]
        if not isinstance(first, ast.Raise):
            self._replace(first, "raise", "an error passed on")
        for statement in node.body:
            self.visit(statement)

    def _negate(self, test: ast.expr) -> None:
        self._replace(test, f"(not ({self._text(test)}))", "a condition negated")

    def _word(self, node: ast.expr | None) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._replace(node, f"({node.value + '_'!r})", "a word changed")

    def _swap(self, left: ast.expr, operator: ast.AST, right: ast.expr) -> None:
        if type(operator) not in _SWAPPED:
            return
        written, new = _SWAPPED[type(operator)]
        start, end = self._span(left)[1], self._span(right)[0]
        # Brackets around an operand belong to neither node; what lies between is taken as it stands.
        between = self._source[start:end]
        if written.encode() in between and b"#" not in between:
            at = start + between.index(written.encode())
            self._add(left, at, at + len(written), new, f"{written} made {new}")

    def _replace(self, node: ast.expr | ast.stmt, new: str, kind: str) -> None:
        start, end = self._span(node)
        self._add(node, start, end, new, kind)

    def _add(self, node: ast.expr | ast.stmt, start: int, end: int, new: str, kind: str) -> None:
        last = node.end_lineno or node.lineno
        self.mutations.append(Mutation(self._path, node.lineno, last, kind, self._depth > 0, start, end, new))

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()


def _logs(call: ast.Call) -> bool:
    def parts(node: ast.AST) -> Iterator[str]:
        while isinstance(node, ast.Attribute):
            yield node.attr
            node = node.value
        if isinstance(node, ast.Name):
            yield node.id

    return any(part in _LOGGERS for part in list(parts(call.func))[1:])
