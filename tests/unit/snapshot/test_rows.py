"""The rows of a snapshot, by token, with what the side files say, and those of several side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.contract import contract_row
from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotNotFoundError
from mode_catalog_provider.snapshot.layout import data_file
from mode_catalog_provider.snapshot.reader import Snapshot, adopt_directory
from mode_catalog_provider.snapshot.rows import rows_of, rows_with_facts, side_by_side, sorted_rows
from tests.unit.snapshot.days import Object, day
from tests.unit.snapshot.sets import AT, lay, vendor_files

# In code point order, which is not that of UTF-16.
TOKENS = ["B", "a", "ab", "b", "\ufb01", "\U0001f600"]


def reports(*tokens: str) -> list[Object]:
    return [("report", token, {"name": f"Name of {token}"}) for token in tokens]


def adopted(folder: Path, *rows: dict[str, Any]) -> Snapshot:
    return adopt_directory(
        lay(folder, {**vendor_files(), data_file(AT, "report"): json.dumps(rows).encode()})
    )


def rewrite(snapshot: Snapshot, change: Any) -> Path:
    path = Path(str(snapshot.directory)) / f"{snapshot.manifest.timestamp}-report.json"
    path.write_bytes(json.dumps(change(json.loads(path.read_bytes()))).encode())
    return path


def test_rows_come_by_token_in_code_point_order(tmp_path: Path) -> None:
    snapshot = day(tmp_path, 0, reports(*reversed(TOKENS)))
    for read in (rows_of, sorted_rows):
        assert [row["token"] for row in read(snapshot, "report")] == TOKENS
    first = contract_row("report", {"token": "B", "name": "Name of B"})
    assert next(rows_of(snapshot, "report")) == first
    assert list(sorted_rows(snapshot, "query")) == []


def test_the_rows_of_another_tool_are_put_in_order_and_the_last_of_a_token_is_taken(tmp_path: Path) -> None:
    rows = [
        contract_row("report", {"token": token, "name": name})
        for token, name in [("b", "1"), ("a", "2"), (None, "3"), (7, "4"), ("b", "5")]
    ]
    snapshot = adopted(tmp_path, *rows)
    assert [row["name"] for row in rows_of(snapshot, "report")] == ["1", "2", "3", "4", "5"]
    assert [(row["token"], row["name"]) for row in sorted_rows(snapshot, "report")] == [
        ("a", "2"),
        ("b", "5"),
    ]
    assert [facts for _, facts in rows_with_facts(snapshot, "report")] == [{}, {}]


def test_each_row_comes_with_the_facts_of_its_token(tmp_path: Path) -> None:
    said = [TOKENS[1], TOKENS[3], TOKENS[5]]
    snapshot = day(
        tmp_path, 0, reports(*TOKENS), facts=[("report", token, {"runs_count": 1}) for token in said]
    )
    found = {row["token"]: facts for row, facts in rows_with_facts(snapshot, "report")}
    assert list(found) == TOKENS
    assert found == {token: {"token": token, "runs_count": 1} if token in said else {} for token in TOKENS}
    assert [facts for _, facts in rows_with_facts(day(tmp_path, 1, [("query", "q", {})]), "query")] == [{}]


def test_several_streams_are_told_token_by_token() -> None:
    def stream(*tokens: str) -> Any:
        return iter([({"token": token}, {}) for token in tokens])

    streams = ("B", "a", "\U0001f600"), ("a", "b", "\ufb01"), ("b",), ()
    found = [
        [None if one is None else one[0]["token"] for one in together]
        for together in side_by_side(*(stream(*tokens) for tokens in streams))
    ]
    assert found == [
        ["B", None, None, None],
        ["a", "a", None, None],
        [None, "b", "b", None],
        [None, "\ufb01", None, None],
        ["\U0001f600", None, None, None],
    ]
    assert list(side_by_side(stream(), stream())) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda rows: rows[::-1], "is not in the order in which it was written"),
        (lambda rows: [rows[0], rows[0], rows[1]], "is not in the order in which it was written"),
        (lambda rows: [{**rows[0], "token": None}, rows[1]], "is not in the order in which it was written"),
        (lambda rows: rows[:1], "its hash is not that of the manifest"),
        (lambda rows: {"rows": rows}, "is not a whole report file"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused_and_tells_its_snapshot(
    tmp_path: Path, change: Any, why: str
) -> None:
    snapshot = day(tmp_path, 1, reports("a", "b"))
    rewrite(snapshot, change)
    with pytest.raises(SnapshotAlteredError, match=why) as raised:
        list(rows_with_facts(snapshot, "report"))
    assert raised.value.timestamp == snapshot.manifest.timestamp


def test_a_file_that_is_gone_is_told_by_name(tmp_path: Path) -> None:
    snapshot = day(tmp_path, 0, reports("a"))
    path = rewrite(snapshot, list)
    path.unlink()
    with pytest.raises(SnapshotNotFoundError) as raised:
        list(rows_with_facts(snapshot, "report"))
    assert str(raised.value) == (
        f"{path} is not there any more, though its manifest is. Take another snapshot."
    )
    assert raised.value.timestamp == AT
