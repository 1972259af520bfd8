from __future__ import annotations

import pytest

from mode_catalog_provider.airflow_errors import airflow_errors
from mode_catalog_provider.compat import AirflowFailException
from mode_catalog_provider.errors import ModeAuthenticationError, RateLimitedError


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
