"""The snapshot that a word means, of those that are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotError, SnapshotNotFoundError
from mode_catalog_provider.snapshot.choice import (
    LATEST,
    PREVIOUS,
    chosen_snapshot,
    kept_snapshots,
    snapshots_beside,
)
from mode_catalog_provider.snapshot.layout import Layout, StoragePath
from mode_catalog_provider.snapshot.reader import open_snapshot
from tests.unit.snapshot.sets import AT, lay, write_set

# Of different lengths: the order of numbers is not that of their spelling.
THREE = [999_999_999, AT, AT + 1]


@pytest.fixture
def kept(tmp_path: Path) -> dict[int, StoragePath]:
    for timestamp in reversed(THREE):
        write_set(Layout.nested(tmp_path, "acme"), timestamp)
    return kept_snapshots(tmp_path)


def chosen(word: str, kept: dict[int, StoragePath], earlier_than: int | None = None) -> int:
    return chosen_snapshot(word, kept, earlier_than=earlier_than).manifest.timestamp


def damage(*manifests: StoragePath) -> None:
    for manifest in manifests:
        Path(str(manifest)).write_bytes(b"{")


def test_snapshots_are_found_in_their_folder_the_workspaces_and_the_output_directory(
    tmp_path: Path, kept: dict[int, StoragePath]
) -> None:
    manifests = {at: tmp_path / "acme" / str(at) / f"{at}.manifest" for at in THREE}
    assert list(kept.items()) == list(manifests.items())
    assert kept_snapshots(tmp_path / "acme") == manifests
    assert kept_snapshots(tmp_path / "acme" / str(AT)) == {AT: manifests[AT]}
    beside = snapshots_beside(open_snapshot(manifests[AT]))
    assert list(beside.items()) == list(manifests.items())


def test_what_has_no_manifest_is_no_snapshot(tmp_path: Path, kept: dict[int, StoragePath]) -> None:
    Path(str(kept[AT])).unlink()
    assert list(kept_snapshots(tmp_path)) == [THREE[0], THREE[2]]


def test_where_nothing_is_kept_the_folder_is_named(tmp_path: Path) -> None:
    lay(tmp_path / "acme", {"notes": b""})
    with pytest.raises(SnapshotNotFoundError) as raised:
        kept_snapshots(tmp_path)
    assert str(raised.value) == (
        f"There is no complete snapshot in {tmp_path}. Name the output directory of the extraction, or the "
        "folder of a workspace in it."
    )


def test_an_output_directory_of_two_workspaces_is_refused_by_their_names(tmp_path: Path) -> None:
    for workspace in ("other", "acme"):
        write_set(Layout.nested(tmp_path, workspace))
    with pytest.raises(SnapshotNotFoundError, match=r"more than one workspace \(acme, other\)"):
        kept_snapshots(tmp_path)


def test_each_word_means_its_snapshot(kept: dict[int, StoragePath]) -> None:
    assert chosen(LATEST, kept) == AT + 1
    assert chosen(PREVIOUS, kept) == AT
    assert chosen(PREVIOUS, kept, AT) == THREE[0]
    assert chosen(PREVIOUS, kept, AT + 7) == AT + 1
    assert [chosen(str(at), kept) for at in THREE] == THREE


@pytest.mark.parametrize("word", [str(AT + 2), "yesterday", "0", ""])
def test_a_word_that_means_none_is_answered_with_those_there_are(
    kept: dict[int, StoragePath], word: str
) -> None:
    with pytest.raises(SnapshotNotFoundError) as raised:
        chosen(word, kept)
    there = ", ".join(str(at) for at in reversed(THREE))
    assert str(raised.value) == f"There is no complete snapshot {word}. There are {there}."


def test_damaged_snapshots_are_passed_over_with_a_warning_each(
    kept: dict[int, StoragePath], caplog: pytest.LogCaptureFixture
) -> None:
    damage(kept[AT], kept[AT + 1])
    assert chosen(LATEST, kept) == THREE[0]
    warnings = [record.getMessage() for record in caplog.records]
    assert [f"{at}.manifest" in warning for at, warning in zip((AT + 1, AT), warnings, strict=True)] == [
        True
    ] * 2
    with pytest.raises(SnapshotAlteredError):
        chosen(str(AT), kept)
    damage(kept[THREE[0]])
    for word in (LATEST, PREVIOUS):
        with pytest.raises(SnapshotError, match=f"{THREE[0]}.manifest"):
            chosen(word, kept)


def test_before_the_first_there_is_none(kept: dict[int, StoragePath]) -> None:
    with pytest.raises(SnapshotNotFoundError) as raised:
        chosen(PREVIOUS, kept, THREE[0])
    assert str(raised.value) == (
        f"There is no snapshot before {THREE[0]} to compare it with: the first difference can be told after "
        "the next extraction."
    )
