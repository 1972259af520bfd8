"""What is tried in each pair, part by part, and how it ended."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.versions.environment import ROOT, Environment

#: Tests of what touches Airflow without running a DAG, and an upload over HTTP; the rest knows no Airflow.
UNIT = ("tests/unit/airflow_layer", "tests/integration/test_upload.py")
#: A ready DAG from its first task to its last, a question to a person, and a deferred refresh.
DAGS = (
    "tests/airflow/test_sync_dag.py",
    "tests/airflow/test_sync_dag_approval.py",
    "tests/airflow/test_cache_refresh_dag.py",
)
WHOLE_UNIT = ("tests/unit", "tests/integration")
WHOLE_DAGS = ("tests/airflow",)


@dataclass
class Result:
    """How a part ended.

    :param said: what failed, for the person who runs it.
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    said: str = ""

    def __str__(self) -> str:
        return f"{self.passed} passed" + "".join(
            f", {count} {word}"
            for count, word in ((self.failed, "failed"), (self.skipped, "skipped"))
            if count
        )


def provider(environment: Environment, wheel: Path) -> Result:
    """The wheel is this tree, and Airflow sees in it what it declares."""
    result = _looked(environment, "provider")
    stale = _not_this_tree(wheel)
    result.passed += not stale
    if stale:
        result.failed += 1
        result.said += f"\nThe wheel is not this tree: {stale}"
    return result


def dags(environment: Environment) -> Result:
    """The database is made, and the DAGs in the wheel are read without an error."""
    code, said = environment.run("airflow", "db", "migrate")
    if code:
        return Result(failed=1, said=said[-2000:])
    result = _looked(environment, "dags")
    result.passed += 1
    return result


def tests(environment: Environment, name: str, places: tuple[str, ...]) -> Result:
    """The tests in these places."""
    report = environment.folder / f"{name}.xml"
    report.unlink(missing_ok=True)
    command = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.no_skips")
    _, said = environment.run(*command, f"--junitxml={report}", "-o", "timeout=900", *places, timeout=7200)
    if not report.exists():
        return Result(failed=1, said=said[-2000:])
    return result_of(ElementTree.parse(report).getroot())


def demo(environment: Environment) -> Result:
    """The demo, once: a real Airflow runs three DAGs, and each is green."""
    folder = environment.folder / "demo"
    code, said = environment.run(
        "python", "-m", "tests.demo", "--once", "--folder", str(folder), timeout=1800
    )
    return Result(failed=1, said=said[-2000:]) if code else Result(passed=1)


def result_of(report: ElementTree.Element) -> Result:
    """Read pytest's XML report."""
    result = Result()
    for case in report.iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            result.failed += 1
            result.said += f"\n{case.get('classname')}::{case.get('name')}"
        elif "skipped" in kinds:
            result.skipped += 1
        else:
            result.passed += 1
    return result


def _looked(environment: Environment, what: str) -> Result:
    _, said = environment.run("python", str(ROOT / "tests" / "versions" / "seen.py"), what, timeout=900)
    lines = said.strip().splitlines()
    try:
        told = json.loads(lines[-1])
    except (IndexError, ValueError):
        return Result(failed=1, said=said[-2000:])
    result = Result()
    for look in told:
        result.passed += not look["faults"]
        result.failed += bool(look["faults"])
        result.said += f"\n{look['faults']}" if look["faults"] else ""
    return result


def _not_this_tree(wheel: Path) -> str:
    """Return the modules of the wheel that differ from the repository's, which the tests import."""
    with zipfile.ZipFile(wheel) as opened:
        modules = [name for name in opened.namelist() if name.startswith("mode_catalog_provider/")]
        return ", ".join(name for name in modules if opened.read(name) != _in_repository(name).read_bytes())


def _in_repository(name: str) -> Path:
    return ROOT / name.replace("mode_catalog_provider/example_dags/", "dags/")


def chosen(*, wheel: Path, whole: bool) -> dict[str, Callable[[Environment], Result]]:
    """Return the parts by name, in the order in which they are tried."""
    return {
        "provider": lambda environment: provider(environment, wheel),
        "dags": dags,
        "unit": lambda environment: tests(environment, "unit", WHOLE_UNIT if whole else UNIT),
        "dag tests": lambda environment: tests(environment, "dag-tests", WHOLE_DAGS if whole else DAGS),
        "demo": demo,
    }
