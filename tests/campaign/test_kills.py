"""Kills at random moments: what Catalog holds is always whole, and the next run always completes."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.snapshot.layout import Layout, StoragePath
from mode_catalog_provider.snapshot.reader import open_snapshot, verify
from tests.campaign.job import PHASES, Job, run
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

TTL = timedelta(seconds=1)
#: Longest wait for a dead job's lock: its ttl, one look, and a machine with better things to do.
PATIENCE = TTL + timedelta(seconds=20)
A_FEW = {"local": 24, "s3": 12}
NAMES = tuple(f"{asset}.json" for asset in (*DATA_ASSETS, SUMMARY))

# A server that forks: what the job imports is imported once.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.campaign.job", "s3fs"])


@dataclass
class Told:
    """What a job said before its end."""

    at: dict[str, float] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None


class Campaign:
    def __init__(self, job: Job, seed: int) -> None:
        self.job = job
        self.random = random.Random(seed)
        self.lengths: dict[str, float] = {}
        self.killed_in: Counter[str] = Counter()

    def play(self, job: Job, *, die_in: str | None = None, share: float = 0.0) -> Told:
        """Run a job to its end, or until so far into one of its phases."""
        mine, theirs = processes.Pipe(duplex=False)
        process = processes.Process(target=run, args=(job, theirs))
        process.start()
        theirs.close()
        told = Told()
        try:
            while True:
                try:
                    phase, value = mine.recv()
                except EOFError:
                    break
                told.at[phase], told.values[phase] = time.monotonic(), value
                if phase == die_in:
                    time.sleep(share * self.lengths.get(phase, 0.0))
                    break
        finally:
            process.kill()
            process.join()
            # What it managed to say in the meantime.
            while mine.poll():
                try:
                    phase, value = mine.recv()
                except EOFError:
                    break
                told.at[phase], told.values[phase] = time.monotonic(), value
            mine.close()
        told.exit_code = process.exitcode
        return told

    def measure(self) -> None:
        """Learn from an undisturbed run how long each phase takes."""
        told = self.play(self.job)
        assert "released" in told.values
        self.lengths = {phase: told.at[end] - told.at[phase] for phase, end in pairwise(PHASES)}

    def kill_once(self) -> str | None:
        """Kill a job somewhere; return the manifest that it left, as its retry would know it."""
        phase = self.random.choice(PHASES[:-1])
        told = self.play(self.job, die_in=phase, share=self.random.random() * 1.1)
        self.killed_in[list(told.at)[-1]] += 1
        manifest = told.values.get("extracted")
        return None if "released" in told.values or manifest is None else str(manifest)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=3, reports=6, members=3, seed=5)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off"), time_scale=0.001) as started:
        yield started


@pytest.fixture(params=["local", "s3"])
def job(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path) -> Job:
    described = sandbox.describe()
    options = None
    store = str(tmp_path / "staging")
    if request.param == "s3":
        options = request.getfixturevalue("s3").options
        store = str(request.getfixturevalue("s3_folder"))
    return Job(store, options, TTL, PATIENCE, described["mode"], described["catalog"])


@pytest.mark.timeout(7200)
def test_after_a_kill_anywhere_the_next_run_completes_and_catalog_holds_whole_sets_only(
    request: pytest.FixtureRequest, sandbox: Sandbox, job: Job
) -> None:
    kills = request.config.getoption("--kills") or A_FEW["local" if job.options is None else "s3"]
    campaign = Campaign(job, request.config.getoption("--seed"))
    campaign.measure()
    conflicts, waits = 0, []
    hashes: dict[str, str] = {}
    for number in range(kills):
        before = len(sandbox.catalog.uploads)
        left = campaign.kill_once()
        after = len(sandbox.catalog.uploads)
        # Without the manifest nothing was pushed; with it, the retry goes on where the push stopped.
        assert after - before in ({0, 6} if left is None else set(range(7))), number
        told = campaign.play(replace(job, manifest=left))
        assert told.exit_code == 0, f"kill {number}: the next run failed after {list(told.at)}"
        assert "released" in told.values
        waits.append(told.at["locked"] - told.at["begin"])
        remember_hashes(job, told.values["extracted"], hashes)
        assert_whole_sets_only(sandbox, hashes)
        assert job.lock().state().released
        refused = [one for one in sandbox.catalog.requests if one.status == 409]
        # At most the one file that was on its way when the kill came.
        assert len(refused) - conflicts <= 1
        conflicts = len(refused)
    sys.stdout.write(
        f"\n{'s3' if job.options else 'local'}: {kills} kills, {dict(campaign.killed_in)}, "
        f"{len(sandbox.catalog.uploads) // 6} whole sets, {conflicts} answered 409, "
        f"longest wait for the lock {max(waits):.2f} s\n"
    )
    assert len(campaign.killed_in) >= 4


def remember_hashes(job: Job, manifest: str, hashes: dict[str, str]) -> None:
    """Verify the snapshot as a reader does; later ones are pruned."""
    snapshot = open_snapshot(job.path(manifest))
    verify(snapshot)
    hashes.update({entry.name: entry.sha256 for entry in snapshot.manifest.files})
    home: StoragePath = job.path(job.store)
    complete = Layout.nested(home, job.mode["workspace"]).timestamps()
    assert len(complete) >= 1


def assert_whole_sets_only(sandbox: Sandbox, hashes: dict[str, str]) -> None:
    uploads = sandbox.catalog.uploads
    assert len({upload.name for upload in uploads}) == len(uploads)
    assert len(uploads) % 6 == 0
    for first in range(0, len(uploads), 6):
        one_set = uploads[first : first + 6]
        assert tuple(upload.name.split("-", 1)[1] for upload in one_set) == NAMES
        assert len({upload.name.split("-", 1)[0] for upload in one_set}) == 1
    for upload in uploads:
        # A set whose job was killed right after the push is known by the manifest it left.
        assert hashes.get(upload.name, upload.sha256) == upload.sha256
