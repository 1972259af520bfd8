"""Known races, with every single point of interruption tried.

One worker does some operations on the store, then another some, then the first all the rest, then the second:
for every number of operations. Where one worker is only stopped or killed, for every point where it may be.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mode_catalog_provider.lock import store
from tests.unit.lock.world import TTL, Worker, World

LONG_AFTER = 2 * TTL.total_seconds()


def interrupted_once(directory: Path, prepare: Callable[[World], None]) -> Iterator[World]:
    """Stop the first worker's task at each of its points; the test goes on from there."""
    for operations in itertools.count():
        world = World(directory / str(operations), workers=3)
        prepare(world)
        needed_all = advance(world, world.workers[0], operations)
        yield world
        if not needed_all:
            return


def interrupted_twice(directory: Path, prepare: Callable[[World], None]) -> Iterator[World]:
    """Play the first two workers' tasks to their end, each interrupted by the other at each point."""
    for first in itertools.count():
        for second in itertools.count():
            world = World(directory / f"{first}-{second}", workers=3)
            prepare(world)
            one, two = world.workers[:2]
            first_needed_all = advance(world, one, first)
            second_needed_all = advance(world, two, second)
            world.finish(one)
            world.finish(two)
            yield world
            if not second_needed_all:
                break
        if not first_needed_all:
            return


def advance(world: World, worker: Worker, operations: int) -> bool:
    """Do so many operations, and return whether the task needed them all."""
    for _ in range(operations):
        if worker.process is None:
            return False
        world.step(worker)
    return True


def leave_a_released_lease(world: World) -> None:
    world.do(world.workers[2], "acquire")
    world.do(world.workers[2], "release", world.workers[2].lease)


def leave_an_expired_lease(world: World) -> None:
    """Of a dead worker; both others have watched it for its whole ttl."""
    world.do(world.workers[2], "acquire")
    world.die(world.workers[2])
    for worker in world.workers[:2]:
        world.do(worker, "acquire")
    world.now += TTL.total_seconds()


@pytest.mark.parametrize("before", [lambda world: None, leave_a_released_lease, leave_an_expired_lease])
def test_of_two_who_take_the_same_lock_exactly_one_gets_it(tmp_path, before):
    def prepare(world: World) -> None:
        before(world)
        world.granted.clear()
        for worker in world.workers[:2]:
            world.start(worker, "acquire")

    for world in interrupted_twice(tmp_path, prepare):
        assert len(world.granted) == 1
        assert world.holds(world.granted[0])


def test_a_takeover_beats_the_renewal_of_a_holder_that_was_stopped(tmp_path):
    def prepare(world: World) -> None:
        holder, taker = world.workers[:2]
        world.do(holder, "acquire")
        world.do(taker, "acquire")
        world.now += LONG_AFTER
        world.start(holder, "renew", holder.lease)
        world.start(taker, "acquire")

    outcomes = set()
    for world in interrupted_twice(tmp_path, prepare):
        old, new = world.granted[0], world.granted[-1]
        outcomes.add(new is not old)
        assert world.holds(new)
    # The renewal may come first, and then saves the lease.
    assert outcomes == {True, False}


def test_a_renewal_under_way_does_not_undo_a_release(tmp_path):
    def prepare(world: World) -> None:
        holder, teardown = world.workers[:2]
        world.do(holder, "acquire")
        world.start(holder, "renew", holder.lease)
        world.start(teardown, "release", holder.lease)

    for world in interrupted_twice(tmp_path, prepare):
        assert not world.holds(world.granted[0])
        world.do(world.workers[2], "acquire")
        assert world.holds(world.granted[1])


def test_a_release_under_way_does_not_free_the_next_holders_lease(tmp_path):
    def prepare(world: World) -> None:
        late, taker = world.workers[:2]
        world.do(late, "acquire")
        world.do(taker, "acquire")
        world.now += LONG_AFTER
        world.start(late, "release", late.lease)
        world.start(taker, "acquire")

    for world in interrupted_twice(tmp_path, prepare):
        assert world.holds(world.granted[-1]) == (len(world.granted) == 2)


@pytest.mark.parametrize("task", ["acquire", "renew", "release", "check"])
def test_a_crash_anywhere_leaves_a_lock_that_others_get_in_time(tmp_path, task):
    def prepare(world: World) -> None:
        worker = world.workers[0]
        if task != "acquire":
            world.do(worker, "acquire")
        world.start(worker, task, worker.lease)

    for world in interrupted_once(tmp_path, prepare):
        world.assert_a_newcomer_gets_the_lock_in_time()


@pytest.mark.parametrize("task", ["acquire", "renew"])
def test_who_sleeps_through_many_generations_holds_nothing_afterwards(tmp_path, task, monkeypatch):
    """Its number may have been used and deleted meanwhile, so that the store lets it be created again."""
    monkeypatch.setattr(store, "KEPT", 2)

    def prepare(world: World) -> None:
        worker = world.workers[0]
        if task != "acquire":
            world.do(worker, "acquire")
        world.start(worker, task, worker.lease)

    slept = 0
    for world in interrupted_once(tmp_path, prepare):
        sleeper, other = world.workers[:2]
        if sleeper.process is None:
            continue
        slept += 1
        world.do(other, "acquire")
        world.now += LONG_AFTER
        for _ in range(5):
            world.do(other, "acquire")
            world.do(other, "release", other.lease)
        world.do(other, "acquire")
        present = world.granted[-1]
        assert world.holds(present)
        world.finish(sleeper)
        assert world.holds(present)
    assert slept > 4
