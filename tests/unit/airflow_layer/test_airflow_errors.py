from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from mode_catalog_provider.errors import ConfigurationError, ModeAuthenticationError, RateLimitedError
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.errors import airflow_errors


def test_a_permanent_error_fails_the_task_at_once_with_the_same_sentence():
    error = ModeAuthenticationError("Put the new token into connection 'mode_default'.")
    with pytest.raises(AirflowFailException) as caught, airflow_errors():
        raise error
    assert str(caught.value) == "Put the new token into connection 'mode_default'."
    assert caught.value.__cause__ is error


def test_an_error_that_may_pass_stays_what_it_is_for_retry_policies():
    with pytest.raises(RateLimitedError) as caught, airflow_errors():
        raise RateLimitedError("Still 429.", status=429, retry_after=7.0)
    assert caught.value.retry_after == 7.0


def test_errors_that_are_not_ours_pass_through():
    with pytest.raises(KeyError), airflow_errors():
        raise KeyError("unexpected")


def test_a_refused_credential_names_the_commands_that_bring_the_missed_days_back():
    succeeded = SimpleNamespace(logical_date=datetime(2026, 11, 15, tzinfo=UTC))
    context = {
        "dag_run": SimpleNamespace(dag_id="sync", logical_date=None, run_after=datetime.now(UTC)),
        "ti": SimpleNamespace(get_previous_dagrun=lambda state: succeeded),
    }
    with pytest.raises(AirflowFailException) as caught, airflow_errors(context):
        raise ModeAuthenticationError("Mode refused it.")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert (
        f"airflow backfill create --dag-id sync --from-date 2026-11-15 --to-date {today} "
        "--reprocess-behavior failed"
    ) in str(caught.value)
    assert str(caught.value).endswith("airflow dags trigger sync")


def test_any_other_error_says_nothing_of_missed_days():
    context = {"dag_run": SimpleNamespace(dag_id="sync")}
    with pytest.raises(AirflowFailException, match=r"^No workspace\.$"), airflow_errors(context):
        raise ConfigurationError("No workspace.")
