"""Eight processes that fight for one lock while some of them are stopped, or killed with ``kill -9``.

``pytest tests/unit/lock/test_contention.py --acquisitions 5000 -s`` is the long version, with its figures.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from mode_catalog_provider.lock import Holder
from tests.unit.lock.contender import Contest, contend

PROCESSES = 8
KILLS = {"local": 8, "s3": 2}
#: Without ``--acquisitions``. On S3 each takes some twenty requests.
ACQUISITIONS = {"local": 1000, "s3": 25}
#: Seconds. A stopped holder must lose its lease, and a living one seldom does.
TTL = {"local": 0.3, "s3": 6.0}
#: Seven waiters must not keep the S3 server so busy that the holder has no time to hold.
POLL = {"local": 0.005, "s3": 2.0}
#: Seconds after which something hangs.
PATIENCE = 600

# A server that forks: what the contenders import is imported once.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.unit.lock.contender", "s3fs"])


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check that passed, in nanoseconds of the machine's monotonic clock."""

    generation: int
    process: int
    started: int
    ended: int


def read_checks(lines: list[str]) -> list[Check]:
    """All checks by their start; the last line of somebody who was killed may be cut off."""
    fields = (list(map(int, line.split())) for line in lines if line.endswith("\n"))
    found = [Check(generation=one[0], process=one[1], started=one[2], ended=one[3]) for one in fields]
    return sorted(found, key=lambda check: check.started)


def assert_one_holder_at_a_time(checks: list[Check]) -> None:
    """A check holds at some instant between its start and its end.

    Once a generation has passed one, no lower generation may pass one that starts later; and no generation
    is ever granted to two.
    """
    highest = 0
    ends = iter(sorted(checks, key=lambda check: check.ended))
    following = next(ends)
    owners: dict[int, int] = {}
    for check in checks:
        while following.ended < check.started:
            highest = max(highest, following.generation)
            following = next(ends)
        assert check.generation >= highest, f"{check} passed after generation {highest} had"
        assert owners.setdefault(check.generation, check.process) == check.process


class Crowd:
    """The contenders, and what they wrote so far."""

    def __init__(self, contest: Contest) -> None:
        self.contest = contest
        self._lock = contest.lock()
        self._lines: list[str] = []
        self._read_to = 0
        self.processes: list[BaseProcess] = []

    def join(self) -> None:
        """Start one more."""
        process = processes.Process(target=contend, args=(self.contest,))
        process.start()
        self.processes.append(process)

    def leave(self) -> None:
        """Let everybody finish; none may have found a wait endless."""
        self.contest.stop.touch()
        for process in self.processes:
            process.join(PATIENCE)
        assert {process.exitcode for process in self.processes} == {0}

    def holder(self) -> BaseProcess:
        """The process that holds the lock right now, or any."""
        state = self._lock.state()
        pid = state.claim.holder.pid if state and state.claim else None
        return next((one for one in self.processes if one.pid == pid), self.processes[0])

    def checks(self) -> list[Check]:
        return read_checks(self._lines)

    def acquisitions(self) -> int:
        """How many leases passed a check so far."""
        if self.contest.witness.exists():
            with self.contest.witness.open() as file:
                file.seek(self._read_to)
                new = [line for line in file.readlines() if line.endswith("\n")]
            self._lines += new
            self._read_to += sum(map(len, new))
        return len({line.partition(" ")[0] for line in self._lines})

    def wait_for(self, acquisitions: int) -> None:
        """Go on by what happened, not by time."""
        deadline = time.monotonic() + PATIENCE
        while self.acquisitions() < acquisitions:
            assert time.monotonic() < deadline, f"nobody gets the lock after {self.acquisitions()}"
            time.sleep(0.02)


@contextmanager
def a_crowd(contest: Contest) -> Iterator[Crowd]:
    crowd = Crowd(contest)
    try:
        for _ in range(PROCESSES):
            crowd.join()
        yield crowd
    finally:
        for process in crowd.processes:
            process.kill()
            process.join()


@pytest.fixture(params=["local", "s3"])
def contest(request: pytest.FixtureRequest, tmp_path: Path) -> Contest:
    options, directory = None, str(tmp_path / "lock")
    if request.param == "s3":
        options = request.getfixturevalue("s3").options
        directory = str(request.getfixturevalue("s3_folder"))
    return Contest(
        directory=directory,
        options=options,
        folder=tmp_path,
        ttl=TTL[request.param],
        poll=POLL[request.param],
        patience=PATIENCE,
    )


@pytest.mark.timeout(3600)
def test_no_two_processes_ever_hold_at_once_and_the_dead_hold_nothing_up(
    request: pytest.FixtureRequest, contest: Contest
) -> None:
    store = "local" if contest.options is None else "s3"
    wanted = request.config.getoption("--acquisitions") or ACQUISITIONS[store]
    kills = max(KILLS[store], wanted // 250)
    gaps = []
    with a_crowd(contest) as crowd:
        for number in range(1, 2 * kills + 1):
            crowd.wait_for(number * wanted // (2 * kills + 1))
            victim = crowd.holder()
            if number % 2:
                os.kill(victim.pid, signal.SIGSTOP)
                crowd.wait_for(crowd.acquisitions() + 2)
                os.kill(victim.pid, signal.SIGCONT)
                continue
            victim.kill()
            victim.join()
            crowd.processes.remove(victim)
            crowd.join()
            killed_at = time.monotonic_ns()
            crowd.wait_for(crowd.acquisitions() + 2)
            later = [check.ended for check in crowd.checks() if check.started > killed_at]
            gaps.append((min(later) - killed_at) / 1e9)
        crowd.wait_for(wanted)
        crowd.leave()
        crowd.acquisitions()
        checks = crowd.checks()

    assert_one_holder_at_a_time(checks)
    assert len({check.process for check in checks}) > PROCESSES
    lock = contest.lock()
    lock.check(lock.acquire(Holder.here("the last one"), timeout=timedelta(seconds=PATIENCE)))
    sys.stdout.write(
        f"\n{store}: {PROCESSES} processes, {len({check.generation for check in checks})} acquisitions, "
        f"{len(checks)} checks passed, {kills} killed and {kills} stopped while they held; "
        f"ttl {contest.ttl} s, poll {contest.poll} s, longest time without a holder after a kill "
        f"{max(gaps):.2f} s\n"
    )


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["1 7 10 20", "2 8 30 40", "1 7 50 60"], id="the old holder passes after the new one"),
        pytest.param(["1 7 10 20", "1 8 15 25"], id="one generation for two"),
    ],
)
def test_the_witness_would_notice_two_holders(lines):
    with pytest.raises(AssertionError):
        assert_one_holder_at_a_time(read_checks([f"{line}\n" for line in lines]))


def test_checks_that_may_have_held_one_after_the_other_are_no_crime():
    lines = itertools.chain(["1 7 10 40\n", "2 8 30 50\n", "1 7 35 45\n", "3 9 60"])
    assert_one_holder_at_a_time(read_checks(list(lines)))
