"""The rules of the house that a reader cannot see at a glance."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import mode_catalog_provider

CORE = (
    "http",
    "mode",
    "extract",
    "refresh",
    "catalog",
    "snapshot",
    "lock",
    "audit",
    "sql",
    "rights",
    "schedules",
    "report",
    "cli",
)
ROOT = Path(mode_catalog_provider.__file__).parent

# Run in a fresh interpreter: import every module named, then say which modules that brought in.
_IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sys.modules, sep="\\n")
"""

# The same with everything refused that reaches outside the process; reading source files is importing.
_IMPORT_WITHOUT_IO = """
import importlib, sys
def refuse(event, args):
    if event.startswith(("socket.", "subprocess.", "sqlite3.", "os.mkdir", "os.remove", "os.rename")):
        raise RuntimeError(f"{event} {args} while importing")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        raise RuntimeError(f"open {args} while importing")
sys.dont_write_bytecode = True
# What the libraries do at their own import is not ours to judge.
import requests, rich.console, rich.progress, rich.logging, pendulum
sys.addaudithook(refuse)
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def modules_of(*rooms: str) -> list[str]:
    found = [
        "mode_catalog_provider",
        "mode_catalog_provider.errors",
        "mode_catalog_provider.contract",
        "mode_catalog_provider.scratch",
        "mode_catalog_provider.storage",
        "mode_catalog_provider.get_provider_info",
    ]
    for room in rooms:
        found.append(f"mode_catalog_provider.{room}")
        found += [
            f"mode_catalog_provider.{room}.{module.name}"
            for module in pkgutil.walk_packages([str(ROOT / room)])
            # The second needs the extra ``sql`` and is loaded late.
            if module.name not in ("__main__", "table_walk")
        ]
    return found


def imported_by(*modules: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT, *modules], capture_output=True, text=True, check=True, timeout=240
    )
    return set(done.stdout.split())


@cache
def _core_together() -> set[str]:
    return imported_by(*modules_of(*CORE))


@pytest.mark.parametrize("room", CORE)
def test_the_core_imports_nothing_of_airflow(room: str) -> None:
    def airflow(modules: set[str]) -> set[str]:
        return {name for name in modules if name.split(".")[0] == "airflow"}

    # Where all rooms together bring in nothing of it, none alone does.
    assert not airflow(_core_together()) or not airflow(imported_by(*modules_of(room)))


def test_the_parser_of_the_command_line_brings_in_no_heavy_library() -> None:
    loaded = imported_by("mode_catalog_provider.cli", "mode_catalog_provider.cli.arguments")
    assert not loaded & {"requests", "rich", "airflow", "pendulum"}


def test_importing_the_core_touches_neither_network_nor_disk() -> None:
    subprocess.run(
        [sys.executable, "-c", _IMPORT_WITHOUT_IO, *modules_of(*CORE)],
        check=True,
        timeout=240,
        capture_output=True,
    )


#: What stands below every room and may be imported by all of them; it imports nothing but its like.
GROUND = {
    "errors",
    "text",
    "truth",
    "moments",
    "contract",
    "scratch",
    "storage",
    "web_address",
    "get_provider_info",
}
#: Which other rooms of the core a room may import.
ARROWS = {
    "http": set(),
    "snapshot": {"sql"},
    "lock": set(),
    "sql": set(),
    "mode": {"http"},
    # The reconciliation words its findings as audits do, and asks which tables a query reads.
    "catalog": {"http", "snapshot", "audit", "sql"},
    "refresh": {"mode"},
    "extract": {"mode", "snapshot", "sql"},
    "audit": {"snapshot", "sql"},
    "rights": {"mode", "snapshot", "audit"},
    "schedules": {"mode", "snapshot", "audit", "refresh"},
    "report": {"mode", "snapshot", "sql", "audit", "catalog", "rights"},
}
#: The Airflow layer: it may import all of the core, and of itself these.
AIRFLOW_ARROWS = {
    "staging": set(),
    "hooks": set(),
    "triggers": {"hooks", "tasks"},
    "tasks": {"hooks", "triggers"},
    "sensors": {"hooks", "tasks", "triggers"},
    "operators": {"hooks", "tasks", "triggers"},
    "assets": {"hooks", "tasks", "triggers"},
    "dags": {"assets", "hooks", "operators", "sensors", "tasks"},
    "page": {"hooks", "tasks"},
}
#: The one door of the command line to Airflow: opened late, and only for `check --conn-id`.
DOORS = {("cli.airflow_connections", "hooks")}


@cache
def _modules() -> dict[str, Path]:
    named = {}
    for file in ROOT.rglob("*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        named[".".join(parts).removesuffix(".__init__")] = file
    return named


@cache
def _imports(name: str) -> list[tuple[str, bool]]:
    """Modules of the package that one imports, those for types included, and whether in a function."""
    tree = ast.parse(_modules()[name].read_text())
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            if target.startswith("mode_catalog_provider."):
                found = target.removeprefix("mode_catalog_provider.")
                while found and found not in _modules():
                    found = found.rpartition(".")[0]
                if found and found != name:
                    imported.append((found, id(node) in inside))
    return imported


def _room(module: str) -> str:
    return module.partition(".")[0]


def _allowed(room: str) -> set[str]:
    core = set(ARROWS) | {"report"}
    if room in GROUND:
        return GROUND
    if room in ARROWS:
        return GROUND | ARROWS[room] | {room}
    if room == "report":
        return GROUND | core
    if room in ("cli", "__main__"):
        return GROUND | core | {"cli", "staging"}
    return GROUND | core | {"staging"} | AIRFLOW_ARROWS[room] | {room}


@pytest.mark.parametrize("module", sorted(name for name in _modules() if name not in {"", "__init__"}))
def test_a_room_imports_only_the_rooms_that_it_may(module: str) -> None:
    allowed = _allowed(_room(module))
    wrong = {_room(found) for found, _ in _imports(module)} - allowed
    wrong = {room for room in wrong if (module, room) not in DOORS}
    assert not wrong, f"{module} must not import {wrong}: see ARROWS in this file"


def test_no_modules_import_each_other_in_a_circle_not_even_for_types() -> None:
    arrows = {name: sorted({found for found, late in _imports(name) if not late}) for name in _modules()}
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    circles: list[list[str]] = []

    def visit(module: str) -> None:
        numbers[module] = lowest[module] = len(numbers)
        stack.append(module)
        for other in arrows[module]:
            if other not in numbers:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == numbers[module]:
            circle = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(circle) > 1:
                circles.append(circle)

    for module in arrows:
        if module not in numbers:
            visit(module)
    assert circles == []
