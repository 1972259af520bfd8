"""What an extraction asks for again after one that died, whatever changed meanwhile."""

from __future__ import annotations

import itertools
import logging
import time
from pathlib import Path

import pytest

from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.extract import unfinished
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import open_snapshot, verify
from tests.integration import incremental_cases
from tests.integration.incremental_cases import Editing, asked, contents
from tests.integration.resume.cases import (
    QUERIES,
    READ,
    die,
    from_zero,
    go_on,
    reports_of,
    spool,
    whole,
)
from tests.sandbox import Sandbox


def test_only_what_was_not_read_yet_is_asked_for(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    read = die(sandbox, layout)
    assert len(read) == READ
    result, reports = go_on(sandbox, layout)
    assert not set(reports) & set(read)
    assert len(reports) == len(reports_of(sandbox)) - READ
    assert contents(result) == contents(from_zero(sandbox, tmp_path))
    verify(open_snapshot(result.manifest_path))
    resumed = result.manifest.reuse["resumed"]
    assert {name: resumed[name] for name in ("reports", "members", "changed")} == {
        "reports": READ,
        "members": 0,
        "changed": 0,
    }
    assert f"{resumed['queries']} queries of {READ} of its reports" in caplog.text
    assert resumed["begun"] <= resumed["last_read"] <= result.manifest.started_at


def test_a_whole_snapshot_leaves_nothing_to_go_on_from(sandbox: Sandbox, layout: Layout) -> None:
    die(sandbox, layout)
    assert spool(layout)
    go_on(sandbox, layout)
    assert not (layout.home / unfinished.FOLDER).exists()
    result, reports = go_on(sandbox, layout)
    assert len(reports) == len(reports_of(sandbox))
    assert result.manifest.reuse == {}


def test_an_extraction_may_die_many_times(sandbox: Sandbox, layout: Layout, tmp_path: Path) -> None:
    first = die(sandbox, layout)
    sandbox.mode.fault(QUERIES, status=400, nth=5)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1)
    result, reports = go_on(sandbox, layout)
    assert len(reports) == len(reports_of(sandbox)) - len(first) - 4
    assert contents(result) == contents(from_zero(sandbox, tmp_path))


def test_profiles_that_were_read_are_not_asked_for_again(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    sandbox.mode.fault("/api/person*", status=400, nth=7)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1)
    before = len(asked(sandbox, "/api/person"))
    result, reports = go_on(sandbox, layout)
    assert (len(asked(sandbox, "/api/person")) - before, reports) == (2, [])
    assert result.manifest.reuse["resumed"]["members"] == 6
    assert contents(result) == contents(from_zero(sandbox, tmp_path))


@pytest.mark.parametrize("strategy", ["auto", "hybrid"])
def test_where_bulk_is_open_only_what_rest_was_asked_for_is_taken(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, strategy: str
) -> None:
    sandbox.mode.fault("/api/person*", status=400, nth=7)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1, strategy=strategy)
    before = len(asked(sandbox, "/batch/"))
    result, _ = go_on(sandbox, layout, strategy=strategy)
    assert result.manifest.strategy == "hybrid"
    assert len(asked(sandbox, "/batch/")) > before
    taken = result.manifest.reuse["resumed"]
    assert taken["members"] == 6
    assert taken["reports"] < len(reports_of(sandbox)) / 4
    assert contents(result) == contents(from_zero(sandbox, tmp_path, strategy="rest"))


