"""Since when a key is in use: remembered, and not to be read back."""

from __future__ import annotations

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
