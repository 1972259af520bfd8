"""One file on its way to its place."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
from pathlib import Path

import pytest
from upath import UPath

from mode_catalog_provider.errors import ConfigurationError, SnapshotError
from mode_catalog_provider.snapshot.layout import StoragePath, entries
from mode_catalog_provider.snapshot.output import (
    OutputFile,
    create_exclusively,
    make_directory,
    remove_empty_directory,
    remove_file,
)
from tests.unit.snapshot.sets import lay


@pytest.mark.parametrize("kind", ["a directory", "a pipe", "a link to a device"])
def test_no_file_takes_the_place_of_what_is_none(tmp_path, kind):
    path = tmp_path / "report.html"
    if kind == "a directory":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    before = path.lstat()
    what = kind if kind == "a directory" else "a device, a pipe or the like"
    told = f"report.html is {what}, and no file can take its place"
    with pytest.raises(ConfigurationError, match=told), OutputFile(path):
        pass
    assert path.lstat() == before
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_file_in_a_folder_that_is_not_there_is_told(tmp_path):
    path = tmp_path / "typo" / "report.html"
    with pytest.raises(ConfigurationError, match=r"There is no folder .*typo to write report\.html to"):
        OutputFile(path).__enter__()


def break_off(folder: StoragePath, megabytes: int) -> None:
    def broken() -> None:
        with OutputFile(folder / "report.html") as output:
            output.write(b"half" * (megabytes << 18))
            raise LookupError

    with pytest.raises(LookupError):
        broken()
    gc.collect()


@pytest.mark.parametrize("megabytes", [0, 3])
def test_what_was_written_before_a_fault_does_not_stay(tmp_path: Path, megabytes: int) -> None:
    break_off(tmp_path, megabytes)
    assert list(tmp_path.iterdir()) == []


# From fifty megabytes on it is sent in parts, which cost money until they are given up.
@pytest.mark.parametrize("megabytes", [0, 3, 60])
def test_in_a_store_nothing_stays_either_and_no_part_of_it(s3_folder: UPath, megabytes: int) -> None:
    break_off(s3_folder, megabytes)
    assert entries(s3_folder) == {}
    bucket, _, prefix = s3_folder.path.partition("/")
    begun = s3_folder.fs.call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads", [])
    assert [one for one in begun if one["Key"].startswith(prefix)] == []


@pytest.mark.parametrize("pieces", [0, 1, 5])
def test_a_file_is_counted_and_hashed_while_it_is_written(root: StoragePath, pieces: int) -> None:
    make_directory(root)
    content = [bytes([number]) * 700_000 for number in range(pieces)]
    with OutputFile(root / "file") as output:
        for piece in content:
            output.write(piece)
    output.publish()
    whole = b"".join(content)
    assert (root / "file").read_bytes() == whole
    assert (output.bytes, output.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert list(entries(root)) == ["file"]


def test_on_a_disk_a_file_has_its_name_only_when_it_is_published(tmp_path: Path) -> None:
    path = lay(tmp_path, {"file": b"old"}) / "file"
    with OutputFile(path) as output:
        output.write(b"new")
    assert (path.read_bytes(), sorted(entries(tmp_path))) == (b"old", ["file", "file.partial"])
    output.publish()
    assert (path.read_bytes(), sorted(entries(tmp_path))) == (b"new", ["file"])


def test_a_long_file_is_on_its_way_to_the_disk_before_it_is_whole(tmp_path: Path) -> None:
    with OutputFile(tmp_path / "file") as output:
        for _ in range(5):
            output.write(b"x" * 700_000)
        assert (tmp_path / "file.partial").stat().st_size >= 2_000_000


def test_all_of_a_file_is_on_the_platter_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    with OutputFile(tmp_path / "file") as output:
        output.write(b"content")
    assert synced == [7]
    output.publish()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_disk_that_takes_no_more_is_told_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SnapshotError) as raised, OutputFile(tmp_path / "file"):
        pass
    assert str(raised.value) == (
        f"file could not be written: {tmp_path} takes no more ({os.strerror(number)}). Make room there, keep "
        "fewer snapshots, or set the output directory to another place."
    )
    assert list(tmp_path.iterdir()) == []


def test_another_fault_of_the_disk_is_told_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), OutputFile(tmp_path / "file"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_only_the_first_creates_a_file(root: StoragePath) -> None:
    make_directory(root)
    make_directory(root)
    assert create_exclusively(root / "marker", b"first")
    assert not create_exclusively(root / "marker", b"second")
    assert (root / "marker").read_bytes() == b"first"


def test_what_is_removed_may_be_gone_and_a_folder_goes_only_when_it_is_empty(root: StoragePath) -> None:
    lay(root / "folder", {"a": b"1"})
    remove_empty_directory(root / "folder")
    assert list(entries(root / "folder")) == ["a"]
    remove_file(root / "folder" / "a")
    remove_file(root / "folder" / "a")
    remove_empty_directory(root / "folder")
    remove_empty_directory(root / "folder")
    assert "folder" not in entries(root)
