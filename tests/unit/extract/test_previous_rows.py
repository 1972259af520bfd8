"""The collections, reports and datasets of the snapshot before, and which of its readings count."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.extract.previous import NoPrevious, PreviousSnapshot, open_previous
from mode_catalog_provider.scratch import private_database
from mode_catalog_provider.snapshot.layout import Layout, data_file, facts_name
from tests.unit.snapshot.sets import AT, HOST, WORKSPACE, finish, new_writer, row_of

OPTIONS = {
    **{"include_collections": None, "exclude_collections": None, "include_personal": False},
    **{"include_archived": True, "include_datasets": True, "definitions": "keep", "members": "full"},
}
READINGS = [("report", "r1", "mark", AT), ("member", "m1", "mark", AT + 60), ("bulk", "spaces", "b", AT)]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """c1 with the report r1 and the dataset d1, c2 with nothing, and r9 in no collection."""
    return Layout.nested(tmp_path, WORKSPACE)


def write(layout: Layout, readings: Any = READINGS) -> None:
    with new_writer(layout) as writer:
        for token in ("c1", "c2"):
            writer.add("collection", row_of("collection", token))
        for token, home, kind in (("r1", "c1", "Report"), ("d1", "c1", "DatasetReport"), ("r9", None, None)):
            writer.add("report", row_of("report", token, space_token=home, type=kind))
        writer.add("query", row_of("query", "q1", report_token="r1"))
        writer.add("member", row_of("member", "m1"))
        writer.add_facts("report", "r1", {"runs_count": 3})
        writer.add_facts("collection", "c1", {"restricted": True})
        for reading in readings:
            writer.note_reading(*reading)
        finish(writer, options=OPTIONS)


def reopen(layout: Layout, *, after: float = 60, **choice: Any) -> PreviousSnapshot | NoPrevious:
    week = timedelta(days=7)
    return open_previous(
        layout, workspace=WORKSPACE, host=HOST, max_age=week, now=lambda: AT + after, **choice
    )


def test_a_reading_of_the_future_is_not_known(layout: Layout) -> None:
    write(layout)
    with reopen(layout, after=59) as previous:
        assert previous.recall("member", "m1", "mark") is None
        assert previous.recall("report", "r1", "mark") is not None
    with reopen(layout, after=60) as previous:
        assert previous.recall("member", "m1", "mark") is not None


def test_what_bulk_listings_said_is_nothing_that_was_read(layout: Layout) -> None:
    write(layout, READINGS[2:])
    previous = reopen(layout)
    assert isinstance(previous, NoPrevious)
    assert "read less than 1 week ago" in (previous.because or "")


def test_queries_that_are_carried_come_back_whatever_the_mark_is(layout: Layout) -> None:
    write(layout)
    with reopen(layout) as previous:
        assert previous.reading("report", "r1") == ("mark", AT)
        assert previous.reading("member", "r1") is None
        assert previous.carry_queries("r9") is None
        assert list(previous.queries()) == []
        assert previous.carry_queries("r1") == ("mark", AT)
        assert [row["token"] for row in previous.queries()] == ["q1"]


def test_reports_and_datasets_are_known_apart(layout: Layout) -> None:
    write(layout)
    with reopen(layout) as previous:
        assert (previous.reports_of("c1"), previous.reports_of("c2")) == ({"r1"}, None)
        assert list(previous.datasets()) == list(previous.datasets("c1")) == ["d1"]
        assert list(previous.datasets("c2")) == []
        assert previous.rows is None


def test_rows_come_with_their_facts_where_they_are_asked_for(layout: Layout) -> None:
    write(layout)
    with reopen(layout, with_rows=True) as previous:
        rows = previous.rows
        assert rows is not None
        assert [(row["token"], facts) for row, facts in rows.collections()] == [
            ("c1", {"restricted": True}),
            ("c2", {}),
        ]
        assert [(row["token"], facts) for row, facts in rows.reports_in("c1")] == [
            ("d1", {}),
            ("r1", {"runs_count": 3}),
        ]
        assert list(rows.reports_in("c2")) == []
        assert [rows.has_reports(token) for token in ("c1", "c2")] == [True, False]
        assert rows.datasets_in("c1") == {"d1"}
        assert rows.report("r1") == row_of("report", "r1", space_token="c1", type="Report")
        assert rows.report("r2") is None
    with pytest.raises(sqlite3.ProgrammingError):
        rows.report("r1")


@pytest.mark.parametrize("name", [*OPTIONS, "strategy"])
def test_its_selection_is_that_of_the_same_options(layout: Layout, name: str) -> None:
    write(layout)
    with reopen(layout, with_rows=True) as previous:
        assert previous.rows is not None
        assert previous.rows.has_selection_of(OPTIONS)
        same = previous.rows.has_selection_of({**OPTIONS, name: "another"})
    assert same is (name in ("members", "strategy"))


def test_where_a_file_of_rows_was_altered_the_readings_stay_known(layout: Layout) -> None:
    write(layout)
    (Path(str(layout.directory(AT))) / data_file(AT, "collection")).write_bytes(b"[]")
    with reopen(layout, with_rows=True) as previous:
        assert (previous.because, previous.rows) == (None, None)
        assert previous.recall("report", "r1", "mark") is not None


def test_where_facts_were_altered_the_readings_stay_known_and_the_disk_is_given_back(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[sqlite3.Connection] = []

    def database(**options: Any) -> sqlite3.Connection:
        made.append(private_database(**options))
        return made[-1]

    write(layout)
    (Path(str(layout.directory(AT))) / facts_name(AT, "report")).write_bytes(b'{"token": "r1"}\n')
    monkeypatch.setattr("mode_catalog_provider.extract.earlier_rows.private_database", database)
    with reopen(layout, with_rows=True) as previous:
        assert (previous.because, previous.rows) == (None, None)
        assert previous.recall("report", "r1", "mark") is not None
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            made[0].execute("SELECT 1")


def test_where_there_is_no_snapshot_before_nothing_is_known() -> None:
    with NoPrevious() as nothing:
        assert (nothing.because, nothing.timestamp, nothing.rows) == (None, None, None)
        assert (list(nothing.datasets()), list(nothing.queries())) == ([], [])
