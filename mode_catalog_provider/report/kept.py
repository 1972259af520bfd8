"""The report of a workspace as a file beside its snapshots."""

from __future__ import annotations

import re

from mode_catalog_provider.report.html import as_html
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.report.workspace import gather
from mode_catalog_provider.snapshot.layout import entries, parse_directory_name
from mode_catalog_provider.snapshot.output import OutputFile, remove_file
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.storage import StoragePath

#: Reports of a workspace that are kept.
KEPT = 20

# Not ``.json``, so that no directory upload picks it up.
_NAME = re.compile(r"([1-9]\d{0,10})\.report\.html", re.ASCII)


def keep_report(snapshot: Snapshot) -> StoragePath | None:
    """Write the report of a workspace beside a snapshot, and remove the oldest others.

    :param snapshot: what the report is of.
    :return: the path of ``{timestamp}.report.html``; ``None`` for a folder of another tool, which is only
        read.
    """
    if snapshot.adopted:
        return None
    timestamp = snapshot.manifest.timestamp
    nested = parse_directory_name(snapshot.directory.name) == timestamp
    home = snapshot.directory.parent if nested else snapshot.directory
    path = home / f"{timestamp}.report.html"
    content = as_html(gather(WorkspaceRecords(home), snapshot=snapshot)).encode("utf-8", "replace")
    with OutputFile(path) as file:
        file.write(content)
    file.publish()
    others = {int(found[1]): name for name in entries(home) if (found := _NAME.fullmatch(name))}
    others.pop(timestamp, None)
    for old in sorted(others, reverse=True)[KEPT - 1 :]:
        remove_file(home / others[old])
    return path
