"""Arguments of a refresh that are no sensible values must say so before Mode is asked for anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mode_catalog_provider.errors import ConfigurationError, UnknownSourceError
from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator


def operator(**arguments):
    return ModeCacheRefreshOperator(task_id="refresh", **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_runs": -1},
        {"max_runs": "nan"},
        {"max_runs": "inf"},
        {"max_runs": "2.5"},
        {"max_runs": "many"},
        {"max_concurrent_runs": 0},
        {"max_concurrent_runs": "None"},
        {"max_failed": -1, "failure": "threshold"},
        {"max_failed": ""},
        {"timeout": 0},
        {"timeout": "inf"},
        {"timeout": 1e15},
        {"timeout": None},
        {"check_interval": "nan"},
        {"check_interval": timedelta(0)},
        {"refresh": "None"},
        {"failure": ""},
        {"failure": ["warn"]},
        {"refresh": {}},
        {"dry_run": "perhaps"},
        {"annotate": "perhaps"},
        {"annotate": True, "wait_for_completion": False},
        {"annotate": True, "refresh": "schema", "data_sources": ["Warehouse"]},
        {"parameters": "region=EU"},
        {"parameters": ["region"]},
        {"refresh": "endpoint", "endpoint": ""},
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_is_refused(arguments):
    with pytest.raises(ConfigurationError):
        operator(**arguments)._policy()


@pytest.mark.parametrize("reports", [5, {"a": 1}, [5], [None], b"abc", "[1, 2]"], ids=str)
def test_reports_that_are_no_texts_are_refused(reports):
    with pytest.raises(ConfigurationError, match="not a list of texts"):
        operator(reports=reports)._selection()


@pytest.mark.parametrize("nothing", [None, "", " ", "None", "[]", "()", [], [""], ["", " "]], ids=repr)
def test_whatever_renders_to_nothing_selects_nothing(nothing):
    assert operator(reports=nothing, collections=nothing)._selection().empty


@pytest.mark.parametrize("nothing", [None, "", "None"], ids=repr)
def test_whatever_renders_to_nothing_is_no_limit(nothing):
    policy = operator(max_runs=nothing, parameters=nothing, dry_run=nothing)._policy()
    assert (policy.max_runs, policy.parameters, policy.dry_run) == (None, {}, False)


@pytest.mark.parametrize(
    "listed", ["['A, B', 'C']", '["A, B", "C"]', ["A, B", "C"], ("A, B", " C ")], ids=repr
)
def test_a_list_in_any_form_keeps_names_with_commas(listed):
    assert operator(reports=listed)._selection().reports == ("A, B", "C")


def test_an_endpoint_is_looked_at_only_where_it_is_used():
    assert operator(endpoint="None")._policy().refresh == "results"


def test_a_time_that_is_still_to_come_is_refused_by_its_name():
    now = datetime.now(UTC)
    for to_come in ("2999-01-01", now + timedelta(hours=1), (now + timedelta(minutes=5)).timestamp()):
        with pytest.raises(ConfigurationError, match=r"stale_since is .*still to come"):
            operator(reports=["a"], stale_since=to_come)._selection()
    # Clocks differ a little.
    assert operator(reports=["a"], stale_since=now + timedelta(seconds=20))._selection().stale_since > now


def test_a_date_without_hyphens_is_a_date_and_not_a_second_of_1970():
    plain = operator(reports=["a"], stale_since="20261120")._selection()
    assert plain == operator(reports=["a"], stale_since="2026-11-20")._selection()
    assert plain.stale_since.year == 2026


@pytest.mark.usefixtures("connect")
@pytest.mark.parametrize("written", ["2026-13-45", "yesterday", "Snowflak"])
def test_what_is_neither_a_time_nor_a_source_is_told_as_both(written):
    with pytest.raises(UnknownSourceError, match=rf"^stale_since is neither a time nor .*'{written}'"):
        operator(reports="a", stale_since=written)._selection()