def test_an_incremental_extraction_goes_on_as_well_and_notes_when_each_was_read(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    first = whole(sandbox, layout)
    edited = reports_of(sandbox)[:22]
    for report in edited:
        Editing(sandbox).saved(report)
    read = die(sandbox, layout, incremental=True)
    result, reports = go_on(sandbox, layout, incremental=True, day=0.5)
    assert len(reports) == len(edited) - len(read)
    assert result.manifest.reuse["snapshot"] == first.manifest.timestamp
    assert result.manifest.reuse["resumed"]["reports"] == len(read)
    assert contents(result) == contents(from_zero(sandbox, tmp_path))
    # Seven days later what was taken from the dead one is too old, and what was read then is not.
    _, again = go_on(sandbox, layout, incremental=True, day=7.25)
    assert set(again) == {one.token for one in reports_of(sandbox)} - set(reports)


@pytest.mark.parametrize("change", [one.__name__ for one in Editing.changes()])
def test_whatever_changed_meanwhile_shows_as_it_is_now(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, change: str
) -> None:
    read = die(sandbox, layout)
    editing = Editing(sandbox)
    for token in (read[0], read[8], read[-1]):
        report = sandbox.mode.world.report(token)
        if report is not None:
            getattr(editing, change)(report)
    result, _ = go_on(sandbox, layout)
    expected = from_zero(sandbox, tmp_path)
    assert contents(result) == contents(expected)
    assert result.manifest.left_out_counts == expected.manifest.left_out_counts


def test_a_report_that_was_edited_is_read_again_and_told(sandbox: Sandbox, layout: Layout) -> None:
    read = die(sandbox, layout)
    for token in read[:3]:
        Editing(sandbox).edit_sql(sandbox.mode.world.report(token))
    result, reports = go_on(sandbox, layout)
    assert set(read[:3]) <= set(reports)
    assert result.manifest.reuse["resumed"]["changed"] == 3


@pytest.mark.parametrize("order", [1, -1], ids=["later file last", "later file first"])
def test_of_a_report_that_changed_between_two_deaths_of_one_second_the_later_reading_counts(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    names = itertools.count(1 << 32, order)
    monkeypatch.setattr(unfinished.secrets, "token_hex", lambda size: f"{next(names):0{2 * size}x}")
    frozen = time.time()
    monkeypatch.setattr(incremental_cases.time, "time", lambda: frozen)
    read = die(sandbox, layout)
    report = sandbox.mode.world.report(read[0])
    Editing(sandbox).edit_sql(report)
    sandbox.mode.fault(QUERIES, status=400, nth=5)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1)
    result, reports = go_on(sandbox, layout)
    assert report.token not in reports
    assert result.manifest.reuse["resumed"]["changed"] == 0
    assert contents(result) == contents(from_zero(sandbox, tmp_path))


def test_a_definition_that_changed_makes_all_be_read_again(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    definition = sandbox.mode.world.add_definition("paid_orders", "select * from orders where paid")
    for report in reports_of(sandbox)[:8]:
        sandbox.mode.world.add_query(report, "select * from {{ @paid_orders as p }}")
    die(sandbox, layout, definitions="expand")
    result, reports = go_on(sandbox, layout, definitions="expand")
    assert len(reports) == len(reports_of(sandbox)) - READ
    zero = from_zero(sandbox, tmp_path, definitions="expand")
    assert contents(result) == contents(zero)
    assert result.manifest.figures["definitions"] == zero.manifest.figures["definitions"]
    die(sandbox, layout, definitions="expand")
    definition.source = "select 1"
    result, reports = go_on(sandbox, layout, definitions="expand")
    assert len(reports) == len(reports_of(sandbox))


def test_what_was_left_out_is_left_out_and_told_again(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    refused, tokenless, stranger, *_ = reports_of(sandbox)
    refused.refused = 403
    for report in (tokenless, stranger):
        sandbox.mode.world.add_query(report, "select 1")
    sandbox.mode.alter(
        f"reports/{tokenless.token}/queries",
        lambda answer: answer["_embedded"]["queries"][0].pop("token"),
        times=None,
    )
    sandbox.mode.alter(
        f"reports/{stranger.token}/queries",
        lambda answer: answer["_embedded"]["queries"][0].update(
            _links={"report": {"href": "/api/acme/reports/0123456789ab"}}
        ),
        times=None,
    )
    die(sandbox, layout)
    result, reports = go_on(sandbox, layout)
    expected = from_zero(sandbox, tmp_path)
    assert {refused.token, tokenless.token, stranger.token} <= set(reports)
    assert expected.manifest.left_out_counts["query"] == 2
    assert sorted(map(str, result.manifest.left_out)) == sorted(map(str, expected.manifest.left_out))
    assert contents(result) == contents(expected)
