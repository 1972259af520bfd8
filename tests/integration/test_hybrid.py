"""Queries from the Discovery API: the same files as by REST, for a fraction of the requests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import pytest

from mode_catalog_provider.errors import (
    CancelledError,
    DiscoveryUnavailableError,
    RequestRefusedError,
    ServiceError,
    ServiceUnavailableError,
)
from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions
from mode_catalog_provider.mode import discovery
from tests.integration.extracting import Extracted, as_written, client_of, extract, walk_cost
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.objects import Report, stamp

MINT, DELETE, QUERIES = "/batch/*/signature_tokens", "/batch/*/signature_tokens/*", "/batch/*/queries"
REPORTS = "/batch/*/reports"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small workspace with every nasty row."""
    with Sandbox(mode=ModeSwitches(limiter="off")) as running:
        yield running
        assert running.mode.discovery.tokens == {}, "a token was left behind"


@pytest.fixture
def clean() -> Iterator[Sandbox]:
    """20 reports and 3 datasets with 3 queries each, in 4 shared collections."""
    shape = WorkspaceShape(collections=4, reports=20, datasets=3, members=3, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off", batch_per_page_cap=10)) as running:
        yield running
        assert running.mode.discovery.tokens == {}, "a token was left behind"


def hybrid(sandbox: Sandbox, **options: Any) -> Extracted:
    return extract(sandbox, strategy="hybrid", **options)


def same(one: Extracted, other: Extracted) -> bool:
    return as_written(one.rows) == as_written(other.rows) and one.left_out == other.left_out


def queries_read(sandbox: Sandbox) -> list[str]:
    """The reports whose queries were asked for by REST."""
    return [request.path.split("/")[-2] for request in sandbox.mode.requests_to("reports/*/queries")]


def only_read(sandbox: Sandbox, *reports: Report) -> bool:
    """Whether REST was asked for the queries of just these, and of one to learn the types of ids."""
    read, wanted = queries_read(sandbox), {report.token for report in reports}
    return len(read) == len(set(read)) <= len(wanted) + 1 and wanted <= set(read)


SWITCHES: list[dict[str, Any]] = [
    {},
    {"id_type": "number", "batch_id_type": "string"},
    {"id_type": "string", "batch_id_type": "number"},
    {"batch_archived": False},
    {"batch_per_page_cap": 7},
    {"page_after_last": "repeat"},
    {"moving_rows": "losses"},
    {"moving_rows": "duplicates"},
    {"memberships_lite": 404},
    {"memberships_lite": 403, "user_email": "withheld"},
    {"creator_link": "none", "null_names": False},
    {"archived_rows": False},
    {"datasets": 404},
    {"datasets": 403},
    {"refused_collections": False, "vanishing_reports": False},
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_both_routes_write_the_same_files(sandbox: Sandbox, switches: dict[str, Any]) -> None:
    sandbox.mode.switches.throw(**switches)
    by_batch = hybrid(sandbox)
    assert by_batch.extraction.strategy == "hybrid"
    assert as_written(by_batch.rows) == as_written(sandbox.mode.expected())
    assert same(by_batch, extract(sandbox))


@pytest.mark.parametrize(
    "options",
    [
        {"include_personal": True},
        {"include_archived": False},
        {"members": "lite"},
        {"exclude_collections": ["General"]},
        {"max_in_flight": 1},
    ],
    ids=str,
)
def test_both_routes_take_the_same_options(sandbox: Sandbox, options: dict[str, Any]) -> None:
    by_batch, by_rest = hybrid(sandbox, **options), extract(sandbox, **options)
    assert same(by_batch, by_rest)
    assert by_batch.extraction.filtered == by_rest.extraction.filtered


@pytest.mark.parametrize("batch_id_type", ["string", "number"])
@pytest.mark.parametrize("query_ids", ["string", "number"])
@pytest.mark.parametrize("source_ids", ["string", "number"])
def test_ids_have_the_types_that_rest_gives_to_each_column(
    sandbox: Sandbox, query_ids: Any, source_ids: Any, batch_id_type: Any
) -> None:
    """As documented: ids of reports and data sources are numbers, those of queries texts."""
    sandbox.mode.switches.throw(id_type="number", batch_id_type=batch_id_type)
    sandbox.mode.switches.throw(query_id_type=query_ids, query_source_id_type=source_ids)
    by_batch = hybrid(sandbox)
    assert as_written(by_batch.rows) == as_written(sandbox.mode.expected())
    assert same(by_batch, extract(sandbox))
    kinds = {type(row["data_source_id"]) for row in by_batch.rows["query"]} - {type(None)}
    assert kinds == {str if source_ids == "string" else int}


def test_where_rest_itself_mixes_types_everything_is_as_rest_gives_it(sandbox: Sandbox) -> None:
    sandbox.mode.switches.id_type = "mixed"
    assert same(hybrid(sandbox), extract(sandbox))


def test_where_types_turn_out_mixed_late_what_batch_gave_is_read_again(clean: Sandbox) -> None:
    """All ids are numbers but those of one query, in a report that only REST knows."""
    late = clean.mode.world.reports[-1]
    late.batch = False
    clean.mode.switches.odd_query_id_of = late.token
    by_batch = hybrid(clean)
    # An object may come twice; the later row holds, as it does in a file.
    for rows in by_batch.rows.values():
        rows[:] = {row["token"]: row for row in rows}.values()
    assert same(by_batch, extract(clean))
    assert len(set(queries_read(clean))) == len(clean.mode.expected()["report"])


def test_a_clean_workspace_costs_its_pages_and_one_request_for_each_page_of_queries(clean: Sandbox) -> None:
    hybrid(clean, members="lite")
    world = clean.mode.world
    cost = 1 + 1 + walk_cost(len(world.collections), proven=True) + 1
    for collection in world.collections:
        if not collection.personal:
            inside = world.reports_in(collection)
            datasets = sum(report.is_dataset for report in inside)
            # What batch shows as well needs no page that proves the end, unless all pages are full.
            cost += (len(inside) - datasets) // 30 + 1 + datasets // 30 + 1
    queries = sum(report.made_queries for report in world.reports if not _personal(clean, report.collection))
    shared = sum(not _personal(clean, report.collection) for report in world.reports)
    cost += ceil(queries / 10) + ceil(shared / 10)
    mint_and_delete = clean.mode.requests_to(MINT) + clean.mode.requests_to(DELETE)
    assert [request.method for request in mint_and_delete] == ["POST", "DELETE"]
    # The second list of members, the key, and one report that shows the types of ids.
    assert len(clean.mode.requests) == cost + 3
    assert only_read(clean)


def _personal(sandbox: Sandbox, token: str) -> bool:
    collection = sandbox.mode.world.collection(token)
    return collection is not None and collection.personal


def test_personal_queries_are_asked_for_only_when_they_are_wanted(clean: Sandbox) -> None:
    hybrid(clean)
    assert {request.params.get("include_spaces") for request in clean.mode.requests_to(QUERIES)} == {None}


# -- the check against REST ----------------------------------------------------------------------------------


def test_only_reports_whose_count_disagrees_are_read_by_rest(clean: Sandbox) -> None:
    lies, lacks, unknown = clean.mode.world.reports[1:4]
    lies.query_count = 99
    lacks.batch = False
    unknown.absent = frozenset({"query_count"})
    got = hybrid(clean)
    assert only_read(clean, lies, lacks, unknown)
    assert as_written(got.rows) == as_written(clean.mode.expected())


def test_a_report_edited_when_the_batch_answer_was_made_is_read_by_rest(clean: Sandbox) -> None:
    report = clean.mode.world.reports[0]
    report.last_saved_at = stamp(datetime.now(UTC) - timedelta(minutes=1))
    by_batch = hybrid(clean)
    assert only_read(clean, report)
    assert same(by_batch, extract(clean))


@pytest.mark.parametrize("odd", [{"archived": True}, {"type": "DatasetReport"}])
def test_no_queries_in_batch_are_not_believed_of_what_batch_may_not_list_at_all(
    clean: Sandbox, odd: dict[str, Any]
) -> None:
    report = clean.mode.world.reports[0]
    report.query_count, report.batch = 0, False
    for name, value in odd.items():
        setattr(report, name, value)
    hybrid(clean)
    assert only_read(clean, report)


def test_no_queries_in_batch_are_asked_of_rest_where_batch_may_just_not_see_the_report(
    clean: Sandbox,
) -> None:
    report = clean.mode.world.reports[0]
    report.made_queries, report.refused = 0, 403
    got = hybrid(clean)
    assert only_read(clean, report)
    assert got.left_out == {("report", report.token, "forbidden")}
    assert same(got, extract(clean))


def test_many_reports_without_queries_are_proved_empty_by_the_batch_listing_of_reports(
    clean: Sandbox,
) -> None:
    empty = clean.mode.world.reports[:5]
    for report in empty:
        report.made_queries = 0
    empty[4].refused = 403
    got = hybrid(clean)
    assert len(clean.mode.requests_to(REPORTS)) == ceil((len(clean.mode.world.reports) - 2) / 10)
    assert only_read(clean, empty[4])
    assert same(got, extract(clean))


@pytest.mark.parametrize("switches", [{}, {"refused_collections": False}], ids=str)
def test_where_batch_shows_the_key_what_rest_would_refuse_it_is_kept(
    sandbox: Sandbox, switches: dict[str, Any]
) -> None:
    """One request per report would be needed to know, and the key may read it: so it is not asked."""
    sandbox.mode.switches.throw(batch_sees="more", **switches)
    by_batch, by_rest = hybrid(sandbox), extract(sandbox)
    more = {row["report_token"] for row in by_batch.rows["query"]}
    more -= {row["report_token"] for row in by_rest.rows["query"]}
    assert more == {one.token for one in sandbox.mode.world.reports if one.refused or one.vanishes}
    kept = {entry for entry in by_rest.left_out if entry[1] in more}
    assert by_batch.left_out == by_rest.left_out - kept
    by_batch.rows["query"] = [row for row in by_batch.rows["query"] if row["report_token"] not in more]
    for got in (by_batch, by_rest):
        got.rows["report"] = [row for row in got.rows["report"] if row["token"] not in more]
    assert as_written(by_batch.rows) == as_written(by_rest.rows)


# -- when batch breaks ---------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "PAGE_BUDGET", 0.02)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("broken", [{"status": 400}, {"status": 404}, {"status": 503}, {"body": b'{"x": 1}'}])
def test_a_listing_that_breaks_half_way_is_made_up_for_where_rows_are_missing(
    clean: Sandbox, broken: dict[str, Any]
) -> None:
    clean.mode.fault(QUERIES, nth=3, times=None if broken.get("status") == 503 else 1, **broken)
    got = hybrid(clean)
    assert as_written(got.rows) == as_written(clean.mode.expected())
    assert 0 < len(queries_read(clean)) < 23


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_a_listing_that_never_answers_costs_no_row(clean: Sandbox, status: int) -> None:
    clean.mode.switches.batch_listings = {"queries": status}
    assert as_written(hybrid(clean).rows) == as_written(clean.mode.expected())


def test_members_that_only_batch_lists_are_not_left_out(clean: Sandbox) -> None:
    clean.mode.switches.throw(memberships_lite=404, memberships=404)
    got = hybrid(clean)
    clean.mode.switches.throw(memberships_lite="rows", memberships="rows")
    assert as_written(got.rows)["member"] == as_written(clean.mode.expected())["member"]
    assert got.left_out == set()


# -- the token -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "reason"), [(401, "not that of an admin"), (403, "plan"), (404, "none")])
def test_where_discovery_is_closed_auto_says_why_once_and_reads_by_rest(
    clean: Sandbox, caplog: pytest.LogCaptureFixture, status: int, reason: str
) -> None:
    clean.mode.switches.batch = status
    with caplog.at_level(logging.INFO, logger="mode_catalog_provider"):
        got = extract(clean, strategy="auto")
    assert got.extraction.strategy == "rest"
    assert as_written(got.rows) == as_written(clean.mode.expected())
    assert [reason in record.message for record in caplog.records] == [True]
    assert caplog.records[0].levelno == logging.INFO


@pytest.mark.parametrize("status", [401, 403, 404])
def test_where_discovery_is_closed_hybrid_fails_with_a_sentence(clean: Sandbox, status: int) -> None:
    clean.mode.switches.batch = status
    with pytest.raises(DiscoveryUnavailableError, match="Strategy 'hybrid' needs it") as raised:
        hybrid(clean)
    assert raised.value.status == status
    assert raised.value.permanent
    assert clean.mode.requests_to("*") == clean.mode.requests_to(MINT)


def test_a_mint_that_breaks_makes_auto_read_by_rest_and_hybrid_fail(clean: Sandbox) -> None:
    clean.mode.fault(MINT, status=503, times=None)
    assert extract(clean, strategy="auto").extraction.strategy == "rest"
    with pytest.raises(ServiceError, match="503"):
        hybrid(clean)


def test_the_token_has_a_name_and_a_short_life_and_is_deleted(clean: Sandbox) -> None:
    seen: list[Any] = []
    clean.mode.when(QUERIES, do=lambda: seen.extend(clean.mode.discovery.tokens.values()))
    hybrid(clean)
    (token,) = seen
    assert token.name.startswith("mode-catalog-provider")
    assert token.expires_at - datetime.now(UTC) <= timedelta(minutes=30)
    assert clean.mode.discovery.tokens == {}


def test_a_token_refused_in_the_middle_is_minted_again_once(clean: Sandbox) -> None:
    clean.mode.when(QUERIES, nth=3, do=clean.mode.discovery.tokens.clear)
    clean.mode.fault(QUERIES, nth=3, status=401)
    got = hybrid(clean)
    assert as_written(got.rows) == as_written(clean.mode.expected())
    assert len(clean.mode.requests_to(MINT)) == 2
    assert only_read(clean)


def test_a_token_that_is_refused_again_and_again_is_given_up(clean: Sandbox) -> None:
    clean.mode.fault(QUERIES, nth=2, status=401, times=None)
    got = hybrid(clean)
    assert as_written(got.rows) == as_written(clean.mode.expected())
    assert len(clean.mode.requests_to(MINT)) == 2


def test_a_page_that_is_wanted_after_the_token_was_deleted_or_just_then_has_it_minted_again(
    clean: Sandbox,
) -> None:
    with client_of(clean) as client:
        api = discovery.Discovery(client)
        api.open()
        first = api.page("queries", 1)
        api.close()
        assert api.page("queries", 1) == first
        # The token goes while a request with it is on its way.
        clean.mode.fault(QUERIES, status=401, do=api.close)
        assert api.page("queries", 1) == first
        api.close()
        api.close()
    assert len(clean.mode.requests_to(MINT)) == len(clean.mode.requests_to(DELETE)) == 3
    assert not clean.mode.discovery.tokens


@pytest.mark.parametrize("route", ["reports/*/queries", "spaces/*/reports"])
def test_the_token_is_deleted_after_a_failure_which_stays_the_error(clean: Sandbox, route: str) -> None:
    clean.mode.world.reports[0].batch = False
    clean.mode.fault(route, status=400)
    with pytest.raises(RequestRefusedError, match="400"):
        hybrid(clean)
    assert len(clean.mode.requests_to(DELETE)) == 1


def test_the_token_is_deleted_after_cancellation(clean: Sandbox) -> None:
    with client_of(clean) as client:
        clean.mode.when("spaces/*/reports", do=client.cancel)
        with pytest.raises(CancelledError):
            list(Extraction(client=client, options=ExtractionOptions(strategy="hybrid")).rows())
    assert len(clean.mode.requests_to(DELETE)) == 1


def test_the_token_is_deleted_when_the_rows_are_abandoned(clean: Sandbox) -> None:
    with client_of(clean) as client:
        rows = Extraction(client=client, options=ExtractionOptions(strategy="hybrid")).rows()
        next(rows)
        rows.close()
    assert len(clean.mode.requests_to(DELETE)) == 1


def test_a_token_that_cannot_be_deleted_is_a_warning_and_hides_no_error(
    clean: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    clean.mode.fault(DELETE, status=400, times=None)
    clean.mode.fault("spaces/*/reports", status=503, times=None)
    with client_of(clean) as client:
        client._retries = type(client._retries)(budget=0.05, first_wait=0.001)
        with pytest.raises(ServiceUnavailableError):
            list(Extraction(client=client, options=ExtractionOptions(strategy="hybrid")).rows())
    assert "was not deleted" in caplog.text
    clean.mode.discovery.tokens.clear()


def test_its_secrets_are_announced_for_masking_and_appear_nowhere(
    clean: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    announced: list[str] = []
    minted: list[Any] = []
    clean.mode.when(QUERIES, do=lambda: minted.extend(clean.mode.discovery.tokens.values()))
    clean.mode.fault(QUERIES, nth=2, status=400, body=b'{"message": "no"}')
    clean.mode.fault(DELETE, status=503)
    with caplog.at_level(logging.DEBUG), client_of(clean, on_secret=announced.append) as client:
        list(Extraction(client=client, options=ExtractionOptions(strategy="hybrid")).rows())
    (token,) = minted
    header = token.header.removeprefix("Bearer ")
    assert {token.access_key, token.access_secret, header} <= set(announced)
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("mode_catalog")
    )
    assert ours
    for secret in (token.access_key, token.access_secret, header, token.token):
        assert secret not in ours
    key = discovery.SignatureToken(token.token, token.access_key, token.access_secret)
    assert token.access_secret not in repr(key) + str(key)


def test_the_longest_walk_begins_first(clean: Sandbox) -> None:
    world = clean.mode.world
    last = [one for one in world.collections if not one.personal][-1]
    for _ in range(65):
        world.add_report(last.token)
    hybrid(clean, max_in_flight=1)
    walks = clean.mode.requests_to("spaces/*/reports")
    assert walks[0].path.split("/")[-2] == last.token
