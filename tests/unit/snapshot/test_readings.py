"""The file that says when each object was read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.manifest import FileEntry
from mode_catalog_provider.snapshot.reader import open_snapshot
from tests.unit.snapshot.sets import AT, finish, new_writer, write_set


def test_the_readings_are_a_file_of_their_own_by_kind_and_token(tmp_path: Path) -> None:
    with new_writer(Layout.flat(tmp_path)) as writer:
        for asset, token, mark in (
            ("member", "m1", "a"),
            ("datasets", "", "same"),
            ("report", "r2", "old"),
            ("report", "r1", "x"),
            ("report", "r2", "new"),
            ("listing", "c1", "b"),
            ("bulk", "all", "c"),
            ("bulk-report", "r1", "d"),
        ):
            writer.note_reading(asset, token, mark, AT)
        manifest, _ = finish(writer)
    content = (tmp_path / f"{AT}.readings").read_bytes()
    assert [json.loads(line) for line in content.splitlines()] == [
        ["report", "r1", "x", AT],
        ["report", "r2", "new", AT],
        ["member", "m1", "a", AT],
        ["listing", "c1", "b", AT],
        ["bulk", "all", "c", AT],
        ["bulk-report", "r1", "d", AT],
        ["datasets", "", "same", AT],
    ]
    digest = hashlib.sha256(content).hexdigest()
    assert manifest.readings == FileEntry("readings", f"{AT}.readings", len(content), 7, digest)


def test_without_readings_there_is_no_file_of_them(tmp_path: Path) -> None:
    manifest = open_snapshot(write_set(Layout.flat(tmp_path))).manifest
    assert manifest.readings is None
    assert not (tmp_path / f"{AT}.readings").exists()
