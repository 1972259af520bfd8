"""What audits found, kept in the staging area for the next one to compare with.

Not beside the files of its snapshot but one folder above: an audit a week must be found by the next one, when
retention has long removed the snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from mode_catalog_provider.audit.finding import AuditReport
from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.layout import entries, parse_directory_name
from mode_catalog_provider.snapshot.output import OutputFile, remove_file
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.storage import StoragePath

#: Audits of a workspace that are kept.
KEPT = 20

# Not ``.json``, so that no directory upload picks it up.
_NAME = re.compile(r"([1-9]\d{0,10})\.audit", re.ASCII)


def keep_audit(report: AuditReport, snapshot: Snapshot) -> StoragePath | None:
    """Write a report, in place of an earlier one of the same snapshot, and remove the oldest others.

    :return: its path, ``{timestamp}.audit``; ``None`` for a folder of another tool, which is only read.
    """
    if snapshot.adopted:
        return None
    home = _home(snapshot)
    path = home / f"{report.timestamp}.audit"
    with OutputFile(path) as output:
        output.write(report.to_bytes())
    output.publish()
    others = _kept(home)
    others.pop(report.timestamp, None)
    for timestamp in sorted(others, reverse=True)[KEPT - 1 :]:
        remove_file(others[timestamp])
    return path


def earlier_audits(snapshot: Snapshot) -> Iterator[AuditReport]:
    """Yield what audits of earlier snapshots found, the newest first.

    Those that cannot be read, or saw a part of the workspace only, say nothing of what is new.
    """
    kept = _kept(_home(snapshot))
    for timestamp in sorted(kept, reverse=True):
        if timestamp < snapshot.manifest.timestamp:
            with suppress(FileNotFoundError, SnapshotAlteredError):
                report = AuditReport.from_bytes(kept[timestamp].read_bytes())
                if not report.narrowed:
                    yield report


def _home(snapshot: Snapshot) -> StoragePath:
    nested = parse_directory_name(snapshot.directory.name) == snapshot.manifest.timestamp
    return snapshot.directory.parent if nested else snapshot.directory


def _kept(home: StoragePath) -> dict[int, StoragePath]:
    found = ((_NAME.fullmatch(name), path) for name, path in entries(home).items())
    return {int(match[1]): path for match, path in found if match}
