"""What a reconciliation says of one report."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.catalog import lineage_reasons
from mode_catalog_provider.catalog.arrival_report import MISSING
from mode_catalog_provider.catalog.arrival_texts import ArrivalTexts
from mode_catalog_provider.catalog.lineage_reasons import REASONS, LineageReasons, Query, Reason
from mode_catalog_provider.errors import CancelledError
from mode_catalog_provider.sql.tables import TableName

NOBODY: Any = None


def reasons(*tables: TableName) -> LineageReasons:
    return LineageReasons(
        api=NOBODY,
        unknown_connections=frozenset(),
        known_connections=frozenset(),
        tables=lambda _sql, _dialect: frozenset(tables),
    )


def query(report: str) -> Query:
    return Query(report=report, sql="select 1", connection="7", adapter="jdbc:snowflake")


def test_the_reports_that_import_a_dataset_and_no_others_are_said_to() -> None:
    found = reasons().of_reports(
        "abcd", [query("a"), query("b"), query("c"), query("d")], ["aa", "b", "d", "e"]
    )
    assert {report: reason.word for report, reason in found} == {
        "a": "unknown",
        "b": "dataset",
        "c": "unknown",
        "d": "dataset",
    }


def test_a_queries_report_that_is_not_asked_for_is_passed_over() -> None:
    found = reasons().of_reports("bd", [query("a"), query("b"), query("c")])
    assert [(report, reason.word) for report, reason in found] == [("b", "unknown"), ("d", "no_query")]


def test_only_the_report_whose_queries_are_hidden_is_said_to_have_some() -> None:
    found = reasons().of_reports("abcd", [query("b")], (), [("aa", "x"), ("b", "y"), ("c", "z"), ("e", "w")])
    assert [(report, reason.word) for report, reason in found] == [
        ("a", "no_query"),
        ("b", "unknown"),
        ("c", "out_of_sight"),
        ("d", "no_query"),
    ]


def test_a_report_of_which_nothing_else_is_known_reads_no_dataset() -> None:
    assert reasons().of_report([query("a")]).word == "unknown"


@pytest.mark.parametrize(("expanded", "advice"), [(False, "definitions='expand'"), (True, "unresolved")])
def test_who_expands_definitions_is_not_told_to_do_so(expanded: bool, advice: str) -> None:
    found = reasons()
    found.expanded = expanded
    one = Query(report="a", sql="select * from {{ @x }}", connection="7", adapter=None)
    reason = found.of_report([one])
    assert advice in ArrivalTexts("", "").without_lineage("a", "A", "", reason).finding.advice


def test_being_told_to_stop_is_no_table_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> frozenset[str]:
        raise CancelledError("told to stop")

    monkeypatch.setattr(lineage_reasons, "schemas_of_tables", stop)
    with pytest.raises(CancelledError):
        reasons(TableName(name="orders", schema="", catalog="")).of_report([query("a")])


@pytest.mark.parametrize(
    ("shown_as", "folders", "said", "entry"),
    [
        ("Old", None, "is called 'Old' there", {"catalog_name": "Old"}),
        (
            None,
            ("Sales", "Attic"),
            "lies in 'Attic' there, not in 'Sales'",
            {"collection": "Sales", "folder": "Attic"},
        ),
        (
            "Old",
            ("Sales", "Attic"),
            "is called 'Old' there and lies in 'Attic' there, not in 'Sales'",
            {"catalog_name": "Old", "collection": "Sales", "folder": "Attic"},
        ),
    ],
)
def test_another_name_and_another_folder_are_both_said(
    shown_as: str | None, folders: tuple[str, str] | None, said: str, entry: dict[str, str]
) -> None:
    item = ArrivalTexts("https://app.mode.com", "acme").renamed(
        "r1", "New", "d1", "https://catalog.example/d1", shown_as=shown_as, folders=folders
    )
    assert said in item.finding.what
    assert entry.items() <= item.entry.items()
    assert item.entry["dashboard"] == "d1"
    assert item.entry["url"] == "https://catalog.example/d1"


TEXTS = ArrivalTexts("https://app.mode.com", "acme")


@pytest.mark.parametrize("reason", MISSING)
def test_every_reason_for_a_report_that_is_missing_is_said_with_what_to_do(reason: str) -> None:
    item = TEXTS.missing("r1", "Revenue", reason)
    assert MISSING[reason] in item.finding.what
    assert item.finding.advice
    assert item.entry["reason"] == reason


@pytest.mark.parametrize("word", REASONS)
def test_every_reason_for_missing_lineage_is_said_with_what_to_do(word: str) -> None:
    item = TEXTS.without_lineage(
        "r1", "Revenue", "https://catalog.example/d1", Reason(word=word, detail="the detail")
    )
    assert f"{REASONS[word]} (the detail)" in item.finding.what
    assert item.finding.advice
    assert (item.entry["reason"], item.entry["detail"]) == (word, "the detail")
