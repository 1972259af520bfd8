"""What the documentation claims of versions is what `make versions` has run."""

from __future__ import annotations

import tomllib
import xml.etree.ElementTree as ElementTree

import yaml

from tests.versions import record
from tests.versions.environment import ROOT
from tests.versions.pairs import AIRFLOWS, OLDEST, Pair, all_pairs
from tests.versions.parts import Result, result_of


def line(**parts: Result) -> record.Line:
    pair = Pair("3.3.2", "3.13", "newest", "2026-09-18")
    return record.Line(pair=pair, chosen="newest of everything", whole=False, parts=parts)


def test_the_table_is_that_of_the_kept_results():
    page = record.PAGE.read_text()
    assert page == record.page(page), "run python -m tests.versions.record"


def test_every_kept_result_is_of_a_pair_that_is_still_supported():
    assert {kept.pair for kept in record.kept()} <= set(all_pairs())


def test_the_oldest_pair_is_the_lowest_that_the_package_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"apache-airflow>={OLDEST[0].removesuffix('.0')}" in project["dependencies"]


def test_ci_tries_every_pair():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yaml").read_text())
    matrix = workflow["jobs"]["matrix"]["strategy"]["matrix"]
    pairs = {(airflow, python, "constraints") for airflow in matrix["airflow"] for python in matrix["python"]}
    pairs -= {(left["airflow"], left["python"], "constraints") for left in matrix["exclude"]}
    pairs |= {(one["airflow"], one["python"], one["dependencies"]) for one in matrix["include"]}
    assert pairs == {(pair.airflow, pair.python, pair.dependencies) for pair in all_pairs()}


def test_a_row_counts_what_failed_and_what_was_left_out():
    row = line(provider=Result(passed=4), unit=Result(passed=9, failed=1, skipped=2)).cells()
    assert row[3:6] == ["4 passed", "not run", "9 passed, 1 failed, 2 skipped"]


def test_a_pair_without_its_python_is_told_as_not_run():
    assert line(install=Result(skipped=1)).cells()[3] == "not run: no such Python"
    assert not line(install=Result(skipped=1)).failed


def test_pytests_report_is_counted():
    report = ElementTree.fromstring(
        '<testsuites><testsuite><testcase classname="a" name="good"/>'
        '<testcase classname="a" name="bad"><failure/></testcase>'
        '<testcase classname="a" name="broken"><error/></testcase>'
        '<testcase classname="a" name="left"><skipped/></testcase></testsuite></testsuites>'
    )
    result = result_of(report)
    assert (result.passed, result.failed, result.skipped) == (1, 2, 1)
    assert result.said == "\na::bad\na::broken"


def test_each_supported_series_is_named_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for airflow in AIRFLOWS:
        assert airflow.rpartition(".")[0] in readme
