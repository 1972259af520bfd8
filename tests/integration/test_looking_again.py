"""A report deleted while pages are read hides another; whoever knows that one has the pages read again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mode_catalog_provider.mode.extraction import Extraction, ExtractionOptions
from mode_catalog_provider.mode.recollection import NothingKnown
from tests.integration.extracting import client_of
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape


class Remembered(NothingKnown):
    """An earlier snapshot that had these reports in every collection."""

    knows_something = True

    def __init__(self, reports: set[str]) -> None:
        self._reports = reports

    def reports_of(self, collection_token: str) -> set[str]:  # type: ignore[override]
        return self._reports


@pytest.fixture
def big() -> Iterator[Sandbox]:
    """One collection of 70 reports: three pages."""
    shape = WorkspaceShape(collections=1, reports=70, datasets=0, members=0, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as running:
        yield running


def reports_found(sandbox: Sandbox, recollection: NothingKnown) -> set[str]:
    with client_of(sandbox) as client:
        rows = Extraction(client=client, options=ExtractionOptions(strategy="auto")).rows(recollection)
        return {row["token"] for asset, row in rows if asset == "report"}


def tokens(sandbox: Sandbox) -> set[str]:
    return {report.token for report in sandbox.mode.world.reports}


def pages_read(sandbox: Sandbox) -> int:
    return len(sandbox.mode.requests_to("spaces/*/reports"))


def delete_while_reading(sandbox: Sandbox) -> None:
    first = sandbox.mode.world.reports[0]
    sandbox.mode.when("spaces/*/reports", nth=2, do=lambda: sandbox.mode.world.remove_report(first))


def test_what_an_earlier_snapshot_had_is_found_although_a_deletion_hid_it(big: Sandbox) -> None:
    remembered = Remembered(tokens(big))
    delete_while_reading(big)
    found = reports_found(big, remembered)
    assert tokens(big) <= found
    assert pages_read(big) > 4


def test_where_nothing_is_missing_each_page_is_read_once_and_one_proves_the_end(big: Sandbox) -> None:
    assert reports_found(big, Remembered(tokens(big))) == tokens(big)
    assert pages_read(big) == 4


def test_a_report_that_an_earlier_snapshot_had_and_that_is_gone_costs_one_more_look(big: Sandbox) -> None:
    assert reports_found(big, Remembered({*tokens(big), "deleted since"})) == tokens(big)
    assert pages_read(big) == 8


def test_a_collection_of_which_nothing_is_known_is_looked_over_until_a_pass_shows_nothing_new(
    big: Sandbox,
) -> None:
    delete_while_reading(big)
    assert tokens(big) <= reports_found(big, Remembered(set()))
