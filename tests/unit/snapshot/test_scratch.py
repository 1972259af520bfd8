"""The temporary database of an extraction, when the disk below it is full."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.scratch import private_database


@pytest.mark.parametrize("name", ["execute", "executemany"])
def test_a_full_disk_is_told_with_the_folder_and_what_to_do(name: str) -> None:
    row = (b"x" * 1_000_000,)
    with closing(private_database(cache=64)) as database:
        database.execute("CREATE TABLE row (body BLOB)")
        database.execute("PRAGMA max_page_count = 4")
        insert = getattr(database, name)
        with pytest.raises(SnapshotError, match=r"temporary disk, /.*SQLITE_TMPDIR"):
            insert("INSERT INTO row VALUES (?)", row if name == "execute" else [row])


def test_any_other_trouble_stays_what_it_is() -> None:
    with (
        closing(private_database(cache=64)) as database,
        pytest.raises(sqlite3.OperationalError, match="nope"),
    ):
        database.execute("SELECT * FROM nope")
