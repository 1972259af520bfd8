"""Whatever strangers wrote: an audit ends with its findings, in bounded memory, and shows harmless text."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.options import AuditOptions
from mode_catalog_provider.audit.telling import WIDTH, as_lines, as_markdown, as_table, head_line
from mode_catalog_provider.audit.values import moment_of, text_of
from mode_catalog_provider.audit.workspace import audit_snapshot
from tests.unit.audit.workspaces import REVENUE

HOSTILE = "\x1b]0;PWNED\x07\x1b[2J\x1b[31mred\nERROR - all is well \u202e https://evil <img src=x>"


@pytest.mark.parametrize(
    "raw", [12345, 10**4000, -(2**70), 1.5, True, ["a"], {"b": 1}, "\ud800 select", "\x00", None]
)
def test_a_query_that_is_no_text_ends_no_audit(workspace, raw):
    workspace.report("odd", REVENUE)
    workspace.add("query", token="q", name="q", raw_query=raw, report_token="odd", data_source_id=7)
    assert audit_snapshot(workspace.snapshot()).counts["refused"] == 0


@pytest.mark.parametrize("odd", [7, 10**400, "\ud800", ["x"], {"y": 1}, True, 2.5])
@pytest.mark.parametrize(
    "key", ["name", "space_token", "creator", "view_count", "created_at", "type", "archived"]
)
def test_a_field_of_another_type_ends_no_audit(workspace, key, odd):
    workspace.report("odd", REVENUE, **{key: odd})
    workspace.report("other", REVENUE)
    report = audit_snapshot(workspace.snapshot())
    assert len(json.loads(report.to_bytes())["findings"]) == sum(report.counts.values())


def test_counters_whose_sum_no_database_holds_end_no_audit(workspace):
    for token, views in (("one", 2**63 - 1), ("two", 2**70), ("three", "9999999999999999999")):
        workspace.report(token, "select 1 from {{ @orders as o }}", name="Sales", view_count=views)
    report = audit_snapshot(workspace.snapshot(), AuditOptions(only=("definition", "same_name")))
    assert report.counts == {"definition": 1, "same_name": 1}


def test_half_a_surrogate_pair_in_what_was_refused_can_be_shown(workspace):
    workspace.left_out = [
        {"asset": "report", "token": "x", "name": "\ud800", "reason": "forbidden", "detail": ""},
        {"asset": "report", "token": "y", "name": 7, "reason": "forbidden", "detail": ""},
    ]
    report = audit_snapshot(workspace.snapshot(), AuditOptions(only=("refused",)))
    assert len(report.findings) == 2
    "".join(line for finding in report.findings for line in as_lines(finding)).encode("utf-8")


def test_half_a_surrogate_pair_in_a_token_ends_no_audit_and_its_facts_are_known(workspace):
    workspace.add("member", token="\ud800m", username="bob", name="Bob")
    workspace.report("\ud800r", REVENUE, creator="bob")
    workspace.facts["member", "\ud800m"] = {"state": "deactivated"}
    workspace.facts["report", "\ud800r"] = {"schedules_count": 1}
    (finding,) = audit_snapshot(workspace.snapshot(), AuditOptions(only=("owner_gone",))).findings
    assert "whose account is deactivated" in finding.what


def test_one_long_literal_costs_a_few_times_its_size(workspace):
    long = "'" + "a" * 3_000_000
    workspace.report("long", long)
    snapshot = workspace.snapshot()
    tracemalloc.start()
    with Facts(snapshot):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * len(long)


def test_names_can_neither_forge_a_line_nor_draw_a_link(workspace):
    workspace.report("one", (HOSTILE, REVENUE), name=HOSTILE, creator=HOSTILE)
    workspace.report("two", (HOSTILE, REVENUE.replace("sum", "avg")), name=f"{HOSTILE} 2", created_at=None)
    workspace.add("collection", token="evil", name=HOSTILE)
    report = audit_snapshot(workspace.snapshot())
    lines = [head_line(report), *as_table(report)]
    for finding in report.findings:
        lines += as_lines(finding)
    assert len(report.findings) == 2
    assert not [line for line in lines if "\n" in line or "\x1b" in line or "\u202e" in line]
    assert not [line for line in lines if "https://evil" in line]
    text = as_markdown(report)
    assert "<img" not in text
    assert "https://evil" not in text


def test_lines_for_a_log_are_short_but_for_the_link(workspace):
    for number in range(3):
        workspace.report(
            f"r{number}", REVENUE.replace("paid", f"word{number}"), name="Revenue " * 7, creator="bob"
        )
    report = audit_snapshot(workspace.snapshot())
    lines = [line for finding in report.findings for line in as_lines(finding)]
    assert len(lines) > 20
    assert max(len(line) for line in lines if "link  " not in line) <= WIDTH
    first = lines[0].split(": ")[0]
    assert first in report.counts


@pytest.mark.parametrize("width", [60, 80, WIDTH])
def test_table_and_findings_fit_the_width_that_there_is(workspace, width):
    workspace.report("a", REVENUE, name="x" * 200, creator="bob")
    workspace.report("b", REVENUE.replace("paid", "open " * 30), name="y " * 100)
    report = audit_snapshot(workspace.snapshot())
    lines = as_table(report, width=width)
    for finding in report.findings:
        lines += as_lines(finding, width=width)
    assert max(len(line) for line in lines if "link  " not in line) <= width


def test_what_is_off_what_differs_what_to_do_and_where_stand_on_lines_of_their_own(workspace):
    workspace.report("original", ("Q", REVENUE), created_at="2026-01-01T00:00:00Z")
    workspace.report(
        "copy", ("Q", REVENUE.replace("paid", "open")), created_at="2026-02-01T00:00:00Z", name="Mine"
    )
    (finding,) = audit_snapshot(workspace.snapshot(), AuditOptions(only=("drifted_copy",))).findings
    lines = list(as_lines(finding, mark="new"))
    assert lines[0] == "drifted_copy (new): Mine"
    assert [line[:8] for line in lines if line[:3] == "  " + line[2:3] and line[2] != " "] == [
        "  what  ",
        "  diff  ",
        "  do    ",
        "  link  ",
    ]


def test_times_of_any_year_sort_as_they_follow_each_other():
    moments = ["0001-01-01T00:00:00Z", "0999-06-01T12:00:00+05:30", "1970-01-01", "9999-12-31T23:59:59.9Z"]
    stored = [moment_of(moment) for moment in moments]
    assert stored == sorted(stored)
    assert stored[:2] == ["0001-01-01T00:00:00Z", "0999-06-01T06:30:00Z"]
    assert moment_of("0001-01-01T00:00:00+14:59") is None


def test_a_report_of_the_year_one_is_stale_and_its_year_has_four_digits(workspace):
    workspace.report(
        "odd", REVENUE, **dict.fromkeys(("created_at", "updated_at", "edited_at"), "0001-01-01T00:00:00Z")
    )
    report = audit_snapshot(workspace.snapshot(), AuditOptions(only=("stale",)))
    assert ["0001-01-01" in finding.what for finding in report.findings] == [True]


def test_a_value_that_is_nested_too_deep_to_be_written_out_has_a_text():
    value: list[object] = []
    for _ in range(200_000):
        value = [value]
    assert text_of(value) == "…"
