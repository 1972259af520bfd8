from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from mode_catalog_provider.errors import MalformedResponseError, ModeCatalogError, ServiceUnavailableError
from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.sensors.catalog import CatalogIngestedSensor
from mode_catalog_provider.sensors.warehouse import WarehouseIngestedSensor
from mode_catalog_provider.tasks.compat import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from tests.airflow_exceptions import AirflowRescheduleException, TaskDeferred
from tests.sandbox.catalog_graphql import CatalogGraphQL

OTHER = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


@pytest.fixture
def context():
    pushed = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    run = SimpleNamespace(start_date=datetime.now(UTC) - timedelta(minutes=5))
    return {"ti": ti, "dag_run": run, "pushed": pushed}


@pytest.fixture
def warehouse(connect, sandbox):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(hours=30))

    def make(**arguments):
        return WarehouseIngestedSensor(task_id="wait", **{"deferrable": True, **arguments})

    return make


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_fresh_warehouse_passes_at_once_with_the_same_result(warehouse, context, sandbox, deferrable):
    sandbox.catalog.ingest_warehouse()
    result = warehouse(deferrable=deferrable).execute(context)
    assert set(result) == {"message", "sources"}
    assert result["sources"][0]["id"] == sandbox.catalog.warehouse_id
    assert context["pushed"] == {"_link_CatalogSourceLink": "https://app.castordoc.com"}


@pytest.fixture
def one_source_unlisted(sandbox, monkeypatch):
    page = CatalogGraphQL._page

    def counted(self, *arguments):
        answer = page(self, *arguments)
        return {**answer, "totalCount": answer["totalCount"] + 1}

    monkeypatch.setattr(CatalogGraphQL, "_page", counted)


@pytest.mark.usefixtures("one_source_unlisted")
def test_a_source_that_may_be_among_those_not_listed_is_asked_for_again(warehouse, context):
    with pytest.raises(MalformedResponseError, match="may be among them"):
        warehouse(source_id=OTHER).execute(context)


@pytest.mark.usefixtures("one_source_unlisted")
def test_a_refresh_is_tried_again_when_the_named_warehouse_may_be_among_those_not_listed(connect):
    refresh = ModeCacheRefreshOperator(task_id="r", reports=["a"], stale_since=OTHER)
    with pytest.raises(MalformedResponseError, match="may be among them"):
        refresh._selection()


def test_warehouses_of_which_catalog_does_not_tell_the_type_are_waited_for(warehouse, context, sandbox):
    for one in sandbox.catalog.sources:
        one.type = None
    sandbox.catalog.ingest_warehouse()
    result = warehouse().execute(context)
    assert sandbox.catalog.warehouse_id in [one["id"] for one in result["sources"]]


def test_a_stale_warehouse_is_waited_for_in_the_triggerer(warehouse, context):
    sensor = warehouse(timeout=600, poke_interval=60)
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    deferred = caught.value
    assert deferred.method_name == "execute_complete"
    assert deferred.kwargs is None
    assert deferred.trigger.deadline == pytest.approx(time.time() + 600, abs=30)
    assert deferred.timeout > timedelta(seconds=600)
    assert deferred.trigger.check_interval == 60


def test_a_shorter_execution_timeout_ends_the_wait_too(warehouse, context):
    with pytest.raises(TaskDeferred) as caught:
        warehouse(timeout=600, execution_timeout=timedelta(seconds=60)).execute(context)
    assert caught.value.trigger.deadline == pytest.approx(time.time() + 60, abs=30)


def test_without_triggerer_it_is_a_plain_sensor(warehouse, context):
    assert warehouse(deferrable=False).poke(context).is_done is False
    sensor = warehouse(deferrable=False, mode="reschedule")
    context["ti"].get_first_reschedule_date = lambda context: None
    with pytest.raises(AirflowRescheduleException):
        sensor.execute(context)


def test_a_longer_age_may_be_fresh_enough(warehouse, context):
    assert warehouse(max_age=timedelta(hours=31)).execute(context)


def test_a_moment_given_counts_instead_of_the_age(warehouse, context):
    long_ago = datetime.now(UTC) - timedelta(hours=31)
    for ingested_after in (long_ago, long_ago.isoformat(), str(int(long_ago.timestamp()))):
        assert warehouse(ingested_after=ingested_after).execute(context)


