"""Is a run that was asked for earlier covered already, by a snapshot that was begun later and pushed?

A Mode snapshot is of now, so five missed days that are replayed all want the same thing. Times cannot tell
who asked first: Airflow does not show a task when its run was queued, and clocks of several hosts differ. So
each snapshot writes down, before its first request, the runs that are waiting at that moment: those, and only
those, were queued before it began.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.catalog.push_record import OpenQuestion, PushRecord
from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.snapshot.layout import Layout, manifest_name, push_record_name
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import open_snapshot
from mode_catalog_provider.web_address import installation_of

#: Options that change what a snapshot contains; the others change only how it is read.
CONTENT_OPTIONS = (
    "include_collections",
    "exclude_collections",
    "include_personal",
    "include_archived",
    "include_datasets",
    "members",
)


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """One wish for a snapshot: a DAG run, as often as it was queued anew.

    :param dag_id: its DAG.
    :param run_id: its id within the DAG.
    :param clear_number: how often it was cleared; a run that is cleared is a new wish. ``None`` = unknown.
    """

    dag_id: str
    run_id: str
    clear_number: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """A snapshot that covers a run: what the run would do is done.

    :param manifest: the snapshot.
    :param refused: why it was not pushed, because of what had shrunk; ``None``: it was not refused.
    :param asked: the question that a person is being asked about it, or whose answer is being acted on;
        ``None``: there is none, and unless ``refused`` it was pushed in full.
    """

    manifest: Manifest
    refused: str | None = None
    asked: OpenQuestion | None = None


def covering_snapshot(
    request: RunRequest,
    *,
    layout: Layout,
    source_id: str,
    host: str,
    options: Mapping[str, Any],
    started_at: datetime | None,
    now: datetime | None = None,
) -> Coverage | None:
    """Return the newest snapshot that covers a request, ``None`` when there is none; ask under the run lock.

    One that was pushed goes before one that a person is asked about, and that before one that was refused.

    :param request: the run that asks.
    :param layout: where the snapshots of its workspace lie.
    :param source_id: UUID of the Catalog source that it would push to; what was neither pushed there in full
        nor refused for what had shrunk does not count.
    :param host: base URL of Mode that it would read from.
    :param options: the options it would extract with; a snapshot of other content does not count.
    :param started_at: when Airflow started the run; used only where nobody wrote down how often it had been
        cleared.
    :param now: the current time; a question that nobody acts on any more covers nothing.
    """
    now = now or datetime.now(UTC)
    asked = refused = None
    for timestamp in sorted(layout.timestamps(), reverse=True):
        directory = layout.directory(timestamp)
        try:
            record = push_record.read(directory / push_record_name(timestamp, source_id))
            if record is None or not (record.completed_at or record.refused or _is_open(record, now)):
                continue
            manifest = open_snapshot(directory / manifest_name(timestamp)).manifest
        except SnapshotError:
            continue  # only its push record was kept, or somebody changed it: that covers nobody
        same = installation_of(manifest.host) == installation_of(host) and all(
            manifest.options.get(name) == options.get(name) for name in CONTENT_OPTIONS
        )
        if same and any(_covers(entry, request, manifest, started_at) for entry in manifest.answers):
            if record.completed_at is not None:
                return Coverage(manifest=manifest)
            if _is_open(record, now):
                asked = asked or Coverage(manifest=manifest, asked=record.asked)
            else:
                refused = refused or Coverage(manifest=manifest, refused=record.refused)
    return asked or refused


def _is_open(record: PushRecord, now: datetime) -> bool:
    return record.asked is not None and now < datetime.fromisoformat(record.asked.until)


def _covers(
    entry: Mapping[str, Any], request: RunRequest, manifest: Manifest, started_at: datetime | None
) -> bool:
    if (entry.get("dag_id"), entry.get("run_id")) != (request.dag_id, request.run_id):
        return False
    known = entry.get("clear_number")
    if known is not None or request.clear_number == 0:
        # What was never cleared is what was seen, whether or not the number could be seen then.
        return bool((known or 0) == request.clear_number)
    # It may have been cleared since. A run is started after it was queued, so this is sure, if not complete.
    return started_at is not None and started_at <= datetime.fromisoformat(manifest.started_at)
