"""Which folder of an output directory is a workspace's: two hosts may have workspaces of the same name."""

from __future__ import annotations

import re
from contextlib import suppress

from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.snapshot.layout import Layout, entries, manifest_name
from mode_catalog_provider.snapshot.reader import open_snapshot
from mode_catalog_provider.storage import StoragePath
from mode_catalog_provider.web_address import installation_of


def workspace_layout(output_dir: StoragePath, *, workspace: str, host: str) -> Layout:
    """Return where the snapshots of a workspace lie: ``{output_dir}/{workspace}``.

    When that folder holds the snapshots of another host's workspace of the same name, it is
    ``{output_dir}/{workspace}@{host}``, so that neither removes the other's, nor is compared with them. The
    folder of the name alone belongs to the host whose snapshot in it is the oldest.

    :param output_dir: local directory or object-store URL.
    :param workspace: name of the Mode workspace.
    :param host: base URL of Mode. Mode's own cloud hosts are one.
    :raises ConfigurationError: when the workspace name cannot be the name of a directory.
    """
    plain = Layout.nested(output_dir, workspace)
    own = Layout.nested(output_dir, _with_host(workspace, host))
    if entries(own.home):
        return own
    for timestamp in sorted(plain.timestamps()):
        with suppress(SnapshotError):
            other = open_snapshot(plain.directory(timestamp) / manifest_name(timestamp)).manifest.host
            if installation_of(other) == installation_of(host):
                return plain
            # One that has moved out has left behind what it had here.
            if not entries(Layout.nested(output_dir, _with_host(workspace, other)).home):
                return own
    return plain


def _with_host(workspace: str, host: str) -> str:
    return f"{workspace}@{re.sub(r'[^a-z0-9.-]+', '_', installation_of(host))}"
