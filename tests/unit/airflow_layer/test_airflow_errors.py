from __future__ import annotations

import errno
import re
import shlex
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset

from mode_catalog_provider.errors import ConfigurationError, ModeAuthenticationError, RateLimitedError
from mode_catalog_provider.tasks import errors
from mode_catalog_provider.tasks.compat import AirflowFailException, AirflowSkipException
from mode_catalog_provider.tasks.errors import airflow_errors


def test_a_permanent_error_fails_the_task_at_once_with_the_same_sentence():
    error = ModeAuthenticationError("Put the new token into connection 'mode_default'.")
    with pytest.raises(AirflowFailException) as caught, airflow_errors():
        raise error
    assert str(caught.value) == "Put the new token into connection 'mode_default'."
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_error_that_may_pass_stays_what_it_is_for_retry_policies():
    with pytest.raises(RateLimitedError) as caught, airflow_errors():
        raise RateLimitedError("Still 429.", status=429, retry_after=7.0)
    assert caught.value.retry_after == 7.0


def test_errors_that_are_not_ours_pass_through():
    with pytest.raises(KeyError), airflow_errors():
        raise KeyError("unexpected")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/data/mode"), "may not read or write there"),
        (OSError(errno.EROFS, "Read-only file system", "/data/mode"), "may not read or write there"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/data/mode"), "where a folder is meant"),
        (FileExistsError(errno.EEXIST, "File exists", "/data/mode"), "where a folder is meant"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "/data/mode"), "where a file is meant"),
    ],
)
def test_a_path_that_cannot_be_used_is_told_with_what_to_do_and_not_tried_again(error, said):
    with pytest.raises(AirflowFailException) as caught, airflow_errors():
        raise error
    told = str(caught.value)
    assert told.startswith(f"/data/mode cannot be used ({error.strerror}). ")
    assert said in told
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device", "/data/mode"), PermissionError(errno.EACCES, "no")],
)
def test_trouble_of_a_disk_or_store_that_may_pass_stays_what_it_is(error):
    with pytest.raises(OSError, match=re.escape(str(error))), airflow_errors():
        raise error


def refused(schedule):
    succeeded = SimpleNamespace(logical_date=datetime(2026, 11, 15, tzinfo=UTC))
    context = {
        "dag": SimpleNamespace(schedule=schedule),
        "dag_run": SimpleNamespace(dag_id="sync", logical_date=None, run_after=datetime.now(UTC)),
        "ti": SimpleNamespace(get_previous_dagrun=lambda state: succeeded),
    }
    with pytest.raises(AirflowFailException) as caught, airflow_errors(context):
        raise ModeAuthenticationError("Mode refused it.")
    return str(caught.value)


@pytest.mark.parametrize("schedule", ["@daily", "30 5 * * *", timedelta(hours=6)])
def test_a_refused_credential_names_the_commands_that_bring_the_missed_days_back(schedule):
    begun = datetime.now(UTC)
    said = refused(schedule)
    command = (
        r"airflow backfill create --dag-id sync --from-date (\S+) --to-date (\S+) --reprocess-behavior failed"
    )
    found = re.search(command, said)
    assert found is not None
    # A date alone is its midnight: the run that failed at 05:30 today would not be among them.
    first, last = map(datetime.fromisoformat, found.groups())
    assert first == datetime(2026, 11, 15, tzinfo=UTC)
    assert begun <= last <= begun + timedelta(minutes=5)
    assert said.endswith("airflow dags trigger sync")


@pytest.mark.parametrize("schedule", [None, "@once", "@continuous", [Asset("loaded")], Asset("loaded")])
def test_where_airflow_refuses_a_backfill_none_is_named(schedule):
    said = refused(schedule)
    assert "backfill" not in said
    assert said.endswith("airflow dags trigger sync")


def test_any_other_error_says_nothing_of_missed_days():
    context = {"dag_run": SimpleNamespace(dag_id="sync")}
    with pytest.raises(AirflowFailException, match=r"^No workspace\.$"), airflow_errors(context):
        raise ConfigurationError("No workspace.")


def told(caplog):
    return [record.message for record in caplog.records if record.name == errors.__name__]


def test_before_it_fails_a_task_says_what_happened_and_what_to_type_in_lines_that_fit(caplog):
    dag_id = "mode_catalog_sync_of_the_second_workspace"
    context = {
        "dag": SimpleNamespace(schedule="@daily"),
        "dag_run": SimpleNamespace(dag_id=dag_id, logical_date=None, run_after=datetime.now(UTC)),
    }
    cure = (
        "Put the new token into connection 'mode_default' and clear this task, or " + "look " * 30 + "again."
    )
    with pytest.raises(AirflowFailException), airflow_errors(context):
        raise ModeAuthenticationError(f"Mode refused API token ...4f2a (401). {cure}")
    lines = told(caplog)
    assert lines[0] == "Mode refused API token ...4f2a (401)."
    assert lines[1].startswith("Put the new token into connection 'mode_default'")
    assert max(map(len, lines)) <= 100
    typed = "\n".join(lines)
    assert f"\n  airflow dags trigger {dag_id}" in typed
    start = typed.index("  airflow backfill create")
    command = shlex.split(typed[start : typed.index("Or start")])
    assert command[:5] == ["airflow", "backfill", "create", "--dag-id", dag_id]
    assert command[-2:] == ["--reprocess-behavior", "failed"]


def test_what_may_pass_is_told_before_it_is_raised_and_comes_without_what_led_to_it(caplog):
    def look():
        try:
            raise OSError("reset")
        except OSError as error:
            raise RateLimitedError("Still 429.", status=429) from error

    with pytest.raises(RateLimitedError) as caught, airflow_errors():
        look()
    assert told(caplog) == ["Still 429."]
    assert caught.value.__cause__ is None


def test_of_several_faults_each_begins_a_line(caplog):
    with pytest.raises(AirflowFailException), airflow_errors():
        raise ConfigurationError("2 things are wrong: (1) There is none. Make it (twice). (2) 'x' is odd.")
    assert told(caplog) == [
        "2 things are wrong:",
        "(1) There is none.",
        "Make it (twice).",
        "(2) 'x' is odd.",
    ]


def test_a_skipped_task_says_why(caplog):
    with pytest.raises(AirflowSkipException), airflow_errors():
        raise AirflowSkipException("There is nothing to refresh.")
    assert told(caplog) == ["There is nothing to refresh."]


def test_an_error_that_goes_through_two_doors_is_told_once(caplog):
    with pytest.raises(AirflowFailException), airflow_errors(), airflow_errors():
        raise ConfigurationError("No workspace.")
    assert told(caplog) == ["No workspace."]


def test_a_whole_method_may_stand_behind_the_border(caplog):
    @airflow_errors()
    def execute():
        raise AirflowFailException("New about rights in Mode: 3.")

    with pytest.raises(AirflowFailException):
        execute()
    assert told(caplog) == ["New about rights in Mode: 3."]
