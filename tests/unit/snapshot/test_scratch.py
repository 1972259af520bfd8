"""The temporary database of an extraction: what is kept in it, and the full disk below it."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing

import pytest

from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.scratch import packed, private_database, unpacked


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


@pytest.mark.parametrize(
    "text",
    [
        '{"id": 7, "id": 8, "name": "\\ud800 half", "none": null, "yes": true, "few": [], "part": 0.1}',
        f'{{"id": {"9" * 400}, "least": -1e-300, "most": 1e999, "none": NaN}}',
        f'{{"deep": {"[" * 900}{"]" * 900}}}',
        f'["text", {{"deep": {"[" * 900}{"]" * 900}}}]',
    ],
    ids=["values", "numbers", "deep", "deep in a list"],
)
def test_what_a_json_text_said_comes_back_as_it_was(text: str) -> None:
    value = json.loads(text)

    assert json.dumps(unpacked(packed(value))) == json.dumps(value)


def test_what_is_nested_as_deep_as_the_parser_goes_comes_back_too() -> None:
    # Python 3.13 reads nests that the quick format refuses.
    depth = 2500 if sys.version_info >= (3, 13) else 900
    value = json.loads(f'{{"deep": {"[" * depth}{"]" * depth}}}')

    assert json.dumps(unpacked(packed(value))) == json.dumps(value)
