"""Which test files could notice a fault in a file of the package: what they import tells, nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

_PACKAGE = "mode_catalog_provider"

#: Where the unit tests of a room lie, if they are not called as it is.
_UNIT = {"operators": "airflow_layer"}

#: What the names of the slow tests of a room have in them: through commands, DAGs and operators.
_SLOW = {
    "lock": ("lock",),
    "snapshot": ("diff", "usage", "again", "interruptions", "extraction", "upload_file", "s3"),
    "catalog": ("upload", "reconcile", "arrival"),
    "extract": (
        *("extraction", "facts", "hybrid", "incremental", "bulk", "definitions", "looking", "datasets"),
        "command_line.py",
    ),
    "refresh": ("refresh",),
    "operators": (
        *("refresh", "preflight", "lock_operators", "permission_audit", "schedule_audit"),
        *("arrival_dag", "sync_dag.py", "changes", "workspace_audit_dag"),
    ),
    "mode": ("extraction", "incremental", "hosts", "refresh_selection"),
    "http": ("extraction_faults", "upload", "command_line_words"),
}


def own_tests(room: str) -> str:
    """Return the folder of a room's unit tests."""
    return f"tests/unit/{_UNIT.get(room, room)}/"


def stages(path: str, root: Path) -> list[list[str]]:
    """Return the test files that could notice, those first that are quick and near.

    :param path: the changed file, relative to the tree.
    :param root: the tree.
    :return: unit tests that import it; unit tests of its room, or of what imports it; the room's slow tests.
    """
    module = _module(path)
    room, stem = path.split("/")[1], Path(path).stem
    own = own_tests(room)
    users = {other for other in _modules(root) if module in _imports(root, other)}
    near: list[str] = []
    further: list[str] = []
    slow: list[str] = []
    for file in sorted(root.glob("tests/**/test_*.py")):
        name = file.relative_to(root).as_posix()
        if name.startswith("tests/unit/"):
            reached = _reached(root, name)
            if module in reached:
                near.append(name)
            elif name.startswith(own) or users & reached:
                further.append(name)
        elif name.startswith(("tests/integration/", "tests/airflow/")) and any(
            word in name for word in (*_SLOW.get(room, ()), stem)
        ):
            slow.append(name)

    def nearness(name: str) -> tuple[bool, bool]:
        return stem.rstrip("s") not in name, not name.startswith(own)

    return [
        sorted(stage, key=nearness)
        for stage in (near, further, sorted(slow, key=lambda name: "airflow/" in name))
        if stage
    ]


@cache
def _reached(root: Path, test: str) -> set[str]:
    """Return the modules of the package that a test file imports, itself or through helpers of the tests."""
    reached: set[str] = set()
    waiting, seen = [_module(test)], set()
    while waiting:
        for name in _imports(root, waiting.pop()):
            if name.startswith(_PACKAGE):
                reached.add(name)
            elif name not in seen:
                seen.add(name)
                waiting.append(name)
    return reached


@cache
def _imports(root: Path, module: str) -> set[str]:
    """Return the modules of the package and of the tests that a module names in its imports."""
    file = root / f"{module.replace('.', '/')}.py"
    if not file.exists():
        file = root / module.replace(".", "/") / "__init__.py"
    if not file.exists():
        return set()
    return set(_named(ast.walk(ast.parse(file.read_text(encoding="utf-8")))))


def _named(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom():
                # What is imported from a package may be one of its modules.
                names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
            case _:
                continue
        yield from (name for name in names if name.startswith((_PACKAGE, "tests.")))


@cache
def _modules(root: Path) -> tuple[str, ...]:
    files = sorted((root / _PACKAGE).glob("**/*.py"))
    return tuple(_module(file.relative_to(root).as_posix()) for file in files)


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
