from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.catalog.ingestion import ingested_since, last_ingested
from mode_catalog_provider.catalog.push_target import check_push_target
from mode_catalog_provider.catalog.sources import CatalogSource, ListedSources, parse_source_id
from mode_catalog_provider.catalog.zones import ZONES
from mode_catalog_provider.errors import (
    ConfigurationError,
    ForbiddenError,
    MalformedResponseError,
    ServiceUnavailableError,
    UnknownSourceError,
)

NOON = datetime(2025, 11, 20, 12, tzinfo=UTC)
MODE_ID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
SNOWFLAKE_ID = "11111111-1111-4111-8111-111111111111"
BIGQUERY_ID = "22222222-2222-4222-8222-222222222222"
NOWHERE_ID = "99999999-9999-4999-8999-999999999999"


def source(**changes) -> CatalogSource:
    fields = {
        "id": SNOWFLAKE_ID,
        "name": "Snowflake",
        "technology": "SNOWFLAKE",
        "type": "WAREHOUSE",
        "origin": "EXTRACTION",
        "last_refreshed_at": NOON,
        "deleted_at": None,
    }
    return CatalogSource(**{**fields, **changes})


SNOWFLAKE = source()
BIGQUERY = source(
    id=BIGQUERY_ID, name="BigQuery", technology="BIGQUERY", last_refreshed_at=NOON - timedelta(days=2)
)
MODE = source(id=MODE_ID, name="Mode", technology="MODE", type="VISUALIZATION")
ALL = (SNOWFLAKE, BIGQUERY, MODE)


class Api:
    zone = ZONES["EU"]
    connection = "catalog_prod"
    unlisted_sources = 0

    def __init__(self, *answer):
        self.answer = answer

    def sources(self):
        for one in self.answer:
            if isinstance(one, Exception):
                raise one
            yield one


# -- the wire -----------------------------------------------------------------------------------------------


def test_times_are_read_as_milliseconds_in_utc():
    row = {"id": MODE_ID, "name": "Mode", "lastRefreshedAt": 1758555879807, "deletedAt": None}
    read = CatalogSource.from_graphql(row)
    assert read.last_refreshed_at == datetime(2025, 9, 22, 15, 44, 39, 807000, tzinfo=UTC)
    assert read.deleted_at is None


def test_every_word_of_a_source_is_read_and_what_is_missing_is_empty():
    words = {"name": "Mode", "technology": "MODE", "type": "VISUALIZATION", "origin": "API"}
    whole = CatalogSource.from_graphql({"id": MODE_ID.upper(), **words, "lastRefreshedAt": 0, "deletedAt": 1})
    assert whole == source(
        id=MODE_ID,
        **words,
        last_refreshed_at=datetime(1970, 1, 1, tzinfo=UTC),
        deleted_at=datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC),
    )
    empty = dict.fromkeys(words, "")
    assert CatalogSource.from_graphql({"id": MODE_ID}) == source(id=MODE_ID, **empty, last_refreshed_at=None)


def test_values_that_catalog_added_later_are_kept_as_text():
    read = CatalogSource.from_graphql({"id": MODE_ID, "technology": "BRAND_NEW", "type": "HOLOGRAM"})
    assert (read.technology, read.type, read.name) == ("BRAND_NEW", "HOLOGRAM", "")


@pytest.mark.parametrize("row", [None, [], {}, {"id": 5}, {"id": MODE_ID, "lastRefreshedAt": "yesterday"}])
def test_a_source_of_another_shape_is_a_malformed_answer(row):
    with pytest.raises(MalformedResponseError):
        CatalogSource.from_graphql(row)


# -- source ids ---------------------------------------------------------------------------------------------


@given(st.uuids(), st.sampled_from(["", " ", "\n", "\t "]), st.booleans())
def test_any_uuid_is_a_source_id_whatever_its_case_and_surrounding_spaces(id, space, upper):
    written = str(id).upper() if upper else str(id)
    assert parse_source_id(f"{space}{written}{space}") == str(id)


@pytest.mark.parametrize(
    "wrong", ["", "   ", None, "mode", "42", MODE_ID[:-1], MODE_ID.replace("-", ""), f"{{{MODE_ID}}}"]
)
def test_anything_else_is_refused_with_an_example_of_a_source_id(wrong):
    with pytest.raises(ConfigurationError, match=r"UUID such as [0-9a-f]{8}-.*'source_id'"):
        parse_source_id(wrong)


# -- the source that is pushed to ---------------------------------------------------------------------------


def test_a_living_mode_source_of_this_zone_passes():
    assert check_push_target(Api(*ALL), MODE_ID.upper()) == MODE


