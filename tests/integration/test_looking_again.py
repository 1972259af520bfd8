"""Reports that move, come and go while pages are read: none that was there all the time is missed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions
from mode_catalog_provider.extract.known import NothingKnown
from tests.integration.extracting import client_of
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.generate import generate_workspace
from tests.sandbox.objects import Collection, Report
from tests.sandbox.world import World

SHAPE = WorkspaceShape(collections=1, reports=70, datasets=0, members=0, nasty=False, sql_bytes=20)
PAGES = "spaces/*/reports"


class Remembered(NothingKnown):
    """An earlier snapshot that had these reports in their collections."""

    knows_something = True

    def __init__(self, world: World) -> None:
        self._tokens = {
            (one.token, dataset): {
                report.token for report in world.reports_in(one) if report.is_dataset is dataset
            }
            for one in world.collections
            for dataset in (False, True)
        }

    def reports_of(self, collection_token: str) -> set[str]:  # type: ignore[override]
        return self._tokens.get((collection_token, False), set())

    def datasets(self, collection_token: str | None = None) -> set[str]:  # type: ignore[override]
        return self._tokens.get((collection_token or "", True), set())


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(mode=ModeSwitches(limiter="off")) as sandbox:
        yield sandbox


@pytest.fixture
def big(running: Sandbox) -> Sandbox:
    """One collection of 70 reports: three pages."""
    return begin_again(running, SHAPE)


def begin_again(sandbox: Sandbox, shape: WorkspaceShape) -> Sandbox:
    vars(sandbox.mode.world).update(vars(generate_workspace(shape)))
    sandbox.mode.record.clear()
    sandbox.mode.faults.clear()
    return sandbox


def reports_found(sandbox: Sandbox, recollection: NothingKnown, **options: Any) -> set[str]:
    with client_of(sandbox) as client:
        chosen = ExtractionOptions(**{"strategy": "auto", **options})
        rows = Extraction(client=client, options=chosen).rows(recollection)
        return {row["token"] for asset, row in rows if asset == "report"}


def tokens(sandbox: Sandbox) -> set[str]:
    return {report.token for report in sandbox.mode.world.reports}


def pages_read(sandbox: Sandbox) -> list[int]:
    return [int(request.params["page"]) for request in sandbox.mode.requests_to(PAGES)]


def batch_read(sandbox: Sandbox, listing: str) -> int:
    return len(sandbox.mode.requests_to(f"/batch/*/{listing}"))


# -- whatever happens ----------------------------------------------------------------------------------------

TWO = WorkspaceShape(collections=2, reports=130, queries=6, datasets=0, members=0, nasty=False, sql_bytes=20)


@dataclass(frozen=True)
class Change:
    """Something that people do to the first collection; what had been in it does not come back."""

    kind: str
    fraction: float
    amount: int

    def make(self, world: World, had: set[str]) -> None:
        here, there = world.collections[:2]
        with world.lock:
            rows = list(world.reports_in(here))
            at = int(self.fraction * len(rows))
            if self.kind == "delete":
                for report in rows[at : at + self.amount]:
                    world.remove_report(report)
            elif self.kind == "move away":
                for report in rows[at : at + self.amount]:
                    world.move_report(report, there)
            elif self.kind == "reverse":
                world.reorder(here, rows[::-1])
            elif self.kind == "last to front":
                world.reorder(here, rows[-self.amount :] + rows[: -self.amount])
            else:
                come = self._newcomers(world, here, there, had)
                world.reorder(here, rows[:at] + come + rows[at:])

    def _newcomers(self, world: World, here: Collection, there: Collection, had: set[str]) -> list[Report]:
        if self.kind == "add":
            return [world.add_report(here, queries=number % 2) for number in range(self.amount)]
        come = [one for one in world.reports_in(there) if one.token not in had][: self.amount]
        for report in come:
            world.move_report(report, here)
        return come


changes = st.builds(
    Change,
    kind=st.sampled_from(["delete", "add", "move away", "move here", "reverse", "last to front"]),
    fraction=st.floats(0, 0.999),
    amount=st.one_of(st.just(1), st.integers(1, 40)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("route", ["incremental", "hybrid"])
@given(before=st.none() | changes, meanwhile=changes, when=st.integers(1, 16))
def test_one_change_while_pages_are_read_hides_no_report_that_stayed_where_it_was(
    running: Sandbox,
    route: str,
    before: Change | None,
    meanwhile: Change,
    when: int,
) -> None:
    world = begin_again(running, TWO).mode.world
    here = world.collections[0]
    had = {report.token for report in world.reports_in(here)}
    remembered = Remembered(world) if route == "incremental" else NothingKnown()
    if before:
        before.make(world, had)
    had |= {report.token for report in world.reports_in(here)}
    homes = {report.token: report.collection for report in world.reports}
    running.mode.when(PAGES, nth=when, do=lambda: meanwhile.make(world, had))
    found = reports_found(running, remembered, strategy="hybrid" if route == "hybrid" else "rest")
    stayed = {report.token for report in world.reports if homes.get(report.token) == report.collection}
    assert stayed <= found


# -- and what it costs ---------------------------------------------------------------------------------------


def test_a_collection_that_looks_as_the_earlier_snapshot_knew_it_is_read_once_from_its_end(
    big: Sandbox,
) -> None:
    assert reports_found(big, Remembered(big.mode.world)) == tokens(big)
    assert pages_read(big) == [3, 2, 1, 4]


@pytest.mark.parametrize("end", ["repeat", "empty"])
def test_so_it_is_however_the_listing_ends(big: Sandbox, end: str) -> None:
    big.mode.switches.page_after_last = end  # type: ignore[assignment]
    assert reports_found(big, Remembered(big.mode.world)) == tokens(big)
    assert pages_read(big) == [3, 2, 1, 4]
    big.mode.switches.page_after_last = "absent"


@pytest.mark.parametrize("change", ["a new one", "one gone", "a dozen new ones beyond the last page"])
def test_a_collection_that_looks_otherwise_is_looked_over_until_a_pass_shows_nothing_new(
    big: Sandbox, change: str
) -> None:
    world = big.mode.world
    remembered = Remembered(world)
    if change == "one gone":
        world.remove_report(world.reports[30])
    else:
        for _ in range(1 if change == "a new one" else 32):
            world.add_report(world.collections[0])
    assert reports_found(big, remembered) == tokens(big)
    last = 4 if "dozen" in change else 3
    assert pages_read(big)[-last:] == list(range(1, last + 1))


def test_a_new_report_hidden_by_the_deletion_of_a_known_one_is_found(big: Sandbox) -> None:
    world, collection = big.mode.world, big.mode.world.collections[0]
    remembered = Remembered(world)
    rows = list(world.reports_in(collection))
    new = world.add_report(collection)
    world.reorder(collection, [*rows[:30], new, *rows[30:]])
    big.mode.when(PAGES, nth=2, do=lambda: world.remove_report(rows[5]))
    assert new.token in reports_found(big, remembered)


def test_a_collection_of_which_nothing_is_known_is_looked_over_until_a_pass_shows_nothing_new(
    big: Sandbox,
) -> None:
    deleted, hidden = big.mode.world.reports[0], big.mode.world.reports[30]
    big.mode.when(PAGES, nth=2, do=lambda: big.mode.world.remove_report(deleted))
    assert hidden.token in reports_found(big, NothingKnown(), strategy="rest")
    assert pages_read(big) == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3]


def test_by_batch_one_request_for_a_thousand_reports_proves_that_long_listings_were_read_whole(
    big: Sandbox,
) -> None:
    assert reports_found(big, NothingKnown(), strategy="hybrid") == tokens(big)
    assert pages_read(big) == [1, 2, 3]
    assert batch_read(big, "reports") == 1


def test_by_batch_only_the_collection_from_which_a_report_was_deleted_is_read_again(
    running: Sandbox,
) -> None:
    world = begin_again(running, TWO).mode.world
    here, there = world.collections[:2]
    hidden, deleted = world.reports_in(here)[30], world.reports_in(here)[0]
    hidden.made_queries = 0
    listing = f"spaces/{here.token}/reports"
    running.mode.when(listing, nth=2, do=lambda: world.remove_report(deleted))
    assert hidden.token in reports_found(running, NothingKnown(), strategy="hybrid")
    assert len(running.mode.requests_to(f"spaces/{there.token}/reports")) == 3
    assert len(running.mode.requests_to(listing)) == 4 + 4 + 4


def test_a_full_page_that_shows_what_batch_shows_is_not_read_again(running: Sandbox) -> None:
    shape = WorkspaceShape(collections=1, reports=30, datasets=0, members=0, nasty=False)
    sandbox = begin_again(running, shape)
    assert reports_found(sandbox, NothingKnown(), strategy="hybrid") == tokens(sandbox)
    assert pages_read(sandbox) == [1, 2]
    assert batch_read(sandbox, "reports") == 1


def test_a_batch_listing_of_reports_that_breaks_has_the_long_listings_read_again(big: Sandbox) -> None:
    big.mode.fault("/batch/*/reports", status=400, times=None)
    assert reports_found(big, NothingKnown(), strategy="hybrid") == tokens(big)
    assert pages_read(big) == [1, 2, 3, 4] * 2


def test_a_batch_listing_that_came_whole_when_asked_again_proves_that_the_long_listings_were(
    big: Sandbox,
) -> None:
    big.mode.fault("/batch/*/reports", status=400, times=1)
    assert reports_found(big, NothingKnown(), strategy="hybrid") == tokens(big)
    assert batch_read(big, "reports") == 2
    assert pages_read(big) == [1, 2, 3, 4]


def test_archived_reports_that_batch_does_not_list_have_their_collection_read_again(big: Sandbox) -> None:
    big.mode.switches.batch_archived = False
    big.mode.world.reports[50].archived = True
    assert reports_found(big, NothingKnown(), strategy="hybrid") == tokens(big)
    assert pages_read(big) == [1, 2, 3, 4] * 2
    big.mode.switches.batch_archived = True


# -- pages without rows --------------------------------------------------------------------------------------

SMALL = WorkspaceShape(collections=2, reports=8, queries=4, datasets=4, members=0, nasty=False)
ROUTES = [("reports", "rest"), ("datasets", "rest"), ("reports", "auto"), ("datasets", "auto")]


def empty(answer: Any) -> None:
    answer["_embedded"]["reports"] = []


@pytest.mark.parametrize(("listing", "strategy"), ROUTES)
def test_a_listing_that_is_empty_once_is_read_again_where_something_is_known_to_be_there(
    running: Sandbox, listing: str, strategy: str
) -> None:
    sandbox = begin_again(running, SMALL)
    before = Remembered(sandbox.mode.world) if strategy == "rest" else NothingKnown()
    for collection in sandbox.mode.world.collections[:2]:
        sandbox.mode.fault(f"spaces/{collection.token}/{listing}", alter=empty)
    assert reports_found(sandbox, before, strategy=strategy) == tokens(sandbox)


@pytest.mark.parametrize(("listing", "strategy"), ROUTES)
def test_a_listing_that_stays_empty_is_read_again_once(running: Sandbox, listing: str, strategy: str) -> None:
    sandbox = begin_again(running, SMALL)
    world = sandbox.mode.world
    before = Remembered(world) if strategy == "rest" else NothingKnown()
    sandbox.mode.fault(f"spaces/*/{listing}", alter=empty, times=None)
    others = {one.token for one in world.reports if one.is_dataset is not (listing == "datasets")}
    assert reports_found(sandbox, before, strategy=strategy) == others
    assert len(sandbox.mode.requests_to(f"spaces/*/{listing}")) == 2 * 2


@pytest.mark.parametrize("strategy", ["rest", "auto"])
def test_an_empty_listing_of_datasets_is_read_once_where_the_reports_show_them(
    running: Sandbox, strategy: str
) -> None:
    sandbox = begin_again(running, SMALL)
    for one in sandbox.mode.world.reports:
        one.twice = one.is_dataset
    before = Remembered(sandbox.mode.world) if strategy == "rest" else NothingKnown()
    sandbox.mode.fault("spaces/*/datasets", alter=empty, times=None)
    assert reports_found(sandbox, before, strategy=strategy) == tokens(sandbox)
    assert len(sandbox.mode.requests_to("spaces/*/datasets")) == 2


def test_an_empty_listing_of_which_nothing_is_known_is_read_once(running: Sandbox) -> None:
    shape = WorkspaceShape(collections=2, reports=0, datasets=0, members=0, nasty=False)
    sandbox = begin_again(running, shape)
    assert reports_found(sandbox, NothingKnown(), strategy="auto") == set()
    for listing in ("reports", "datasets"):
        assert len(sandbox.mode.requests_to(f"spaces/*/{listing}")) == 2
