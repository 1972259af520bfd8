"""Clocks that tests turn by hand, and the stores that every rule is tested on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from mode_catalog_provider.lock import Clocks, Holder, RunLock
from mode_catalog_provider.lock.store import StoragePath

TTL = timedelta(seconds=60)


@dataclass
class Time:
    """The time of a test; clocks of several machines go by it."""

    now: float = 1_800_000_000.0

    def clocks(self, *, off_by: float = 0.0) -> Clocks:
        return Clocks(wall=lambda: self.now + off_by, monotonic=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=["local", "memory", "s3"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> StoragePath:
    if request.param == "local":
        return tmp_path / "some" / "lock"
    if request.param == "s3":
        folder: UPath = request.getfixturevalue("s3_folder")
        return folder / "lock"
    return UPath(f"memory://{uuid.uuid4().hex}/lock")


@pytest.fixture
def machine(directory: StoragePath, time: Time) -> Callable[..., RunLock]:
    """Open the lock as on some machine: ``machine("a", off_by=seconds)``."""

    def open_lock(name: str = "a", *, off_by: float = 0.0, ttl: timedelta = TTL, **more: Any) -> RunLock:
        return RunLock(directory, ttl=ttl, host=name, clocks=time.clocks(off_by=off_by), **more)

    return open_lock


@pytest.fixture
def holder() -> Callable[..., Holder]:
    """Name a holder: ``holder("nightly")``."""

    def name(program: str = "mode-catalog extract", host: str = "a", **run: str) -> Holder:
        return Holder(program=program, host=host, pid=7, **run)

    return name
