"""Several workers, each with its own clock, over one lock directory; what must hold at every instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mode_catalog_provider.errors import LockHeldError, LockLostError
from mode_catalog_provider.lock import Clocks, Holder, Lease, RunLock, Watch
from mode_catalog_provider.lock.store import LeaseStore
from mode_catalog_provider.storage import StoragePath
from tests.unit.lock.stepped import Process, stepped_store

TTL = timedelta(seconds=60)


@dataclass
class Worker:
    """One worker: its clock, what it believes to hold, what it is doing."""

    number: int
    skew: float = 0.0
    lives: int = 0
    lease: Lease | None = None
    watch: Watch | None = None
    task: str = ""
    subject: Lease | None = None
    process: Process | None = None
    held_meanwhile: set[str] = field(default_factory=set)

    @property
    def run_id(self) -> str:
        return f"{self.number}-{self.lives}"


class World:
    """Plays workers one operation on the store at a time, and checks the lock's promises after each.

    :param directory: of the lock.
    :param workers: how many.
    :param eye: sees the files without the workers' notice; default: the directory's own store.
    """

    def __init__(self, directory: StoragePath, *, workers: int, eye: LeaseStore | None = None) -> None:
        self.directory = directory
        self.now = 1_000_000.0
        self.ended_runs: set[str] = set()
        self.granted: list[Lease] = []
        self._failed_once: set[int] = set()
        self._eye = RunLock(directory, ttl=TTL, store=eye)
        self.workers = [Worker(number) for number in range(workers)]
        for worker in self.workers:
            self.be_born(worker)

    def be_born(self, worker: Worker) -> None:
        """Begin a new life, that is, another run."""
        worker.lives += 1
        worker.watch = Watch(monotonic=lambda: self.now)

    def die(self, worker: Worker) -> None:
        """``kill -9``: the memory is gone, the files stay as they are."""
        if worker.process is not None:
            worker.process.kill()
        worker.process = worker.lease = worker.watch = None
        self.assert_promises()

    def start(self, worker: Worker, task: str, subject: Lease | None = None) -> None:
        """Begin ``acquire``, or ``renew``, ``check`` or ``release`` of a lease; nothing is done yet."""
        worker.task, worker.subject, worker.held_meanwhile = task, subject, set()
        process = worker.process = Process(self._work(worker, lambda: process.pause()))

    def step(self, worker: Worker) -> None:
        """Let a worker do one operation on the store."""
        process = worker.process
        if process is None:
            return
        process.step()
        worker.held_meanwhile |= self.holding_tokens()
        if process.finished is not None:
            worker.process = None
            self._conclude(worker, process.finished.value, process.finished.error)
        self.assert_promises()

    def finish(self, worker: Worker) -> None:
        """Let a worker do all the rest undisturbed."""
        while worker.process is not None:
            self.step(worker)

    def do(self, worker: Worker, task: str, subject: Lease | None = None) -> None:
        """Start and finish."""
        self.start(worker, task, subject)
        self.finish(worker)

    def holding_tokens(self) -> set[str]:
        """Token of the lease that holds at this instant, if any."""
        record = self._eye.state()
        return set() if record is None or record.released or record.claim is None else {record.claim.token}

    def holds(self, lease: Lease) -> bool:
        """Whether a lease would pass the check at this instant."""
        try:
            self._eye.check(lease)
        except LockLostError:
            return False
        return True

    def assert_promises(self) -> None:
        """At most one lease passes; numbers are never used twice; who failed once never passes again."""
        passing = {lease.generation for lease in self.granted if self.holds(lease)}
        assert len(passing) <= 1
        assert not self._failed_once & passing
        numbers = {lease.generation for lease in self.granted}
        assert len(numbers) == len(self.granted)
        self._failed_once |= numbers - passing

    def assert_a_newcomer_gets_the_lock_in_time(self, *, poll: float = 5.0) -> None:
        """Once everybody is dead, the lock is taken within its ttl and one poll."""
        for worker in self.workers:
            self.die(worker)
        watch = Watch(monotonic=lambda: self.now)
        lock = RunLock(self.directory, ttl=TTL, host="new", clocks=self._clocks(0.0))
        patience = self.now + TTL.total_seconds() + poll
        while self.now <= patience:
            try:
                lease = lock.try_acquire(Holder.here("newcomer"), watch=watch)
            except LockHeldError as held:
                self.now += lock.expiry.pause(held.state, watch, timedelta(seconds=poll))
            else:
                lock.check(lease)
                return
        raise AssertionError("nobody lives, and still the lock was not taken over")

    def _work(self, worker: Worker, pause: Callable[[], None]) -> Callable[[], Any]:
        host, task, watch = f"host{worker.number}", worker.task, worker.watch
        assert watch is not None
        lock = RunLock(
            self.directory,
            ttl=TTL,
            host=host,
            clocks=self._clocks(worker.skew),
            store=stepped_store(self.directory, pause),
        )
        if task != "acquire":
            return lambda: getattr(lock, task)(worker.subject)
        holder = Holder(
            program="test",
            host=host,
            pid=1,
            installation="one",
            dag_id="sync",
            run_id=worker.run_id,
            task_id="acquire_lock",
        )

        def is_over(other: Holder) -> bool:
            return other.run_id in self.ended_runs

        return lambda: lock.try_acquire(holder, holder_is_over=is_over, watch=watch)

    def _conclude(self, worker: Worker, value: Any, error: BaseException | None) -> None:
        assert error is None or isinstance(error, LockHeldError | LockLostError), repr(error)
        if isinstance(error, LockLostError):
            worker.lease = None
        if error is not None:
            return
        # Each takes several operations on the store: at one instant among them the lease must have held.
        if worker.task == "acquire":
            worker.lease = value
            self.granted.append(value)
            assert value.token in worker.held_meanwhile
        elif worker.task in {"check", "renew"}:
            assert worker.subject is not None
            assert worker.subject.token in worker.held_meanwhile
        else:
            assert worker.subject is not None
            assert not self.holds(worker.subject)
            if worker.lease == worker.subject:
                worker.lease = None

    def _clocks(self, skew: float) -> Clocks:
        return Clocks(wall=lambda: self.now + skew, monotonic=lambda: self.now)