def test_all_of_several_sources_must_be_ingested(warehouse, context, sandbox):
    wanted = [sandbox.catalog.warehouse_id, OTHER]
    with pytest.raises(AirflowFailException, match=OTHER):
        warehouse(source_id=wanted).execute(context)


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_unknown_source_fails_at_once(warehouse, context, deferrable):
    with pytest.raises(AirflowFailException, match="'Nowhere'"):
        warehouse(source_name="Nowhere", deferrable=deferrable).execute(context)


@pytest.mark.parametrize("deferrable", [True, False])
def test_soft_fail_skips_instead_of_failing(warehouse, context, deferrable):
    with pytest.raises(AirflowSkipException):
        warehouse(source_name="Nowhere", deferrable=deferrable, soft_fail=True).execute(context)


def test_it_skips_when_it_is_told_to_and_asks_nobody(warehouse, context, sandbox):
    with pytest.raises(AirflowSkipException):
        warehouse(skip_when="True").execute(context)
    assert sandbox.catalog.requests == []


def test_the_events_of_the_trigger_become_results_and_errors(warehouse, context):
    sensor = warehouse()
    done = sensor.execute_complete(context, {"status": "ingested", "message": "m", "sources": []})
    assert done == {"message": "m", "sources": []}
    with pytest.raises(AirflowSensorTimeout, match=r"The wait of 1 day is over\. late\. ") as late:
        sensor.execute_complete(context, {"status": "timeout", "message": "late."})
    assert "warehouse_sources" in str(late.value)
    assert "'Do not wait for the warehouse'" in str(late.value)
    with pytest.raises(AirflowFailException, match="gone"):
        sensor.execute_complete(context, {"status": "failed", "message": "gone", "permanent": True})
    with pytest.raises(ServiceUnavailableError, match="away"):
        sensor.execute_complete(context, {"status": "failed", "message": "away", "permanent": False})


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_wait_on_the_worker_that_is_over_says_what_to_do_as_well(warehouse, context, sandbox, mode):
    context["ti"].get_first_reschedule_date = lambda context: datetime.now(UTC) - timedelta(hours=2)
    sensor = warehouse(deferrable=False, mode=mode, timeout=0, source_id=sandbox.catalog.warehouse_id)
    with pytest.raises(AirflowSensorTimeout) as late:
        sensor.execute(context)
    assert str(late.value).startswith("The wait of 0 seconds is over. Not ingested since ")
    assert "'Do not wait for the warehouse'" in str(late.value)


def test_a_wait_that_execution_timeout_ended_is_told_by_its_length(warehouse, context):
    sensor = warehouse(execution_timeout=timedelta(minutes=20))
    with pytest.raises(AirflowSensorTimeout, match=r"The wait of 20 minutes is over\. late\. "):
        sensor.execute_complete(context, {"status": "timeout", "message": "late."})


@pytest.mark.parametrize("event", [None, {}, {"status": "fine"}, {"status": "ingested"}, "ingested"])
def test_an_event_that_is_not_known_is_refused(warehouse, context, event):
    with pytest.raises(ModeCatalogError, match="does not know"):
        warehouse().execute_complete(context, event)


def test_the_uploaded_source_is_that_of_the_connection(connect, context, sandbox):
    sensor = CatalogIngestedSensor(task_id="wait", deferrable=False)
    sandbox.catalog.ingest_mode(datetime.now(UTC) - timedelta(hours=1))
    assert not sensor.poke(context).is_done
    sandbox.catalog.ingest_mode()
    state = sensor.poke(context)
    assert state.is_done
    assert [source["id"] for source in state.xcom_value["sources"]] == [sandbox.catalog.source_id]


def test_a_deferred_wait_for_the_upload_carries_source_and_moment(connect, context, sandbox):
    sensor = CatalogIngestedSensor(task_id="wait", deferrable=True)
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    trigger = caught.value.trigger
    assert trigger.source_ids == [sandbox.catalog.source_id]
    assert trigger.source_type == "VISUALIZATION"
    assert trigger.ingested_after == context["dag_run"].start_date.isoformat()


def test_without_any_source_there_is_nothing_to_wait_for(connect, context):
    connect("coalesce_catalog_default", extra={"source_id": ""})
    with pytest.raises(AirflowFailException, match="Which Catalog source is waited for"):
        CatalogIngestedSensor(task_id="wait").execute(context)
