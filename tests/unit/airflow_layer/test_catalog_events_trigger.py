from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.module_loading import import_string

from mode_catalog_provider.assets import catalog_ingested, mode_api_key
from mode_catalog_provider.triggers.catalog_events import CatalogSourceIngestedTrigger
from tests.airflow_versions import needs_shared_streams

pytestmark = pytest.mark.usefixtures("connect")
HOUR = timedelta(hours=1)


class Store(dict):
    """As much of Airflow's asset state store as is used."""

    async def aget(self, key):
        return self.get(key)

    async def aset(self, key, value):
        self[key] = value


def watcher(store=None, **arguments):
    trigger = CatalogSourceIngestedTrigger(check_interval=0.01, **arguments)
    trigger.asset_state_store = store
    return trigger


def watch(trigger, sandbox, *, looks, then=()):
    """Run a trigger for so many looks at Catalog, doing something before some of them; return its events."""
    events, done = [], asyncio.Event()
    sandbox.catalog.faults.clear()
    for nth, do in then:
        sandbox.catalog.when("graphql", nth=nth, do=do)

    async def run():
        loop = asyncio.get_running_loop()
        sandbox.catalog.when("graphql", nth=looks + 1, do=lambda: loop.call_soon_threadsafe(done.set))

        async def collect():
            async for event in trigger.run():
                events.append(event.payload)

        task = asyncio.ensure_future(collect())
        await asyncio.wait_for(done.wait(), 20)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    return events


def ingest(sandbox, moment):
    return lambda: sandbox.catalog.ingest_warehouse(moment)


def test_it_survives_being_stored_and_made_again():
    path, arguments = watcher(source="Snowflake").serialize()
    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)


def test_each_ingestion_fires_once_and_the_one_before_the_first_look_does_not(sandbox):
    now = datetime.now(UTC)
    sandbox.catalog.ingest_warehouse(now - 5 * HOUR)
    then = [(3, ingest(sandbox, now - HOUR)), (6, ingest(sandbox, now))]
    events = watch(watcher(source=sandbox.catalog.warehouse_id), sandbox, looks=9, then=then)
    assert len(events) == 2
    assert [one["source"]["id"] for one in events] == [sandbox.catalog.warehouse_id] * 2
    assert json.loads(json.dumps(events)) == events


def test_warehouses_of_which_catalog_does_not_tell_the_type_are_watched(sandbox):
    now = datetime.now(UTC)
    for one in sandbox.catalog.sources:
        one.type = None
    sandbox.catalog.ingest_warehouse(now - 5 * HOUR)
    then = [(3, sandbox.catalog.ingest_mode), (6, ingest(sandbox, now))]
    (event,) = watch(watcher(), sandbox, looks=9, then=then)
    assert event["source"]["id"] == sandbox.catalog.warehouse_id


@pytest.mark.parametrize("named", [True, False])
def test_an_odd_time_to_come_is_not_told_and_hides_no_later_ingestion(sandbox, named):
    now, store = datetime.now(UTC), Store()
    sandbox.catalog.ingest_warehouse(now - 5 * HOUR)
    chosen = {"source": sandbox.catalog.warehouse_id} if named else {}
    then = [(3, ingest(sandbox, now + 99 * HOUR)), (6, ingest(sandbox, now))]
    (event,) = watch(watcher(store, **chosen), sandbox, looks=9, then=then)
    assert datetime.fromisoformat(event["source"]["last_refreshed_at"]) - now < HOUR


@pytest.mark.parametrize("named", [True, False])
def test_the_first_ingestion_that_a_source_ever_has_is_told_also_after_a_restart(sandbox, named):
    store, chosen = Store(), {"source_type": "VISUALIZATION"}
    if named:
        chosen["source"] = sandbox.catalog.source_id
    then = [(3, sandbox.catalog.ingest_mode)]
    assert len(watch(watcher(**chosen), sandbox, looks=5, then=then)) == 1
    sandbox.catalog.source(sandbox.catalog.source_id).last_refreshed_at = None
    assert watch(watcher(store, **chosen), sandbox, looks=2) == []
    sandbox.catalog.ingest_mode()
    assert len(watch(watcher(store, **chosen), sandbox, looks=3)) == 1
    assert watch(watcher(store, **chosen), sandbox, looks=3) == []