def test_an_absent_source_is_a_wrong_id_or_a_wrong_zone_and_both_zones_are_named():
    with pytest.raises(UnknownSourceError) as caught:
        check_push_target(Api(*ALL), NOWHERE_ID)
    message = str(caught.value)
    assert NOWHERE_ID in message
    assert "zone EU" in message
    assert "US when people open Catalog at https://app.us.castordoc.com" in message
    assert f"Mode sources in this zone: 'Mode' ({MODE_ID})" in message


def test_an_absent_source_in_a_zone_without_mode_says_that_too():
    with pytest.raises(UnknownSourceError, match="There is no Mode source in this zone"):
        check_push_target(Api(SNOWFLAKE), NOWHERE_ID)


def test_a_deleted_source_is_refused_with_the_day_it_was_deleted():
    with pytest.raises(UnknownSourceError, match=r"was deleted on 2025-11-20 12:00:00 UTC.*new source id"):
        check_push_target(Api(replace(MODE, deleted_at=NOON)), MODE_ID)


def test_a_warehouse_source_is_refused_and_the_mode_source_is_named():
    with pytest.raises(UnknownSourceError, match=rf"is a WAREHOUSE source.*'Mode' \({MODE_ID}\)"):
        check_push_target(Api(*ALL), SNOWFLAKE_ID)


def test_a_source_of_another_bi_tool_is_refused():
    with pytest.raises(UnknownSourceError, match=r"technology TABLEAU, not MODE"):
        check_push_target(Api(replace(MODE, technology="TABLEAU")), MODE_ID)


@pytest.mark.parametrize("untold", [{"type": ""}, {"technology": ""}])
def test_a_source_of_which_catalog_does_not_tell_the_kind_passes_with_a_warning(untold, caplog):
    assert check_push_target(Api(replace(MODE, **untold)), MODE_ID).id == MODE_ID
    assert "does not tell of which kind source 'Mode'" in caplog.text


def test_a_warehouse_of_which_catalog_does_not_tell_the_type_is_waited_for_by_its_id():
    assert ingested_since([replace(SNOWFLAKE, type="")], since=NOON, source_id=SNOWFLAKE_ID).ready


UNTOLD = replace(SNOWFLAKE, type="")


def test_warehouses_of_which_catalog_does_not_tell_the_type_are_waited_for_without_a_name_too():
    others = [replace(MODE, type="", technology=tool) for tool in ("MODE", "TABLEAU_REVAMPED", "DBT")]
    state = ingested_since([*others, UNTOLD], since=NOON)
    assert state.ready
    assert state.sources == (UNTOLD,)
    with pytest.raises(UnknownSourceError, match="no WAREHOUSE source in this zone"):
        ingested_since(others, since=NOON)


def test_a_source_of_which_catalog_tells_no_type_is_of_the_kind_of_its_technology():
    mode = replace(MODE, type="")
    assert ingested_since([UNTOLD, mode], since=NOON, type="VISUALIZATION").sources == (mode,)
    with pytest.raises(UnknownSourceError, match="is a MODE source, not a WAREHOUSE one"):
        ingested_since([UNTOLD, mode], since=NOON, source_id=MODE_ID)
    with pytest.raises(UnknownSourceError, match=r"SNOWFLAKE.*not a VISUALIZATION one"):
        check_push_target(Api(UNTOLD, mode), SNOWFLAKE_ID)


def test_of_two_namesakes_the_one_that_catalog_says_is_a_warehouse_is_meant():
    untold = replace(BIGQUERY, name="Snowflake", type="")
    assert last_ingested([untold, SNOWFLAKE], "Snowflake") == SNOWFLAKE
    assert last_ingested([untold, MODE], "Snowflake") == untold


def test_the_words_of_a_source_are_read_whatever_their_letters():
    read = CatalogSource.from_graphql({"id": MODE_ID, "type": "visualization", "technology": "Mode "})
    assert (read.type, read.technology) == ("VISUALIZATION", "MODE")


def test_a_source_of_another_kind_passes_when_any_is_allowed():
    assert check_push_target(Api(*ALL), SNOWFLAKE_ID, type=None, technology=None) == SNOWFLAKE


def test_a_source_that_was_never_ingested_passes_with_a_note(caplog):
    caplog.set_level(logging.INFO)
    fresh = replace(MODE, last_refreshed_at=None)
    assert check_push_target(Api(fresh), MODE_ID) == fresh
    assert "never ingested" in caplog.text


