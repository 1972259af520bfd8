"""What changed since the snapshot before, as a task tells it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mode_catalog_provider.operators.snapshot_diff import SHOWN, ModeSnapshotDiffOperator
from mode_catalog_provider.tasks.compat import AirflowFailException, AirflowSkipException
from mode_catalog_provider.tasks.errors import WIDTH
from tests.unit.snapshot.days import DAY, day
from tests.unit.snapshot.sets import AT, lay, vendor_files

SQL = "select a from orders where status = 'paid'"


class TaskInstance:
    def __init__(self):
        self.pushed = {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


def compare(**arguments):
    ti = TaskInstance()
    operator = ModeSnapshotDiffOperator(task_id="what_changed", **arguments)
    return operator.execute({"ti": ti}), ti.pushed


def two_days(home):
    query = ("query", "q1", {"name": "Q", "report_token": "r1", "raw_query": SQL})
    changed = ("query", "q1", {**query[2], "raw_query": SQL.replace("paid", "sent")})
    before = day(home, 0, [("report", "r1", {"name": "Old", "view_count": 1}), query])
    after = day(home, 1, [("report", "r1", {"name": "New", "view_count": 4}), changed])
    return before, after


def test_it_is_told_kept_and_put_into_xcom(tmp_path):
    _, after = two_days(tmp_path)
    with capture_logs() as told:
        result, pushed = compare(manifest={"manifest": str(after.manifest_path)})
    assert result["counts"] == {"report": {"renamed": 1}, "query": {"sql_changed": 1}}
    assert (result["compared_with"], result["timestamp"]) == (AT, AT + DAY)
    assert json.loads(json.dumps(result)) == result
    kept = Path(result["changes"])
    assert kept.parent == tmp_path / "acme"
    assert json.loads(kept.read_bytes())["changes"][1]["before"] == SQL
    lines = [line["event"] for line in told]
    assert "report 'New' (r1) renamed: Old -> New" in lines
    assert any("filter" in line and "sent" in line for line in lines)
    assert max(map(len, lines)) <= WIDTH
    assert "1 report renamed" in pushed["summary_markdown"]


def test_the_text_of_a_query_is_not_in_xcom(tmp_path):
    _, after = two_days(tmp_path)
    result, _ = compare(manifest=str(after.manifest_path))
    (changed,) = [one for one in result["first"] if one["change"] == "sql_changed"]
    assert (changed["before"], changed["after"]) == (None, None)
    assert "status" in changed["difference"]


@pytest.mark.parametrize("odd", [7, True, ["a"], {"b": 1}])
def test_sql_that_is_no_text_fails_no_task(tmp_path, odd):
    days = [day(tmp_path, at, [("query", "q1", {"raw_query": sql})]) for at, sql in enumerate((SQL, odd))]
    result, _ = compare(manifest=str(days[1].manifest_path))
    (changed,) = result["first"]
    assert "table  - orders" in changed["difference"]


def test_of_sql_that_differs_in_space_only_that_is_said(tmp_path):
    days = [day(tmp_path, at, [("query", "q1", {"raw_query": f"{SQL}{' ' * at}"})]) for at in range(2)]
    result, _ = compare(manifest=str(days[1].manifest_path))
    assert [one["difference"] for one in result["first"]] == [
        "only space, comments, the case of words, or what says nothing (as, inner, ;)"
    ]


def test_the_first_snapshot_has_nothing_to_be_compared_with(tmp_path):
    only = day(tmp_path, 0, [])
    result, pushed = compare(manifest=str(only.manifest_path))
    assert result == {
        "snapshot": str(only.manifest_path),
        "changes": None,
        "timestamp": AT,
        "workspace": "acme",
        "compared_with": None,
        "counts": {},
        "options": {},
        "first": [],
    }
    assert "summary_markdown" not in pushed


@pytest.mark.usefixtures("connect")
def test_the_newest_of_the_workspace_is_taken_when_none_is_named(tmp_path, sandbox):
    workspace, host = sandbox.mode.workspace, sandbox.mode.url
    for number, name in enumerate(["One", "Two"]):
        day(tmp_path, number, [("report", "r1", {"name": name})], workspace=workspace, host=host)
    result, _ = compare(output_dir=str(tmp_path))
    assert result["first"][0]["after"] == "Two"


@pytest.mark.parametrize("named", ["timestamp", "number", "path", "mapping"])
def test_an_earlier_one_may_be_named_in_every_form(tmp_path, named):
    first, _ = two_days(tmp_path)
    last = day(tmp_path, 2, [("report", "r1", {"name": "Old"})])
    before = {
        "timestamp": str(AT),
        "number": AT,
        "path": str(first.manifest_path),
        "mapping": {"manifest": str(first.manifest_path)},
    }[named]
    result, _ = compare(manifest=str(last.manifest_path), before=before)
    assert result["compared_with"] == AT


@pytest.mark.parametrize("before", [None, "", "previous", " previous "])
def test_without_a_word_the_one_before_is_meant(tmp_path, before):
    _, after = two_days(tmp_path)
    result, _ = compare(manifest=str(after.manifest_path), before=before)
    assert result["compared_with"] == AT


def test_sets_of_the_vendors_tool_are_compared(tmp_path):
    one, two = (str(lay(tmp_path / name, vendor_files())) for name in ("one", "two"))
    result, _ = compare(manifest=two, before=one)
    assert (result["counts"], result["changes"]) == ({}, None)


def test_only_the_first_changes_are_in_xcom(tmp_path):
    day(tmp_path, 0, [])
    after = day(tmp_path, 1, [("report", f"{n:03}", {"name": "x"}) for n in range(SHOWN + 5)])
    result, _ = compare(manifest=str(after.manifest_path))
    assert len(result["first"]) == SHOWN == 50
    assert result["counts"] == {"report": {"created": SHOWN + 5}}


def test_what_cannot_be_compared_fails_or_is_skipped_as_asked(tmp_path):
    before, after = two_days(tmp_path)
    (Path(str(before.directory)) / f"{AT}-report.json").write_text("[{")
    arguments = {"manifest": str(after.manifest_path), "before": str(AT)}
    with pytest.raises(AirflowFailException, match="not a whole report file"):
        compare(**arguments)
    with pytest.raises(AirflowSkipException, match="not a whole report file"):
        compare(**arguments, soft_fail=True)
    with pytest.raises(AirflowFailException, match="no complete snapshot 17"):
        compare(**{**arguments, "before": "17"})


def test_a_task_needs_something_to_look_at():
    with pytest.raises(ValueError, match="manifest or output_dir"):
        ModeSnapshotDiffOperator(task_id="x")


def test_the_report_of_the_workspace_is_kept_when_that_is_asked(tmp_path):
    _, after = two_days(tmp_path)
    compare(manifest=str(after.manifest_path))
    assert not list(tmp_path.rglob("*.html"))
    compare(manifest=str(after.manifest_path), keep_report="True")
    (kept,) = tmp_path.rglob("*.html")
    assert kept == tmp_path / "acme" / f"{AT + DAY}.report.html"
    assert "Rising" in kept.read_text() or "Most viewed" in kept.read_text()


def test_a_report_that_cannot_be_kept_fails_nothing(tmp_path, capsys):
    _, after = two_days(tmp_path)
    (tmp_path / "acme" / f"{AT + DAY}.report.html").mkdir()
    result, _ = compare(manifest=str(after.manifest_path), keep_report=True)
    assert result["compared_with"] == AT
    assert "The report of the workspace could not be kept" in capsys.readouterr().out
