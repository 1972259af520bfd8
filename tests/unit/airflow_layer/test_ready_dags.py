"""The builders of the ready DAGs, without an Airflow around them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mode_catalog_provider.dags import (
    arrival_dag,
    audit_dag,
    permission_dag,
    read_settings,
    refresh_dag,
    sync_dag,
)
from mode_catalog_provider.errors import ConfigurationError

BUILDERS = {
    "mode_catalog_sync": sync_dag,
    "mode_cache_refresh": refresh_dag,
    "mode_workspace_audit": audit_dag,
    "mode_permission_audit": permission_dag,
    "mode_catalog_arrival": arrival_dag,
}
FOLDER = Path(__file__).resolve().parents[3] / "dags"


def local_times(dag, *days: str) -> list[str]:
    """When the first run after midnight (UTC) of some days is due, as local and as UTC time."""
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable

    timetable = CronTriggerTimetable(dag.schedule, timezone=dag.timezone)
    times = []
    for day in days:
        earliest = datetime.fromisoformat(day).replace(tzinfo=UTC)
        info = timetable.next_dagrun_info(
            last_automated_data_interval=None,
            restriction=TimeRestriction(earliest=earliest, latest=None, catchup=True),
        )
        times.append(f"{info.run_after.astimezone(dag.timezone):%H:%M}/{info.run_after:%H:%M}")
    return times


@pytest.mark.parametrize("dag_id", BUILDERS)
def test_each_ready_dag_has_the_name_that_the_documentation_uses_also_on_the_screen(dag_id):
    dag = BUILDERS[dag_id]()
    assert (dag.dag_id, dag.dag_display_name) == (dag_id, dag_id)


@pytest.mark.parametrize("dag_id", BUILDERS)
def test_a_second_call_is_a_second_dag(dag_id):
    dag = BUILDERS[dag_id](f"{dag_id}_us", mode_conn_id="mode_us")
    assert dag.dag_id == f"{dag_id}_us"
    assert {task.mode_conn_id for task in dag.tasks if hasattr(task, "mode_conn_id")} == {"mode_us"}


@pytest.mark.parametrize("dag_id", BUILDERS)
def test_each_dag_and_each_of_its_tasks_says_what_it_does_and_what_to_do_when_it_fails(dag_id):
    dag = BUILDERS[dag_id]()
    assert "**When " in dag.doc_md
    assert "**Needs**" in dag.doc_md
    for task in dag.tasks:
        assert task.doc_md, task.task_id


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.stem)
def test_airflow_takes_each_dag_file_for_one(file):
    """Airflow skips, without a word, files that do not contain both of these."""
    text = file.read_text().lower()
    assert "airflow" in text
    assert "dag" in text


@pytest.mark.parametrize("dag_id", BUILDERS)
def test_a_schedule_is_in_the_time_zone_of_airflow_and_keeps_its_hour_over_summer_time(monkeypatch, dag_id):
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Europe/Berlin")
    at = "30 5 * * *"
    dag = BUILDERS[dag_id](schedule=at, audit_schedule=at, permission_schedule=at)
    assert str(dag.timezone) == "Europe/Berlin"
    if isinstance(dag.schedule, str):
        days = ("2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25")
        assert local_times(dag, *days) == ["05:30/04:30", "05:30/03:30", "05:30/03:30", "05:30/04:30"]


def test_a_dag_may_have_a_time_zone_of_its_own(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Europe/Berlin")
    assert str(sync_dag(timezone="America/New_York").timezone) == "America/New_York"


def test_without_any_setting_schedules_are_in_utc():
    assert str(sync_dag().timezone) == "UTC"


def test_whole_settings_can_be_given_and_changed_again():
    settings = read_settings().but(mode_conn_id="mode_us", retries=1)
    dag = sync_dag("other", settings, retries=2)
    assert dag.get_task("extract").mode_conn_id == "mode_us"
    assert dag.get_task("extract").retries == 2


def test_the_source_can_be_given_for_one_dag():
    source = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
    dag = sync_dag(source_id=source)
    assert {dag.get_task(name).source_id for name in ("preflight", "extract", "upload")} == {source}


def test_arguments_of_the_dag_itself_are_added_to_its_own():
    dag = sync_dag(dag_options={"tags": ["finance"], "default_args": {"owner": "data"}, "max_active_runs": 2})
    assert dag.tags == {"mode", "catalog", "finance"}
    assert dag.get_task("extract").owner == "data"
    assert dag.get_task("extract").retries == 3
    assert dag.max_active_runs == 2


def test_a_wrong_setting_is_an_error_of_the_parse_that_names_it():
    with pytest.raises(ConfigurationError, match=r"max_shrink is 30; it must be a number from 0 to 1"):
        sync_dag(max_shrink=30)


def test_a_file_with_one_dag_loads_the_operators_of_no_other():
    program = (
        "import sys; from mode_catalog_provider.dags import audit_dag; audit_dag();"
        "print(*[name for name in sys.modules if name.startswith('mode_catalog_provider.operators.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mode_catalog_provider.operators.audit"]


def test_a_refresh_is_not_repeated_where_airflow_cannot_remember_what_ran(monkeypatch):
    monkeypatch.setattr("mode_catalog_provider.dags.form.REMEMBERS_TRIES", False)
    assert refresh_dag().get_task("refresh").retries == 0
    assert sync_dag().get_task("refresh_mode_results").retries == 0
    assert sync_dag().get_task("extract").retries == 3


@pytest.mark.parametrize(("wanted", "tasks"), [("False", {"audit"}), ("True", {"audit", "schedules"})])
def test_the_audit_of_schedules_stands_beside_the_audit_when_it_is_asked_for(wanted, tasks):
    dag = audit_dag(audit_schedules=wanted)
    assert set(dag.task_ids) == tasks
    assert not any(task.upstream_task_ids for task in dag.tasks)


@pytest.mark.parametrize("builder", BUILDERS.values())
def test_params_and_tags_of_ones_own_stand_beside_those_of_the_dag(builder):
    plain = builder()
    dag = builder(dag_options={"params": {"mine": 1}, "tags": "finance", "default_args": None})
    assert set(dag.params) == {*plain.params, "mine"}
    assert dag.tags == {*plain.tags, "finance"}


@pytest.mark.parametrize("builder", BUILDERS.values())
@pytest.mark.parametrize("name", ["schedule", "dag_id"])
def test_what_the_call_itself_takes_is_refused_among_the_options_of_the_dag(builder, name):
    with pytest.raises(ConfigurationError, match=f"dag_options has '{name}'.*argument of the call"):
        builder(dag_options={name: "@hourly"})