def test_a_token_that_may_not_read_sources_skips_the_check_with_a_warning(caplog):
    assert check_push_target(Api(ForbiddenError("no")), MODE_ID) is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "catalog_prod" in record.getMessage()


def test_an_api_that_does_not_answer_is_not_taken_for_a_missing_right():
    with pytest.raises(ServiceUnavailableError):
        check_push_target(Api(MODE, ServiceUnavailableError("down")), MODE_ID)


# -- freshness ----------------------------------------------------------------------------------------------


def test_a_named_source_is_ready_from_the_very_millisecond_on():
    moment = NOON + timedelta(milliseconds=1)
    known = (replace(SNOWFLAKE, last_refreshed_at=moment),)
    assert ingested_since(known, since=moment, source_id=SNOWFLAKE_ID).ready
    assert not ingested_since(known, since=moment + timedelta(milliseconds=1), source_id=SNOWFLAKE_ID).ready


def test_moments_in_different_time_zones_are_compared_as_moments():
    tokyo = timezone(timedelta(hours=9))
    assert ingested_since(ALL, since=NOON.astimezone(tokyo), source_name="Snowflake").ready


def test_a_late_source_is_named_with_its_last_ingestion():
    state = ingested_since(ALL, since=NOON, source_name=["Snowflake", "BigQuery"])
    assert not state.ready
    assert state.message == (
        f"Not ingested since 2025-11-20 12:00:00 UTC: 'BigQuery' ({BIGQUERY_ID}) was last ingested "
        "2025-11-18 12:00:00 UTC."
    )
    assert state.sources == (SNOWFLAKE, BIGQUERY)


def test_a_list_is_ready_only_when_all_of_it_is():
    fresh = (SNOWFLAKE, replace(BIGQUERY, last_refreshed_at=NOON))
    assert ingested_since(fresh, since=NOON, source_id=[SNOWFLAKE_ID, BIGQUERY_ID]).ready
    assert not ingested_since(ALL, since=NOON, source_id=[SNOWFLAKE_ID], source_name="BigQuery").ready


def test_a_source_named_twice_counts_once():
    state = ingested_since(ALL, since=NOON, source_id=SNOWFLAKE_ID, source_name=["Snowflake"])
    assert state.sources == (SNOWFLAKE,)


def test_never_ingested_is_not_ready():
    state = ingested_since([replace(SNOWFLAKE, last_refreshed_at=None)], since=NOON, source_id=SNOWFLAKE_ID)
    assert not state.ready
    assert state.message.endswith(f"'Snowflake' ({SNOWFLAKE_ID}) was never ingested.")


@pytest.mark.parametrize("named", [None, SNOWFLAKE_ID])
def test_an_ingestion_that_is_still_to_come_is_none(named):
    known = [replace(SNOWFLAKE, last_refreshed_at=datetime.now(UTC) + timedelta(hours=2))]
    state = ingested_since(known, since=NOON, source_id=named)
    assert not state.ready
    assert state.message.endswith("UTC, says Catalog, which is still to come.")
    assert ingested_since([*known, replace(BIGQUERY, last_refreshed_at=NOON)], since=NOON).ready


def test_a_clock_that_is_a_little_ahead_is_no_time_to_come():
    soon = replace(SNOWFLAKE, last_refreshed_at=datetime.now(UTC) + timedelta(minutes=30))
    assert ingested_since([soon], since=NOON).ready


@pytest.mark.parametrize("nothing", [None, "", []])
def test_with_none_named_any_one_warehouse_is_enough(nothing):
    assert ingested_since(ALL, since=NOON, source_id=nothing).ready
    later = ingested_since(ALL, since=NOON + timedelta(hours=1), source_id=nothing)
    assert not later.ready
    assert later.message.startswith(
        "None of 2 WAREHOUSE sources was ingested since 2025-11-20 13:00:00 UTC. "
    )
    assert "The newest: 'Snowflake'" in later.message


def test_of_a_single_source_it_is_told_as_of_one():
    state = ingested_since([BIGQUERY], since=NOON)
    assert state.message.startswith("Not ingested since 2025-11-20 12:00:00 UTC: 'BigQuery' (")


def test_with_none_named_other_types_and_deleted_sources_do_not_count():
    known = [replace(SNOWFLAKE, deleted_at=NOON), BIGQUERY, MODE]
    state = ingested_since(known, since=NOON)
    assert not state.ready
    assert state.sources == (BIGQUERY,)


def test_with_none_named_and_no_warehouse_at_all_it_fails():
    with pytest.raises(UnknownSourceError, match="no WAREHOUSE source in this zone"):
        ingested_since([MODE, replace(SNOWFLAKE, deleted_at=NOON)], since=NOON)


