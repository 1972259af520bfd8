"""What Catalog got last: the newest push that is known here, or the vendor's set that lies in the folder."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from mode_catalog_provider.catalog.push_record import PushRecord, newest_completed, read
from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotError
from mode_catalog_provider.snapshot.inspection import inspect_file, read_summary
from mode_catalog_provider.snapshot.layout import (
    Layout,
    StoragePath,
    data_file,
    entries,
    manifest_name,
    parse_data_file,
    push_record_name,
)
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot
from mode_catalog_provider.web_address import installation_of


def last_push(snapshot: Snapshot, source_id: str) -> tuple[StoragePath, PushRecord] | None:
    """Return the push that a new one is compared with, and where it is written down.

    Whoever comes from the vendor's uploader has no push record, but often its files: the newest complete set
    without a manifest in the snapshot's folder, older than the snapshot and not of another workspace, then
    counts as pushed.

    :param snapshot: what is to be pushed.
    :param source_id: UUID of the Catalog source.
    """
    return newest_completed(snapshot, source_id) or _vendor_set(snapshot, source_id)


def newest_pushed(layout: Layout, source_id: str) -> Snapshot | None:
    """Return the newest snapshot of a workspace that was pushed to a source in full, ``None`` for none.

    :param layout: where the snapshots lie.
    :param source_id: UUID of the Catalog source.
    """
    for timestamp in sorted(layout.timestamps(), reverse=True):
        directory = layout.directory(timestamp)
        with suppress(SnapshotError):
            record = read(directory / push_record_name(timestamp, source_id))
            if record is not None and record.completed_at is not None:
                return open_snapshot(directory / manifest_name(timestamp))
    return None


def fed_at(layout: Layout, source_id: str) -> datetime | None:
    """Return when the newest push to a source was complete, as far as it is known here; ``None`` for never.

    :param layout: where the snapshots lie.
    :param source_id: UUID of the Catalog source.
    """
    for timestamp in sorted(layout.timestamps(), reverse=True):
        with suppress(SnapshotError):
            record = read(layout.directory(timestamp) / push_record_name(timestamp, source_id))
            if record is not None and record.completed_at is not None:
                return datetime.fromisoformat(record.completed_at).astimezone(UTC)
    return None


def _vendor_set(snapshot: Snapshot, source_id: str) -> tuple[StoragePath, PushRecord] | None:
    found = entries(snapshot.directory)
    sets = {parsed[0] for name in found if (parsed := parse_data_file(name))}
    for timestamp in sorted(sets, reverse=True):
        if timestamp >= snapshot.manifest.timestamp or manifest_name(timestamp) in found:
            continue
        names = {asset: data_file(timestamp, asset) for asset in (*DATA_ASSETS, SUMMARY)}
        if not found.keys() >= set(names.values()):
            continue
        summary_path = found[names[SUMMARY]]
        try:
            summary = read_summary(summary_path)
            if not _may_be_of(snapshot.manifest, summary.get("connection_identity", {}).get("base_url")):
                continue
            rows = {
                asset: inspect_file(found[names[asset]], asset, sorted_rows=False).rows or 0
                for asset in DATA_ASSETS
            }
        except (ValueError, RecursionError, SnapshotAlteredError):
            continue
        return summary_path, PushRecord(
            source_id=source_id,
            timestamp=timestamp,
            workspace=snapshot.manifest.workspace,
            host=snapshot.manifest.host,
            rows=rows,
            files={},
            completed_at=datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="seconds"),
        )
    return None


def _may_be_of(manifest: Manifest, base_url: object) -> bool:
    """Whether a set of the vendor's is of the same workspace, as far as it says of which it is."""
    if not isinstance(base_url, str):
        return True
    host, _, workspace = base_url.rstrip("/").rpartition("/")
    is_there = installation_of(host) == installation_of(manifest.host)
    return is_there and workspace.lower() == manifest.workspace.lower()