def test_after_a_restart_what_was_missed_is_told_and_nothing_twice(sandbox):
    now, store = datetime.now(UTC), Store()
    sandbox.catalog.ingest_warehouse(now - 5 * HOUR)
    assert watch(watcher(store), sandbox, looks=2) == []
    sandbox.catalog.ingest_warehouse(now - HOUR)
    assert len(watch(watcher(store), sandbox, looks=3)) == 1
    assert watch(watcher(store), sandbox, looks=3) == []


def test_a_crash_right_after_an_event_repeats_it_rather_than_losing_it(sandbox, monkeypatch):
    now, store = datetime.now(UTC), Store()
    sandbox.catalog.ingest_warehouse(now - 5 * HOUR)
    watch(watcher(store), sandbox, looks=2)
    sandbox.catalog.ingest_warehouse(now)
    before = dict(store)

    async def first_event():
        return await anext(watcher(store).run())

    asyncio.run(first_event())
    assert store == before
    assert len(watch(watcher(store), sandbox, looks=2)) == 1


def test_a_store_that_fails_for_a_while_loses_nothing(sandbox):
    class Flaky(Store):
        failures = 1

        async def aset(self, key, value):
            if self.failures:
                self.failures -= 1
                raise RuntimeError("the API server is away")
            await super().aset(key, value)

    store = Flaky()
    sandbox.catalog.ingest_warehouse()
    assert watch(watcher(store), sandbox, looks=4) == []
    assert len(store) == 1


def test_an_error_of_catalog_is_waited_out(sandbox):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - HOUR)
    trigger = watcher()

    def refuse_then_ingest():
        sandbox.catalog.fault("graphql", status=400, body=b"{}", times=2)

    events = watch(
        trigger, sandbox, looks=9, then=[(2, refuse_then_ingest), (6, sandbox.catalog.ingest_warehouse)]
    )
    assert len(events) == 1


@pytest.mark.parametrize("named", [True, False])
def test_an_ingestion_before_the_first_list_that_is_not_empty_fires_nothing(sandbox, named):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - HOUR)
    chosen = {"source": sandbox.catalog.warehouse_id} if named else {}
    sources, sandbox.catalog.sources = sandbox.catalog.sources, []
    # An empty list is asked for twice.
    then = [(5, lambda: sandbox.catalog.sources.extend(sources)), (7, sandbox.catalog.ingest_warehouse)]
    assert len(watch(watcher(**chosen), sandbox, looks=9, then=then)) == 1


def test_an_unknown_source_fires_nothing_and_is_looked_for_again(sandbox):
    assert watch(watcher(source="No such warehouse"), sandbox, looks=3) == []


def test_watchers_of_one_connection_and_interval_share_a_poll():
    keys = {watcher(source=source).shared_stream_key() for source in (None, "Snowflake", "BigQuery")}
    assert len(keys) == 1
    assert watcher(catalog_conn_id="other").shared_stream_key() not in keys


class Triggerer:
    """As much of Airflow's triggerer as feeds watchers from a shared stream."""

    def __init__(self):
        from airflow.triggers.shared_stream import SharedStreamManager

        self.streams = SharedStreamManager()
        self.events = []

    async def watch(self, number, trigger):
        key = trigger.shared_stream_key()
        stream = self.streams.subscribe(trigger_id=number, trigger=trigger, key=key)
        async for event in trigger.filter_shared_stream(stream):
            self.events.append((number, event.payload))
            self.stored(self.streams.bind_pending_event(trigger_id=number, key=key))

    def stored(self, number):
        """Airflow has written an event into its database."""
        self.streams.confirm_persisted([number])


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def run_in(triggerer, triggers, story):
    async def run():
        tasks = [asyncio.ensure_future(triggerer.watch(*one)) for one in enumerate(triggers)]
        try:
            await story()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await triggerer.streams.stop_all()

    asyncio.run(run())


@needs_shared_streams
def test_one_request_serves_all_watchers(sandbox):
    stores = [Store(), Store()]
    sandbox.catalog.ingest_warehouse()
    triggers = [watcher(stores[0]), watcher(stores[1], source=sandbox.catalog.warehouse_id)]
    for trigger in triggers:
        trigger.check_interval = 3600

    async def story():
        await until(lambda: all(stores))

    run_in(Triggerer(), triggers, story)
    assert len([one for one in sandbox.catalog.requests if one.matches("graphql")]) == 1


