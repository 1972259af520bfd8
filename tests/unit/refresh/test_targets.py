from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from mode_catalog_provider.errors import ConfigurationError, NotFoundError, TooManyRunsError
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.refresh.limit import refuse_too_many
from mode_catalog_provider.refresh.targets import (
    Choice,
    Selection,
    find_data_sources,
    find_targets,
)
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.mode import ModeSandbox
from tests.sandbox.objects import Report, stamp

SHAPE = WorkspaceShape(collections=3, reports=40, members=2, datasets=2, nasty=False, seed=4)
LOAD = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
BEFORE, AFTER = "2026-11-20T04:00:00.000Z", "2026-11-20T06:00:00.000Z"


@pytest.fixture
def mode() -> Iterator[ModeSandbox]:
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off")) as sandbox:
        yield sandbox.mode


@pytest.fixture
def find(mode: ModeSandbox) -> Iterator[Callable[..., list[Choice]]]:
    """Find targets: ``find(reports=("...",), begun=(...))``."""
    with ModeClient(
        ModeEndpoint(
            workspace=mode.workspace,
            credentials=lambda: ModeCredentials(mode.token, mode.secret),
            host=mode.url,
            requests_per_second=2000,
        )
    ) as client:
        yield lambda begun=(), **what: find_targets(client, Selection(**what), begun=begun)


@pytest.fixture
def reports(mode: ModeSandbox) -> list[Report]:
    shared = [one.token for one in mode.world.collections if not one.personal]
    return [one for one in mode.world.reports if not one.is_dataset and one.collection in shared]


@pytest.fixture
def dataset(mode: ModeSandbox) -> Report:
    return next(one for one in mode.world.reports if one.is_dataset)


def tokens(choices: list[Choice], *, run: bool = True) -> list[str]:
    return [one.target.token for one in choices if one.run is run]


def test_tokens_alone_cost_no_request(find, mode, reports, dataset):
    choices = find(reports=(reports[0].token,), datasets=(dataset.token,))
    assert tokens(choices) == [dataset.token, reports[0].token]
    assert mode.requests == []


def test_a_name_is_found_in_any_collection_whatever_its_case(find, reports, dataset):
    choices = find(reports=(reports[-1].name.upper(),), datasets=(dataset.name,))
    assert tokens(choices) == [dataset.token, reports[-1].token]
    assert [one.name for one in choices] == [dataset.name, reports[-1].name]


def test_a_name_that_is_nobodys_or_several_peoples_is_refused(find, reports):
    with pytest.raises(ConfigurationError, match="is named 'No such report'"):
        find(reports=("No such report",))
    reports[1].name = reports[0].name
    with pytest.raises(ConfigurationError, match=f"2 reports are named.*{reports[1].token}"):
        find(reports=(reports[0].name,))


def test_a_collection_means_its_reports_of_all_pages_and_its_datasets_first(find, mode):
    largest = max(mode.world.collections, key=lambda one: len(mode.world.reports_in(one)))
    inside = {one.token for one in mode.world.reports_in(largest) if not one.archived}
    for pattern in (largest.token, largest.name, largest.name[:5] + "*"):
        found = find(collections=(pattern,))
        assert inside <= set(tokens(found))
        kinds = [one.target.kind for one in found]
        assert kinds == sorted(kinds)


def test_a_glob_leaves_personal_collections_alone_and_a_token_reaches_them(find, mode):
    personal = next(one for one in mode.world.collections if one.personal and mode.world.reports_in(one))
    inside = {one.token for one in mode.world.reports_in(personal)}
    assert not inside & set(tokens(find(collections=("*",))))
    assert inside >= set(tokens(find(collections=(personal.token,))))


def test_a_collection_that_matches_nothing_is_refused_with_those_that_exist(find):
    with pytest.raises(ConfigurationError, match=r"matches 'Finanec'\. There are, for example: '"):
        find(collections=("Finanec",))


def test_a_named_collection_that_is_refused_fails_and_one_of_a_glob_does_not(find, mode, reports):
    refused = next(one for one in mode.world.collections if one.token == reports[0].collection)
    refused.refused = 404
    with pytest.raises(NotFoundError):
        find(collections=(refused.name,))
    others = find(collections=("*",))
    assert others
    assert reports[0].token not in tokens(others)


