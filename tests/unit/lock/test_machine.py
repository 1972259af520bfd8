"""A holder that ended with its process is recognised, and nobody else is taken for one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mode_catalog_provider.errors import LockHeldError
from mode_catalog_provider.lock import Holder, RunLock, machine
from mode_catalog_provider.lock.machine import is_gone, process_mark

DAY = timedelta(days=1)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield process
        process.kill()


def held_by(directory: Path, mark: str | None) -> RunLock:
    lock = RunLock(directory, ttl=DAY)
    lock.try_acquire(Holder(program="mode-catalog extract", host="here", pid=1, process=mark))
    return lock


def test_a_process_that_lives_is_not_gone(other):
    assert not is_gone(process_mark(os.getpid()))
    assert not is_gone(process_mark(other.pid))


def test_a_killed_process_is_gone_also_before_its_parent_has_cleared_it(other):
    mark = process_mark(other.pid)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(mark)
    other.wait()
    assert is_gone(mark)


def test_a_number_that_was_given_to_another_process_since_is_not_the_old_one():
    mark = process_mark(os.getpid())
    before, _, started = mark.rpartition(" ")
    assert is_gone(f"{before} {int(started) - 1}")


@pytest.mark.parametrize(
    "foreign",
    [
        lambda mark: "another-boot" + mark,
        lambda mark: mark.replace("pid:[", "pid:[1"),
        lambda mark: mark.rpartition(" ")[0],
        lambda mark: mark.replace(f" {os.getpid()} ", " -1 "),
        lambda mark: mark.replace(f" {os.getpid()} ", " 99999999999999999999 "),
        lambda mark: mark.replace(f" {os.getpid()} ", " 9999999999 "),
        lambda mark: "",
        lambda mark: None,
    ],
)
def test_what_is_not_known_of_this_machine_is_never_gone(foreign):
    assert not is_gone(foreign(process_mark(os.getpid())))


def test_a_process_that_ended_here_says_nothing_of_its_number_on_another_machine(other):
    mark = process_mark(other.pid)
    other.kill()
    other.wait()
    assert is_gone(mark)
    assert not is_gone(("1" if mark.startswith("0") else "0") + mark[1:])


def test_a_process_of_another_user_is_not_gone(other, monkeypatch):
    mark = process_mark(other.pid)

    def refuse(pid, signal):
        raise PermissionError

    monkeypatch.setattr(machine.os, "kill", refuse)
    assert not is_gone(mark)
    before, _, started = mark.rpartition(" ")
    assert is_gone(f"{before} {int(started) - 1}")


def test_a_process_that_lives_but_is_hidden_is_not_gone(tmp_path, monkeypatch):
    mark = process_mark(os.getpid())
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text(Path("/proc/sys/kernel/random/boot_id").read_text())
    (tmp_path / "self").symlink_to("/proc/self")
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    assert not is_gone(mark)


def test_where_the_system_tells_nothing_nobody_is_gone(tmp_path, monkeypatch):
    mark = process_mark(os.getpid())
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    assert process_mark(os.getpid()) is None
    assert not is_gone(mark.replace(f" {os.getpid()} ", " 999999999 "))


def test_the_lock_of_a_process_that_was_killed_is_taken_over_at_once(tmp_path, other):
    lock = held_by(tmp_path, process_mark(other.pid))
    with pytest.raises(LockHeldError):
        lock.try_acquire(Holder.here("mode-catalog upload", for_life=True))
    other.kill()
    other.wait()
    assert lock.try_acquire(Holder.here("mode-catalog upload", for_life=True)).generation == 2


def test_a_lease_that_outlives_the_process_that_took_it_is_left_alone(tmp_path, other):
    lock = held_by(tmp_path, None)
    other.kill()
    other.wait()
    with pytest.raises(LockHeldError):
        lock.try_acquire(Holder.here("mode-catalog upload", for_life=True))


def test_only_a_command_ends_with_its_process():
    assert Holder.here("airflow").process is None
    assert Holder.here("mode-catalog", for_life=True).process == process_mark(os.getpid())
