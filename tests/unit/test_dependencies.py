"""What the package imports is what it declares, and the other way round."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = {one.name: one for one in map(Requirement, PROJECT["dependencies"])}
EXTRAS = {
    Requirement(text).name: name for name, texts in PROJECT["optional-dependencies"].items() for text in texts
}
#: Packages by the module that they are imported as, where that is not the package's name.
NAMES = {"airflow": "apache-airflow", "openlineage": "apache-airflow-providers-openlineage"}
#: Imported only where it is there: connection forms of Airflow 3.1 stand on it, with Airflow's FAB provider.
MAYBE = {"wtforms"}


def imported() -> set[str]:
    """Packages from elsewhere that the code imports, those for types alone left out."""
    modules: set[str] = set()
    for path in (*(ROOT / "mode_catalog_provider").rglob("*.py"), *(ROOT / "dags").glob("*.py")):
        tree = ast.parse(path.read_text())
        types = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in set(ast.walk(tree)) - types:
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(str(node.module))
    tops = {module.partition(".")[0] for module in modules}
    return {NAMES.get(top, top) for top in tops - sys.stdlib_module_names - {"mode_catalog_provider"}}


def of_airflow() -> set[str]:
    """What Airflow itself brings along."""
    texts = [*(requires("apache-airflow-core") or []), *(requires("apache-airflow-task-sdk") or [])]
    return {re.sub(r"[-_.]+", "-", Requirement(text).name) for text in texts if "extra ==" not in text}


def test_whatever_is_imported_is_declared_or_comes_with_airflow() -> None:
    assert imported() - set(DECLARED) - set(EXTRAS) - of_airflow() == MAYBE


def test_whatever_is_declared_is_imported() -> None:
    assert set(DECLARED) <= imported()


def test_a_compressed_answer_is_never_unpacked_by_a_library_that_unpacks_it_whole() -> None:
    """Before 2.6, urllib3 unpacked what a few kilobytes hold, a gigabyte, before anybody could look."""
    assert not DECLARED["urllib3"].specifier.contains(Version("2.5.0"))
    assert DECLARED["urllib3"].specifier.contains(Version("2.6.0"))