def test_a_connection_means_each_report_on_it_once_though_mode_lists_it_once_per_query(find, mode):
    source = mode.world.data_sources[0]
    on_it = {
        report.token
        for report, query in mode.world.all_queries()
        if query.data_source_id == source.id and not report.archived
    }
    found = tokens(find(data_sources=(source.name,)))
    assert len(found) == len(set(found))
    assert set(found) == on_it
    assert max(mode.world.query_total(one) for one in mode.world.reports) > 1


def test_what_is_found_by_several_ways_is_run_once(find, mode, reports):
    report = reports[0]
    found = find(reports=(report.token, report.name), collections=(report.collection,), data_sources=("*",))
    assert tokens(found).count(report.token) == 1


def test_a_workspace_without_datasets_is_no_error(find, mode, reports):
    mode.switches.throw(datasets=404)
    assert reports[0].token in tokens(find(collections=(reports[0].collection,)))


def test_archived_reports_are_left_alone_unless_asked_for_or_given_by_token(find, mode, reports):
    mode.world.edit_report(reports[0], archived=True)
    collection = (reports[0].collection,)
    assert reports[0].token in tokens(find(collections=collection), run=False)
    assert reports[0].token in tokens(find(collections=collection, include_archived=True))
    assert reports[0].token in tokens(find(reports=(reports[0].token,), stale_since=LOAD))


@pytest.mark.parametrize(
    ("begun", "ended", "stale"),
    [
        (None, None, True),
        (BEFORE, BEFORE, True),
        (BEFORE, AFTER, True),
        (AFTER, AFTER, False),
        (AFTER, BEFORE, True),
        (stamp(LOAD), stamp(LOAD), False),
    ],
    ids=["never ran", "ran before", "began before", "ran after", "failed after", "that very moment"],
)
def test_only_what_has_no_good_run_since_is_stale(find, reports, begun, ended, stale):
    reports[0].last_run_at, reports[0].last_successfully_run_at = begun, ended
    for what in ({"reports": (reports[0].token,)}, {"collections": (reports[0].collection,)}):
        choices = {one.target.token: one for one in find(stale_since=LOAD, **what)}
        assert choices[reports[0].token].run is stale


def test_a_dataset_given_by_token_is_judged_like_a_report(find, dataset):
    dataset.last_run_at = dataset.last_successfully_run_at = AFTER
    [choice] = find(datasets=(dataset.token,), stale_since=LOAD)
    assert not choice.run
    assert "after 2026-11-20 05:00:00 UTC" in choice.why


def test_what_an_earlier_try_began_is_not_taken_for_fresh(find, reports):
    reports[0].last_run_at = reports[0].last_successfully_run_at = AFTER
    path = f"reports/{reports[0].token}"
    assert tokens(find(reports=(reports[0].token,), stale_since=LOAD, begun=(path,))) == [reports[0].token]


def test_a_token_that_mode_does_not_know_is_left_to_the_run_to_be_refused(find):
    assert tokens(find(reports=("000000000000",), stale_since=LOAD)) == ["000000000000"]


def test_too_many_runs_are_refused_and_those_begun_do_not_count(find, reports):
    choices = find(reports=tuple(one.token for one in reports[:3]))
    refuse_too_many(choices, max_runs=3)
    refuse_too_many(choices, max_runs=None)
    refuse_too_many(choices, max_runs=2, begun=(f"reports/{reports[0].token}",))
    with pytest.raises(TooManyRunsError, match="up to 3 runs in Mode; max_runs allows 2"):
        refuse_too_many(choices, max_runs=2)


def test_a_connection_is_found_by_token_name_and_glob(mode):
    source = mode.world.data_sources[0]
    with ModeClient(
        ModeEndpoint(
            workspace=mode.workspace,
            credentials=lambda: ModeCredentials(mode.token, mode.secret),
            host=mode.url,
            requests_per_second=2000,
        )
    ) as client:
        for pattern in (source.token, source.name, source.name[:-1] + "?"):
            rows: list[Any] = find_data_sources(client, [pattern])
            assert source.token in [row["token"] for row in rows]
        with pytest.raises(ConfigurationError, match="no connection"):
            find_data_sources(client, ["nothing like it"])


