"""Snapshots of a sandbox one after the other, and the changes people make in between."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from typing import Any

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.extract.capture import CaptureResult, capture
from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions
from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.extracting import client_of
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.objects import Report, stamp_of_day

LOG = logging.getLogger("test.incremental")


def running(shape: WorkspaceShape, **switches: Any) -> Sandbox:
    return Sandbox(shape=shape, mode=ModeSwitches(limiter="off", **switches), time_scale=0.001)


def take(sandbox: Sandbox, layout: Layout, *, day: float = 0, **options: Any) -> CaptureResult:
    """A snapshot, so many days from now; incremental unless the options say otherwise."""
    with client_of(sandbox) as client:
        extraction = Extraction(
            client=client, options=ExtractionOptions(**{"incremental": True, "strategy": "rest", **options})
        )
        return capture(
            client=client,
            extraction=extraction,
            layout=layout,
            log=LOG,
            now=lambda: time.time() + day * 86_400,
        )


def contents(result: CaptureResult) -> dict[str, bytes]:
    """The bytes of the five data files."""
    found = {}
    for entry in result.manifest.files:
        if entry.asset in DATA_ASSETS:
            with (result.directory / entry.name).open("rb") as file:
                found[entry.asset] = file.read()
    return found


def asked(sandbox: Sandbox, part: str) -> list[str]:
    """Paths of the requests so far that contain this."""
    return [request.path for request in sandbox.mode.requests if part in request.path]


class Editing:
    """Changes a workspace as people do; each edit bears a stamp that none before it bore."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.world = sandbox.mode.world
        self._minutes = itertools.count()

    def saved(self, report: Report) -> None:
        report.edited_at = report.last_saved_at = report.updated_at = stamp_of_day(700, next(self._minutes))

    def edit_sql(self, report: Report) -> None:
        for query in self.world.edit_queries(report)[:1]:
            query.raw_query, query.absent = f"select {next(self._minutes)}", frozenset()
        self.saved(report)

    def rename_query(self, report: Report) -> None:
        for query in self.world.edit_queries(report)[-1:]:
            query.name = f"Renamed {next(self._minutes)}"
        self.saved(report)

    def add_query(self, report: Report) -> None:
        self.world.add_query(report, f"select {next(self._minutes)}")
        self.saved(report)

    def delete_query(self, report: Report) -> None:
        del self.world.edit_queries(report)[:1]
        self.saved(report)

    def add_query_unsaved(self, report: Report) -> None:
        """Only the count of queries tells; where the row lies about it or lacks it, nothing would."""
        if report.query_count is None and "query_count" not in report.absent:
            stamps = report.edited_at, report.last_saved_at
            self.world.add_query(report, f"select {next(self._minutes)}")
            report.edited_at, report.last_saved_at = stamps

    def publish(self, report: Report) -> None:
        if "published_at" not in report.absent:
            report.published_at = stamp_of_day(600, next(self._minutes))

    def rename(self, report: Report) -> None:
        report.name = f"Renamed {next(self._minutes)}"

    def run(self, report: Report) -> None:
        moment = stamp_of_day(800, next(self._minutes))
        report.updated_at = report.last_run_at = report.last_successfully_run_at = moment

    def toggle_archived(self, report: Report) -> None:
        report.archived = not report.archived

    def lose_stamps(self, report: Report) -> None:
        report.edited_at = report.last_saved_at = None

    def edit_without_stamps(self, report: Report) -> None:
        self.edit_sql(report)
        self.lose_stamps(report)

    def refuse(self, report: Report) -> None:
        self.edit_sql(report)
        report.refused = 403

    def allow(self, report: Report) -> None:
        report.refused, report.vanishes = None, False

    def move(self, report: Report) -> None:
        shared = [one for one in self.world.collections if not one.personal and not one.refused]
        if shared:
            self.world.move_report(report, shared[next(self._minutes) % len(shared)])

    def remove(self, report: Report) -> None:
        self.world.remove_report(report)

    def add_report(self, beside: Report) -> None:
        self.saved(self.world.add_report(beside.collection, queries=2))

    def add_dataset(self, beside: Report) -> None:
        self.saved(self.world.add_report(beside.collection, type="DatasetReport"))

    def remove_collection(self, of: Report) -> None:
        collection = self.world.collection(of.collection)
        if collection is not None:
            self.world.remove_collection(collection)

    def rename_collection(self, of: Report) -> None:
        collection = self.world.collection(of.collection)
        if collection is not None:
            collection.name = f"Renamed {next(self._minutes)}"

    def add_member(self, _: Report) -> None:
        self.world.add_member(f"added{next(self._minutes)}")

    def remove_member(self, _: Report) -> None:
        del self.world.members[:1]

    def rename_member(self, _: Report) -> None:
        for member in self.world.members[-1:]:
            member.name = f"Renamed {next(self._minutes)}"

    def change_address(self, _: Report) -> None:
        for member in self.world.members[:1]:
            member.email = f"new{next(self._minutes)}@acme.example"

    def restore_profiles(self, _: Report) -> None:
        for member in self.world.members:
            member.profile = 200

    @classmethod
    def changes(cls) -> list[Callable[[Editing, Report], None]]:
        """Every change above."""
        return [
            made for name, made in vars(cls).items() if name[0] != "_" and name not in ("saved", "changes")
        ]
