"""What lies in a staging area under one of our names and is no file, or is longer than any of ours."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.audit.scope import narrowing
from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.contract import SUMMARY
from mode_catalog_provider.errors import (
    SnapshotAlteredError,
    SnapshotIncompleteError,
    SnapshotNotFoundError,
)
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.kept import KeptRecords
from mode_catalog_provider.snapshot.layout import Layout, data_file, facts_name, push_record_name
from mode_catalog_provider.snapshot.reader import newest_snapshot, open_snapshot, verify
from mode_catalog_provider.snapshot.retention import prune
from mode_catalog_provider.snapshot.rows import rows_of
from mode_catalog_provider.storage import create_private, open_to_read, read_record
from tests.unit.snapshot.sets import AT, write_set

SOURCE = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket has a hundred characters at most
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


@pytest.fixture(params=[_pipe, _folder, _loop, _device, _socket], ids=lambda kind: kind.__name__[1:])
def odd(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Puts something that is no file where a file is expected."""

    def put(path: Path) -> None:
        path.unlink(missing_ok=True)
        request.param(path)

    return put


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_set(Layout.flat(tmp_path))
    return tmp_path


def test_no_pipe_is_waited_for_and_no_device_is_read_to_its_end(odd: Any, tmp_path: Path) -> None:
    path = tmp_path / "odd"
    odd(path)
    with pytest.raises(SnapshotAlteredError, match="is no file"):
        open_to_read(path)
    with pytest.raises(SnapshotAlteredError, match="is no file"):
        read_record(path)


def test_a_manifest_that_is_no_file_is_passed_over(odd: Any, home: Path) -> None:
    write_set(Layout.flat(home), AT + 1)
    path = home / f"{AT + 1}.manifest"
    odd(path)
    found = newest_snapshot(Layout.flat(home))
    assert found is not None
    assert found.manifest.timestamp == AT


@pytest.mark.parametrize("name", [f"{AT}.manifest", data_file(AT, "report"), data_file(AT, SUMMARY)])
def test_a_snapshot_is_refused_of_which_a_part_is_no_file(odd: Any, home: Path, name: str) -> None:
    odd(home / name)
    with pytest.raises((SnapshotAlteredError, SnapshotNotFoundError), match=name):
        verify(open_snapshot(home))


def test_rows_and_facts_come_from_files_only(odd: Any, home: Path) -> None:
    snapshot = open_snapshot(home)
    odd(home / data_file(AT, "report"))
    odd(home / facts_name(AT, "report"))
    with pytest.raises(SnapshotAlteredError, match="is no file"):
        list(rows_of(snapshot, "report"))
    with pytest.raises(SnapshotAlteredError, match="is no file"):
        list(read_facts(snapshot, "report"))


def test_a_push_record_that_is_no_file_is_named(odd: Any, home: Path) -> None:
    path = home / push_record_name(AT, SOURCE)
    odd(path)
    with pytest.raises(SnapshotAlteredError, match=f"{path.name} is no file"):
        push_record.read(path)
    assert not narrowing(open_snapshot(home))
    assert prune(Layout.flat(home), keep=1) == []


def test_a_kept_record_that_is_no_file_is_left_out(odd: Any, home: Path) -> None:
    odd(home / f"{AT}.audit")
    records: Iterator[bytes] = KeptRecords(home, "audit").read(bytes, until=AT)
    assert list(records) == []


def test_what_vanished_after_it_was_listed_is_told_as_gone(home: Path) -> None:
    manifest, rows = home / f"{AT}.manifest", home / data_file(AT, "report")
    rows.unlink()
    rows.symlink_to("nowhere")
    with pytest.raises(SnapshotIncompleteError, match=rows.name):
        verify(open_snapshot(home))
    manifest.unlink()
    manifest.symlink_to("nowhere")
    with pytest.raises(SnapshotNotFoundError, match=manifest.name):
        open_snapshot(home)


def test_a_link_to_a_file_is_read_as_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_record(tmp_path / "link") == b"content"


def test_no_more_of_a_record_is_read_than_one_can_have(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b"12345")
    assert read_record(path, most=5) == b"12345"
    with pytest.raises(SnapshotAlteredError, match="longer than any such file"):
        read_record(path, most=4)


def test_nothing_is_created_through_a_link_even_one_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create_private(tmp_path / "new")
    assert not (tmp_path / "elsewhere").exists()