def test_what_is_given_as_a_report_and_found_to_be_a_dataset_is_run_once_as_a_dataset(find, dataset):
    found = find(reports=(dataset.token,), collections=(dataset.collection,))
    assert [one.target.kind for one in found if one.target.token == dataset.token] == ["dataset"]
    [judged] = find(reports=(dataset.token,), stale_since=LOAD)
    assert judged.target.kind == "dataset"


def test_a_glob_whose_collections_are_all_refused_fails(find, mode):
    for collection in mode.world.collections:
        collection.refused = 404
    with pytest.raises(NotFoundError):
        find(collections=("*",))


def test_what_an_earlier_try_began_is_followed_though_it_was_archived_or_moved_away(find, mode, reports):
    mode.world.edit_report(reports[0], archived=True)
    begun = [f"reports/{reports[0].token}", "reports/000000000000"]
    found = {one.target.path: one for one in find(collections=(reports[0].collection,), begun=begun)}
    assert all(found[path].run for path in begun)
    assert found["reports/000000000000"].why == "begun by an earlier try"


def test_runs_in_progress_do_not_count_because_they_are_joined(find, reports):
    choices = find(reports=tuple(one.token for one in reports[:4]))
    going = {reports[0].token, reports[3].token}
    refuse_too_many(choices, max_runs=2, going_on=lambda target: target.token in going)
    with pytest.raises(TooManyRunsError, match="max_runs allows 1"):
        refuse_too_many(choices, max_runs=1, going_on=lambda target: target.token in going)


def test_a_hopeless_excess_costs_few_looks(find, reports):
    looks: list[str] = []
    choices = find(reports=tuple(one.token for one in reports[:20]))
    with pytest.raises(TooManyRunsError):
        refuse_too_many(choices, max_runs=2, going_on=lambda target: bool(looks.append(target.token)))
    assert len(looks) == 3


@pytest.mark.parametrize(("max_runs", "looks"), [(4, 0), (3, 1), (2, 2), (None, 0)])
def test_runs_in_progress_are_looked_for_only_until_there_is_room_for_the_rest(
    find, reports, max_runs, looks
):
    asked: list[str] = []
    choices = find(reports=tuple(one.token for one in reports[:4]))
    refuse_too_many(choices, max_runs=max_runs, going_on=lambda target: asked.append(target.token) is None)
    assert asked == [one.token for one in reports[:looks]]


def test_a_dataset_comes_first_though_the_report_was_found_before_it(find, reports, dataset):
    found = find(reports=(reports[0].token,), collections=(dataset.collection,))
    kinds = [one.target.kind for one in found]
    assert kinds == sorted(kinds)
    assert set(kinds) == {"dataset", "report"}


@pytest.mark.parametrize(
    "row", [None, {"name": "x"}, {"token": None}, {"token": "a b/c"}, {"token": ["t"]}], ids=str
)
@pytest.mark.parametrize(
    "listing", ["/spaces", "/spaces/*/reports", "/data_sources/*/reports", "/data_sources"]
)
def test_a_row_without_a_token_is_passed_over_and_told(mode, find, reports, caplog, listing, row):
    def spoil(body: Any) -> None:
        for rows in body["_embedded"].values():
            rows[:0] = [row]

    whole, name = find(collections=("*",), data_sources=("*",)), reports[0].name
    mode.faults.add(f"/api/{mode.workspace}{listing}", times=None, alter=spoil)
    assert find(collections=("*",), data_sources=("*",)) == whole
    assert tokens(find(reports=(name,))) == [reports[0].token]
    assert "without a token" in caplog.text


def test_a_connection_that_has_only_a_display_name_is_called_by_it(mode, find):
    def rename(body: Any) -> None:
        for row in body["_embedded"]["data_sources"]:
            row["display_name"] = row.pop("name")

    mode.faults.add(f"/api/{mode.workspace}/data_sources", times=None, alter=rename)
    name = mode.world.data_sources[0].name
    assert any(f"on connection '{name}'" in one.why for one in find(data_sources=(name,)))
