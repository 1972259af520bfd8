from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk._shared.module_loading import import_string

from mode_catalog_provider.assets import catalog_ingested
from mode_catalog_provider.triggers import catalog_events
from mode_catalog_provider.triggers.catalog_events import CatalogSourceIngestedTrigger

pytestmark = pytest.mark.usefixtures("connect")
HOUR = timedelta(hours=1)


class Store(dict):
    """As much of Airflow's asset state store as is used."""

    async def aget(self, key):
        return self.get(key)

    async def aset(self, key, value):
        self[key] = value


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(catalog_events, "HANDED_OVER_SECONDS", 0.0)


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


def test_an_unknown_source_fires_nothing_and_is_looked_for_again(sandbox):
    assert watch(watcher(source="No such warehouse"), sandbox, looks=3) == []


def test_watchers_of_one_connection_and_interval_share_a_poll():
    keys = {watcher(source=source).shared_stream_key() for source in (None, "Snowflake", "BigQuery")}
    assert len(keys) == 1
    assert watcher(catalog_conn_id="other").shared_stream_key() not in keys


def test_one_poll_serves_several_watchers(sandbox):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - HOUR)
    one, other = watcher(), watcher(source=sandbox.catalog.warehouse_id)

    async def feed(trigger, lists):
        async def stream():
            for sources in lists:
                yield sources

        return [event.payload async for event in trigger.filter_shared_stream(stream())]

    async def run():
        poll = one.open_shared_stream(one.serialize()[1])
        before = await anext(poll)
        sandbox.catalog.ingest_warehouse()
        lists = [before, await anext(poll)]
        return [await feed(trigger, lists) for trigger in (one, other)]

    assert [len(events) for events in asyncio.run(run())] == [1, 1]
    assert len([one for one in sandbox.catalog.requests if one.matches("graphql")]) == 2


def test_the_asset_of_a_source_carries_its_watcher():
    asset = catalog_ingested("Snowflake Production", check_interval=timedelta(minutes=5))
    assert asset.name == "catalog_ingested_snowflake_production"
    [made] = asset.watchers
    assert made.trigger.serialize()[1]["source"] == "Snowflake Production"
    assert made.trigger.check_interval == 300