@pytest.mark.parametrize("wanted", [{"source_id": NOWHERE_ID}, {"source_name": "Redshift"}])
def test_an_unknown_source_fails_and_the_existing_ones_are_named(wanted):
    with pytest.raises(UnknownSourceError, match=rf"'Snowflake' \({SNOWFLAKE_ID}\), 'BigQuery'"):
        ingested_since(ALL, since=NOON, **wanted)


@pytest.mark.parametrize(
    "wanted", [{"source_id": NOWHERE_ID}, {"source_name": "Redshift"}, {"source_name": "Mode"}, {}], ids=str
)
def test_a_source_that_may_be_among_those_not_listed_is_not_said_to_be_absent(wanted):
    known = [MODE, *([SNOWFLAKE] if wanted else [])]
    with pytest.raises(UnknownSourceError):
        ingested_since(ListedSources(known), since=NOON, **wanted)
    with pytest.raises(MalformedResponseError, match="2 sources that it does not list") as caught:
        ingested_since(ListedSources(known, unlisted=2), since=NOON, **wanted)
    assert not caught.value.permanent


@pytest.mark.parametrize("wanted", [{"source_id": SNOWFLAKE_ID}, {"source_name": "Snowflake"}, {}], ids=str)
def test_a_listed_source_is_judged_though_others_are_not_listed(wanted):
    assert ingested_since(ListedSources(ALL, unlisted=2), since=NOON, **wanted).ready
    deleted = ListedSources([replace(SNOWFLAKE, deleted_at=NOON)], unlisted=2)
    with pytest.raises(UnknownSourceError, match="was deleted on"):
        ingested_since(deleted, since=NOON, source_id=SNOWFLAKE_ID)


@pytest.mark.parametrize("wanted", [{"source_id": SNOWFLAKE_ID}, {"source_name": "Snowflake"}])
def test_a_deleted_source_fails(wanted):
    with pytest.raises(UnknownSourceError, match="was deleted on"):
        ingested_since([replace(SNOWFLAKE, deleted_at=NOON), BIGQUERY], since=NOON, **wanted)


def test_a_name_that_two_living_sources_share_fails_and_names_their_ids():
    twin = replace(BIGQUERY, name="Snowflake")
    with pytest.raises(UnknownSourceError, match=rf"2 sources named .*{SNOWFLAKE_ID}, {BIGQUERY_ID}"):
        ingested_since([SNOWFLAKE, twin], since=NOON, source_name="Snowflake")


def test_a_deleted_namesake_or_one_of_another_type_does_not_make_a_name_ambiguous():
    deleted = replace(SNOWFLAKE, id=BIGQUERY_ID, deleted_at=NOON)
    dashboards = replace(MODE, name="Snowflake")
    state = ingested_since([deleted, dashboards, SNOWFLAKE], since=NOON, source_name="Snowflake")
    assert state.sources == (SNOWFLAKE,)


def test_a_source_of_another_type_fails():
    with pytest.raises(UnknownSourceError, match="is a VISUALIZATION source, not a WAREHOUSE one"):
        ingested_since(ALL, since=NOON, source_name="Mode")


def test_the_uploaded_source_is_looked_up_among_the_visualizations():
    assert ingested_since(ALL, since=NOON, source_id=MODE_ID, type="VISUALIZATION").ready


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ConfigurationError, match="no time zone"):
        ingested_since(ALL, since=NOON.replace(tzinfo=None))


def test_many_existing_sources_are_not_all_listed():
    crowd = [replace(SNOWFLAKE, id=f"{n:08d}-0000-4000-8000-000000000000", name=f"w{n}") for n in range(30)]
    with pytest.raises(UnknownSourceError, match=r"'w9' \(.*\), and 20 more"):
        ingested_since(crowd, since=NOON, source_id=NOWHERE_ID)


def test_a_source_is_pushed_to_xcom_as_json_scalars():
    assert SNOWFLAKE.to_json() == {
        "id": SNOWFLAKE_ID,
        "name": "Snowflake",
        "technology": "SNOWFLAKE",
        "type": "WAREHOUSE",
        "last_refreshed_at": "2025-11-20T12:00:00+00:00",
    }
    assert replace(SNOWFLAKE, last_refreshed_at=None).to_json()["last_refreshed_at"] is None


def test_a_time_that_is_none_is_told_in_short_and_printable():
    row = {"id": MODE_ID, "lastRefreshedAt": "\x1b[31m" + "x" * 100_000}
    with pytest.raises(MalformedResponseError, match="as a time") as caught:
        CatalogSource.from_graphql(row)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()
