"""Real processes that fight for one lock while some of them are stopped, or killed with ``kill -9``."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from mode_catalog_provider.lock import Holder, RunLock

REPOSITORY = Path(__file__).resolve().parents[3]
TTL = 0.2
PROCESSES = 4
KILLS = 5
ACQUISITIONS = 60
#: Seconds after which something hangs.
PATIENCE = 60


@dataclass(frozen=True, order=True)
class Check:
    """One check that passed, in nanoseconds of the machine's monotonic clock."""

    ended: int
    started: int
    generation: int


class Crowd:
    """The processes, and what they wrote."""

    def __init__(self, folder: Path) -> None:
        self.lock = folder / "lock"
        self._logs = folder / "logs"
        self._logs.mkdir()
        self._names = itertools.count()
        self.processes: list[subprocess.Popen[bytes]] = []

    def join(self) -> None:
        """Start one more."""
        log = self._logs / f"{next(self._names)}.log"
        command = [sys.executable, "-m", "tests.unit.lock.contender", str(self.lock), str(log), str(TTL)]
        self.processes.append(subprocess.Popen(command, cwd=REPOSITORY))

    def leave(self) -> None:
        """Let everybody finish."""
        (self._logs / "stop").touch()
        for process in self.processes:
            assert process.wait(PATIENCE) == 0

    def checks(self) -> list[Check]:
        """All checks that passed so far, by the time of their end."""
        lines = (line for log in self._logs.glob("*.log") for line in log.read_text().splitlines(True))
        fields = (line.split() for line in lines if line.endswith("\n"))
        return sorted(Check(int(ended), int(started), int(number)) for number, started, ended in fields)

    def holder(self) -> subprocess.Popen[bytes]:
        """The process that holds the lock right now, or any."""
        state = RunLock(self.lock, ttl=timedelta(seconds=TTL)).state()
        pid = state.claim.holder.pid if state and state.claim else None
        return next((one for one in self.processes if one.pid == pid), self.processes[0])

    def acquisitions(self) -> int:
        return len({check.generation for check in self.checks()})


@contextmanager
def a_crowd(folder: Path) -> Iterator[Crowd]:
    crowd = Crowd(folder)
    try:
        for _ in range(PROCESSES):
            crowd.join()
        yield crowd
    finally:
        for process in crowd.processes:
            process.kill()
            process.wait()


def test_no_two_processes_ever_hold_at_once_and_the_dead_hold_nothing_up(tmp_path):
    with a_crowd(tmp_path) as crowd:
        deadline = time.monotonic() + PATIENCE
        kills = stopped = 0
        while kills < KILLS or crowd.acquisitions() < ACQUISITIONS:
            assert time.monotonic() < deadline, f"{crowd.acquisitions()} acquisitions, {kills} kills"
            before = crowd.acquisitions()
            victim = crowd.holder()
            if stopped < kills:
                victim.send_signal(signal.SIGSTOP)
                time.sleep(TTL * 2)
                victim.send_signal(signal.SIGCONT)
                stopped += 1
            else:
                victim.kill()
                victim.wait()
                crowd.processes.remove(victim)
                crowd.join()
                kills += 1
            # Goes on by events, not by time: somebody must have got the lock since.
            while crowd.acquisitions() <= before + 2 and time.monotonic() < deadline:
                time.sleep(0.01)
        crowd.leave()
        checks = crowd.checks()

    # A check holds at some instant between its start and its end. Once a generation has passed one, no lower
    # generation may pass one that starts later.
    highest = 0
    finished = iter(checks)
    following = next(finished)
    for check in sorted(checks, key=lambda check: check.started):
        while following.ended < check.started:
            highest = max(highest, following.generation)
            following = next(finished)
        assert check.generation >= highest

    lock = RunLock(tmp_path / "lock", ttl=timedelta(seconds=TTL))
    lock.check(lock.acquire(Holder.here("the last one"), timeout=timedelta(seconds=PATIENCE)))
