"""Any interleaving of takers, holders, teardowns and crashes, down to single operations on the store.

Hypothesis drives several workers over the real code and the real disk, or a real S3 server. Each has a clock
of its own, up to ten minutes off, and may be stopped or killed between any two operations.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mode_catalog_provider.lock import store
from mode_catalog_provider.lock.store import StoredFile
from tests.object_store import S3Server
from tests.unit.lock.world import World

WORKERS = 3
workers = st.integers(min_value=0, max_value=WORKERS - 1)


class Interleavings(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = self.new_world()
        # So that numbers are deleted, and could come again, within one example.
        self.kept = mock.patch.object(store, "KEPT", 2)
        self.kept.start()

    def new_world(self) -> World:
        raise NotImplementedError

    def teardown(self) -> None:
        try:
            self.world.assert_a_newcomer_gets_the_lock_in_time()
        finally:
            self.kept.stop()

    @initialize(skews=st.tuples(*[st.sampled_from([-600, 0, 600])] * WORKERS))
    def set_the_clocks(self, skews: tuple[int, ...]) -> None:
        for worker, skew in zip(self.world.workers, skews, strict=True):
            worker.skew = skew

    @rule(
        number=workers,
        task=st.sampled_from(["check", "renew", "release"]),
        steps=st.integers(min_value=1, max_value=8),
    )
    def go_on(self, number: int, task: str, steps: int) -> None:
        """Some operations of what is under way; who has nothing to do acquires, or does something else."""
        worker = self.world.workers[number]
        if worker.process is None and worker.lease is None:
            self.world.start(worker, "acquire")
        elif worker.process is None:
            self.world.start(worker, task, worker.lease)
        for _ in range(steps):
            self.world.step(worker)

    @rule(number=workers)
    def finish(self, number: int) -> None:
        self.world.finish(self.world.workers[number])

    @rule(number=workers, which=st.integers(min_value=0, max_value=5))
    @precondition(lambda self: self.world.granted)
    def release_as_a_teardown_elsewhere(self, number: int, which: int) -> None:
        worker = self.world.workers[number]
        if worker.process is None:
            leases = self.world.granted[-6:]
            self.world.start(worker, "release", leases[which % len(leases)])

    @rule(number=workers)
    def crash(self, number: int) -> None:
        self.world.die(self.world.workers[number])
        self.world.be_born(self.world.workers[number])

    @rule(number=workers)
    def airflow_ends_the_run(self, number: int) -> None:
        """Its worker may go on for a while."""
        self.world.ended_runs.add(self.world.workers[number].run_id)

    @rule(seconds=st.sampled_from([20, 61, 4000]))
    def time_passes(self, seconds: int) -> None:
        """For everybody: who does nothing meanwhile was stopped or cut off."""
        self.world.now += seconds


class InterleavingsOnDisk(Interleavings):
    def new_world(self) -> World:
        self.directory = Path(tempfile.mkdtemp(prefix="mode-catalog-lock-"))
        return World(self.directory, workers=WORKERS)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            shutil.rmtree(self.directory)


def played(machine: type[Interleavings], *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_on_a_disk_one_holds_at_every_instant_and_a_newcomer_gets_the_lock_in_time():
    played(InterleavingsOnDisk, examples=80, steps=50)


def test_on_s3_one_holds_at_every_instant_and_a_newcomer_gets_the_lock_in_time(s3):
    class InterleavingsOnS3(Interleavings):
        def new_world(self) -> World:
            folder = uuid.uuid4().hex
            return World(s3.path(folder), workers=WORKERS, eye=Memory(s3, folder))

    played(InterleavingsOnS3, examples=12, steps=30)


class Memory:
    """The files of a lock as the server has them in its memory."""

    def __init__(self, server: S3Server, folder: str) -> None:
        self._server = server
        self._folder = folder

    def names(self) -> list[str]:
        return list(self._server.objects(self._folder))

    def read(self, name: str) -> StoredFile | None:
        content = self._server.objects(self._folder).get(name)
        return None if content is None else StoredFile(content)
