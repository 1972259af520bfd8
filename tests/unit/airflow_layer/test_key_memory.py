"""Since when a key is in use: remembered, and not to be read back."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta

from mode_catalog_provider.tasks.key_memory import FOLDER, first_seen

NOW = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
TOKEN = "2f4e6a8c0b1d"


def test_a_key_is_remembered_from_the_first_time(tmp_path):
    assert first_seen(tmp_path, TOKEN, NOW) == NOW
    assert first_seen(tmp_path, TOKEN, NOW + timedelta(days=40)) == NOW


def test_another_key_begins_anew(tmp_path):
    first_seen(tmp_path, TOKEN, NOW)
    later = NOW + timedelta(days=40)
    assert first_seen(tmp_path, "another-token", later) == later


def test_nothing_of_the_key_is_stored(tmp_path):
    first_seen(tmp_path, TOKEN, NOW)
    files = list((tmp_path / FOLDER).iterdir())
    assert len(files) == 2
    for file in files:
        assert TOKEN[-4:] not in file.name
        assert TOKEN not in file.read_text()


def test_a_salt_is_there_with_its_content_or_not_at_all(tmp_path, monkeypatch):
    seen = []
    link = os.link

    def watched(source, target):
        seen.append((target.exists(), len(source.read_bytes())))
        link(source, target)

    monkeypatch.setattr(os, "link", watched)
    first_seen(tmp_path, TOKEN, NOW)
    assert seen[0] == (False, 32)


def test_a_salt_that_is_still_empty_makes_no_memory_that_nobody_finds_again(tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "salt").touch()
    assert first_seen(tmp_path, TOKEN, NOW) == NOW
    assert [file.name for file in folder.iterdir()] == ["salt"]


def test_a_disk_without_hard_links_remembers_as_well(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "not here")

    monkeypatch.setattr(os, "link", refuse)
    first_seen(tmp_path, TOKEN, NOW)
    assert first_seen(tmp_path, TOKEN, NOW + timedelta(days=1)) == NOW


def test_a_memory_that_cannot_be_read_counts_as_none(tmp_path):
    first_seen(tmp_path, TOKEN, NOW)
    [file] = (tmp_path / FOLDER).glob("*.first-seen")
    file.write_bytes(b"\xff\xfe")
    later = NOW + timedelta(days=3)
    assert first_seen(tmp_path, TOKEN, later) == later