@needs_shared_streams
def test_each_watcher_keeps_what_it_told(sandbox):
    now, stores, triggerer = datetime.now(UTC), [Store(), Store()], Triggerer()
    sandbox.catalog.ingest_warehouse(now - HOUR)

    async def story():
        await until(lambda: all(stores))
        before = [dict(store) for store in stores]
        sandbox.catalog.ingest_warehouse(now)
        await until(lambda: all(store != old for store, old in zip(stores, before, strict=True)))

    run_in(triggerer, [watcher(stores[0]), watcher(stores[1], source=sandbox.catalog.warehouse_id)], story)
    assert sorted(number for number, _ in triggerer.events) == [0, 1]


@needs_shared_streams
def test_an_event_is_not_noted_before_airflow_has_stored_it(sandbox):
    class SlowTriggerer(Triggerer):
        def stored(self, number):
            self.waiting = number

    now, store, triggerer = datetime.now(UTC), Store(), SlowTriggerer()
    sandbox.catalog.ingest_warehouse(now - HOUR)

    async def story():
        await until(lambda: store)
        before, looks = dict(store), []
        sandbox.catalog.ingest_warehouse(now)
        await until(lambda: triggerer.events)
        sandbox.catalog.when("graphql", times=None, do=lambda: looks.append(None))
        await until(lambda: len(looks) > 3)
        assert store == before
        Triggerer.stored(triggerer, triggerer.waiting)
        await until(lambda: store != before)

    run_in(triggerer, [watcher(store)], story)
    assert len(triggerer.events) == 1
    assert watch(watcher(store), sandbox, looks=3) == []


def test_the_asset_of_a_source_carries_its_watcher():
    asset = catalog_ingested("Snowflake Production", check_interval=timedelta(minutes=5))
    assert asset.name == "catalog_ingested_snowflake_production"
    [made] = asset.watchers
    assert made.trigger.serialize()[1]["source"] == "Snowflake Production"
    assert made.trigger.check_interval == 300


def assets_of(*asked):
    return [catalog_ingested(source, **options).name for source, options in asked]


def test_the_asset_of_the_usual_connection_has_the_documented_name():
    assert assets_of(("Snowflake", {}), (None, {}), ("BigQuery EU", {})) == [
        "catalog_ingested_snowflake",
        "catalog_ingested_warehouse",
        "catalog_ingested_bigquery_eu",
    ]


def test_what_is_not_the_same_source_of_the_same_catalog_is_another_asset():
    us, eu = {"catalog_conn_id": "catalog_us"}, {"catalog_conn_id": "catalog_eu"}
    names = assets_of(
        *(("Snowflake", {}), ("Snowflake", us), ("Snowflake", eu), (None, {}), (None, us), (None, eu)),
        ("Snowflake", {"source_type": "VISUALIZATION"}),
        (None, {"source_type": "VISUALIZATION"}),
        *(("BigQuery (EU)", {}), ("BigQuery EU", {}), ("BigQuery-EU", {}), ("Übersee", {}), ("bersee", {})),
        *(("Snowflake catalog_us", {}), ("Snowflake@catalog_us", {})),
        *(("Snowflake", {"catalog_conn_id": "catalog-us"}), ("Snowflake", {"catalog_conn_id": "catalog.us"})),
    )
    assert len(set(names)) == len(names)
    assert all(name.isascii() for name in names)


def test_what_is_remembered_of_an_ingestion_is_told_apart_by_connection():
    keys = {
        CatalogSourceIngestedTrigger(source="Snowflake", catalog_conn_id=conn_id)._key
        for conn_id in ("coalesce_catalog_default", "catalog_us", "catalog_eu")
    }
    assert len(keys) == 3
    assert "catalog_ingested_warehouse_snowflake" in keys


def test_the_asset_of_a_key_is_told_apart_by_connection():
    assert mode_api_key().name == "mode_api_key"
    assert mode_api_key("mode_us").name != mode_api_key("mode_eu").name
    assert mode_api_key("mode_us").uri != mode_api_key().uri
