"""The rules of the house that a reader cannot see at a glance."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import mode_catalog_provider

CORE = ("http", "mode", "extract", "refresh", "catalog", "snapshot", "lock", "audit", "sql", "rights", "cli")
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
        [sys.executable, "-c", _IMPORT, *modules], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("room", CORE)
def test_the_core_imports_nothing_of_airflow(room: str) -> None:
    assert not {name for name in imported_by(*modules_of(room)) if name.split(".")[0] == "airflow"}


def test_the_parser_of_the_command_line_brings_in_no_heavy_library() -> None:
    loaded = imported_by("mode_catalog_provider.cli", "mode_catalog_provider.cli.arguments")
    assert not loaded & {"requests", "rich", "airflow", "pendulum"}


def test_importing_the_core_touches_neither_network_nor_disk() -> None:
    subprocess.run(
        [sys.executable, "-c", _IMPORT_WITHOUT_IO, *modules_of(*CORE)],
        check=True,
        timeout=60,
        capture_output=True,
    )
