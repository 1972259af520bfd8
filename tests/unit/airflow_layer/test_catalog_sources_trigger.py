from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pkgutil import resolve_name

import pytest

from mode_catalog_provider.triggers.catalog_sources import CatalogSourceTrigger

pytestmark = pytest.mark.usefixtures("connect")


@pytest.fixture
def make(sandbox):
    def build(**changes):
        arguments = {
            "catalog_conn_id": "coalesce_catalog_default",
            "source_type": "WAREHOUSE",
            "source_ids": [sandbox.catalog.warehouse_id],
            "source_names": [],
            "ingested_after": None,
            "max_age": 86400.0,
            "deadline": time.time() + 20,
            "check_interval": 0.01,
        }
        return CatalogSourceTrigger(**{**arguments, **changes})

    return build


def events_of(trigger):
    async def collect():
        return [event.payload async for event in trigger.run()]

    return asyncio.run(collect())


def looks(sandbox):
    return len([one for one in sandbox.catalog.requests if one.matches("graphql")])


def test_it_fires_once_when_the_source_was_ingested(make, sandbox):
    sandbox.catalog.ingest_warehouse()
    (event,) = events_of(make())
    assert event["status"] == "ingested"
    assert [source["id"] for source in event["sources"]] == [sandbox.catalog.warehouse_id]
    assert json.loads(json.dumps(event)) == event


def test_it_polls_until_the_source_was_ingested(make, sandbox):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(days=2))
    sandbox.catalog.fault("graphql", nth=4, do=sandbox.catalog.ingest_warehouse)
    (event,) = events_of(make())
    assert event["status"] == "ingested"
    assert looks(sandbox) == 4


def test_a_moment_given_counts_instead_of_the_age(make, sandbox):
    ingested = datetime.now(UTC) - timedelta(days=9)
    sandbox.catalog.ingest_warehouse(ingested)
    before = (ingested - timedelta(seconds=1)).isoformat()
    assert events_of(make(ingested_after=before))[0]["status"] == "ingested"


def test_it_ends_at_its_deadline_with_what_it_saw_last(make, sandbox):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(days=2))
    (event,) = events_of(make(deadline=time.time() + 0.3))
    assert event["status"] == "timeout"
    assert "Not ingested since" in event["message"]


def test_a_triggerer_that_was_away_for_too_long_ends_the_wait_at_once(make, sandbox):
    (event,) = events_of(make(deadline=time.time() - 1))
    assert event["status"] == "timeout"
    assert looks(sandbox) == 0


def test_an_unknown_source_ends_the_wait_at_the_second_look(make, sandbox):
    (event,) = events_of(make(source_ids=["0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"]))
    assert (event["status"], event["permanent"]) == ("failed", True)
    assert looks(sandbox) == 2


@pytest.mark.parametrize(
    "odd",
    [
        *({"status": status} for status in (302, 401, 403, 404, 418)),
        {"body": b'{"errors": [{"message": "try later"}]}'},
        {"body": b'{"data": {"getSources": {"totalCount": 1, "data": [{"id": "another"}]}}}'},
    ],
    ids=str,
)
def test_one_odd_answer_ends_no_wait(make, sandbox, odd):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(days=2))
    sandbox.catalog.fault("graphql", nth=2, **odd)
    sandbox.catalog.fault("graphql", nth=4, **odd)
    sandbox.catalog.when("graphql", nth=5, do=sandbox.catalog.ingest_warehouse)
    assert events_of(make())[0]["status"] == "ingested"
    assert looks(sandbox) == 5


def test_a_token_rotated_while_waiting_is_read_from_the_connection(make, connect, sandbox):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(days=2))

    def rotate():
        sandbox.catalog.rotate()
        connect("coalesce_catalog_default")
        sandbox.catalog.ingest_warehouse()

    sandbox.catalog.fault("graphql", nth=3, do=rotate)
    assert events_of(make())[0]["status"] == "ingested"


def test_a_token_that_stays_refused_ends_the_wait(make, sandbox):
    sandbox.catalog.rotate()
    (event,) = events_of(make())
    assert (event["status"], event["permanent"]) == ("failed", True)
    assert "'coalesce_catalog_default'" in event["message"]


def test_another_triggerer_can_rebuild_it_from_json(make):
    trigger = make(ingested_after="2026-11-20T05:30:00+00:00", tolerated_errors=2)
    path, arguments = trigger.serialize()
    rebuilt = resolve_name(path)(**json.loads(json.dumps(arguments)))
    assert rebuilt.serialize() == trigger.serialize()
    assert rebuilt.__dict__.items() >= arguments.items()


def test_the_event_loop_is_never_blocked(make, sandbox):
    """Other triggers share the loop: while this one waits for a slow answer, they go on."""
    sandbox.catalog.ingest_warehouse()
    sandbox.catalog.switches.throw(latency=30.0)  # a third of a second in the sandbox

    async def both():
        turns = 0
        task = asyncio.create_task(anext(make().run()))
        while not task.done():
            await asyncio.sleep(0.005)
            turns += 1
        return turns, (await task).payload

    turns, event = asyncio.run(both())
    assert event["status"] == "ingested"
    assert turns > 5


@pytest.mark.parametrize("tolerated", [0, 2])
def test_errors_are_counted_in_a_row(make, sandbox, monkeypatch, tolerated):
    trigger = make(tolerated_errors=tolerated)
    monkeypatch.setattr(trigger, "look", failing(times=tolerated + 1))
    (event,) = events_of(trigger)
    assert (event["status"], event["permanent"]) == ("failed", False)
    assert event["message"] == "the store is away"


def test_an_answer_between_errors_starts_the_count_again(make, sandbox, monkeypatch):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(days=2))
    trigger = make(tolerated_errors=2)
    real, calls = trigger.look, []

    def look():
        calls.append(1)
        if len(calls) == 9:
            sandbox.catalog.ingest_warehouse()
        if len(calls) % 3:
            raise ConnectionError("the store is away")
        return real()

    monkeypatch.setattr(trigger, "look", look)
    assert events_of(trigger)[0]["status"] == "ingested"
    assert len(calls) == 9


def failing(times):
    left = [ConnectionError("the store is away")] * times

    def look():
        raise left.pop()

    return look
