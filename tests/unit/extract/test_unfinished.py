"""What an extraction that died had read, and whether the next one may take it."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mode_catalog_provider.extract import unfinished as unfinished_module
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.segment import Reading
from mode_catalog_provider.extract.unfinished import FOLDER, MAX_AGE, Unfinished
from mode_catalog_provider.moments import stamp
from mode_catalog_provider.snapshot.layout import Layout
from tests.unit.snapshot.sets import AT, write_set

NOW = AT + 1000
RUN = AT + 500
REPORT = Reading("report", "r1", "mark", NOW - 60, [{"token": "q1"}, {"token": "q2"}])
MEMBER = Reading("member", "m1", "mark", NOW - 50, [{"token": "m1"}])


@pytest.fixture
def place(tmp_path: Path) -> Layout:
    return Layout.nested(tmp_path, "acme")


def client(**changes: str) -> Any:
    said = {"workspace": "acme", "host": "https://mode.test", "token": "key", **changes}
    return SimpleNamespace(
        workspace=said["workspace"], host=said["host"], key=SimpleNamespace(token=said["token"])
    )


def begin(place: Layout, *, run: int = RUN, now: float = NOW, of: Any = None, **options: Any) -> Unfinished:
    chosen = ExtractionOptions(**options)
    return Unfinished(layout=place, client=of or client(), options=chosen, run=run, now=lambda: now)


def die(place: Layout, *readings: Reading, **how: Any) -> None:
    with suppress(KeyError), begin(place, **how) as unfinished:
        for reading in readings:
            unfinished.keep(reading)
        raise KeyError


def left(place: Layout) -> list[str]:
    folder = Path(str(place.home)) / FOLDER
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def known(place: Layout, reading: Reading = REPORT, **how: Any) -> Reading | None:
    with begin(place, **how) as unfinished:
        return unfinished.recall(reading.asset, reading.token, reading.mark)


def test_what_an_extraction_that_died_had_read_is_taken_while_it_is_unchanged(place: Layout) -> None:
    die(place, REPORT, MEMBER)
    with begin(place, run=RUN + 9) as unfinished:
        assert unfinished.recall("report", "r1", "mark") == REPORT
        assert unfinished.recall("member", "m1", "mark") == MEMBER
        assert unfinished.recall("report", "r1", "another") is None
        assert unfinished.recall("report", "m1", "mark") is None
        assert unfinished.recall("report", "r9", "mark") is None
        assert unfinished.to_json() == {
            "resumed": {
                "begun": stamp(RUN),
                "last_read": stamp(NOW - 50),
                **{"reports": 1, "queries": 2, "members": 1, "changed": 1},
            }
        }


def test_it_is_told_what_was_left_and_what_was_taken(place: Layout, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with begin(place) as unfinished:
        unfinished.tell()
        assert unfinished.to_json() == {}
        assert unfinished.recall("report", "r1", "mark") is None
    assert caplog.messages == []
    die(place, REPORT, MEMBER)
    with begin(place) as unfinished:
        unfinished.recall("report", "r1", "mark")
        unfinished.tell()
    left_behind, taken = caplog.messages
    assert "read the queries of 1 reports and the profiles of 1 members" in left_behind
    assert "2 queries of 1 of its reports and 0 of its members were taken, 0 had changed" in taken


def test_an_extraction_that_ends_well_keeps_nothing_and_removes_what_was_left(place: Layout) -> None:
    with begin(place) as unfinished:
        unfinished.keep(REPORT)
    assert left(place) == []
    die(place, REPORT)
    (Path(str(place.home)) / FOLDER / "notes.txt").write_text("mine")
    with begin(place) as unfinished:
        unfinished.keep(MEMBER)
        unfinished.remove()
    assert left(place) == ["notes.txt"]
    (Path(str(place.home)) / FOLDER / "notes.txt").unlink()
    begin(place).remove()
    assert not (Path(str(place.home)) / FOLDER).exists()


def test_without_resume_nothing_is_kept_nor_taken_and_what_was_left_goes(place: Layout) -> None:
    die(place, REPORT, resume=False)
    assert left(place) == []
    die(place, REPORT)
    assert len(left(place)) == 1
    assert known(place, resume=False) is None
    assert left(place) == []


@pytest.mark.parametrize(("together", "full"), [(2, 1 << 20), (100, 120)])
def test_readings_are_written_so_many_at_once(
    place: Layout, monkeypatch: pytest.MonkeyPatch, together: int, full: int
) -> None:
    monkeypatch.setattr(unfinished_module, "TOGETHER", together)
    monkeypatch.setattr(unfinished_module, "FULL", full)
    assert 60 <= len(REPORT.encoded()) < 120
    with begin(place) as unfinished:
        for written in (0, 1, 1, 2):
            unfinished.keep(REPORT)
            assert len(left(place)) == written
    assert all(name.startswith(f"{RUN}-") for name in left(place))
    assert known(place) == REPORT


def test_a_reading_too_long_for_a_file_is_not_kept(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished_module, "FULL", len(REPORT.encoded()) - 1)
    die(place, REPORT)
    assert left(place) == []
    monkeypatch.setattr(unfinished_module, "FULL", len(REPORT.encoded()))
    die(place, REPORT)
    assert known(place) == REPORT


def test_what_is_kept_has_bounds(
    place: Layout, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(unfinished_module, "TOGETHER", 1)
    die(place, REPORT)
    (file,) = (Path(str(place.home)) / FOLDER).iterdir()
    size = file.stat().st_size
    file.unlink()
    monkeypatch.setattr(unfinished_module, "MOST", size + 9)
    die(place, REPORT, REPORT, REPORT)
    assert len(left(place)) == 1
    assert sum("kept already" in line for line in caplog.messages) == 1
    # What was left counts as well.
    die(place, REPORT)
    assert len(left(place)) == 1
    assert known(place) == REPORT
    monkeypatch.setattr(unfinished_module, "MOST", size - 9)
    assert known(place) is None
    assert left(place) == []


@pytest.mark.parametrize(
    ("age", "limit", "taken"),
    [
        (MAX_AGE.total_seconds(), None, False),
        (MAX_AGE.total_seconds() - 1, None, True),
        (3600, timedelta(hours=1), False),
        (3599, timedelta(hours=1), True),
        (0, None, True),
        (-1, None, False),
    ],
)
def test_a_reading_that_is_too_old_or_of_the_future_is_not_taken(
    place: Layout, age: float, limit: timedelta | None, taken: bool
) -> None:
    die(place, REPORT)
    options = {} if limit is None else {"full_refresh_after": limit}
    assert (known(place, now=REPORT.read_at + age, **options) is not None) is taken
    assert bool(left(place)) is taken


@pytest.mark.parametrize(
    ("how", "same"),
    [
        ({"of": client(workspace="other")}, False),
        ({"of": client(host="https://other.test")}, False),
        ({"of": client(token="another")}, False),
        ({"include_archived": False}, False),
        ({"include_collections": ["c1"]}, False),
        ({"members": "lite"}, False),
        ({"strategy": "rest"}, True),
        ({"incremental": True}, True),
        ({"max_in_flight": 3}, True),
        ({"full_refresh_after": timedelta(days=2)}, True),
    ],
    ids=str,
)
def test_it_is_taken_by_who_reads_the_same_with_the_same_key(
    place: Layout, how: dict[str, Any], same: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    die(place, REPORT)
    assert (known(place, **how) is not None) is same
    assert any("is not used and removed" in line for line in caplog.messages) is not same
    assert bool(left(place)) is same


def test_a_file_that_is_not_whole_is_removed(place: Layout) -> None:
    die(place, REPORT)
    (name,) = left(place)
    folder = Path(str(place.home)) / FOLDER
    content = (folder / name).read_bytes()
    (folder / f"{name}.partial").write_bytes(content)
    (folder / name).write_bytes(content[:-9])
    assert known(place) is None
    assert [one for one in left(place) if one.endswith(".segment")] == []


@pytest.mark.parametrize(("run", "taken"), [(AT, False), (AT + 1, True)])
def test_after_a_whole_snapshot_what_was_left_before_it_is_spent(
    place: Layout, run: int, taken: bool
) -> None:
    write_set(place, AT)
    die(place, REPORT, run=run)
    assert (known(place) is not None) is taken
    assert bool(left(place)) is taken


def test_what_is_read_after_a_key_was_rotated_is_not_kept(
    place: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    asking = client()
    with suppress(KeyError), begin(place, of=asking) as unfinished:
        unfinished.keep(REPORT)
        asking.key.token = "new"
        unfinished.keep(MEMBER)
        asking.key.token = "key"
        unfinished.keep(MEMBER)
        raise KeyError
    assert known(place) == REPORT
    assert known(place, MEMBER) is None
    assert sum("rotated" in line for line in caplog.messages) == 1


def test_of_two_readings_of_one_object_the_newer_one_counts_whichever_file_it_is_in(place: Layout) -> None:
    newer = Reading("report", "r1", "mark", REPORT.read_at + 5, [])
    edited = Reading("report", "r1", "edited", REPORT.read_at - 5, [])
    die(place, newer, run=RUN)
    die(place, REPORT, edited, run=RUN + 1)
    assert known(place) == newer
    assert known(place, edited) == edited
    with begin(place, run=RUN + 2) as unfinished:
        told = unfinished.to_json()["resumed"]
    assert (told["begun"], told["last_read"]) == (stamp(RUN), stamp(newer.read_at))


def test_nothing_is_written_through_a_link(
    place: Layout, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "elsewhere").mkdir()
    Path(str(place.home)).mkdir()
    (Path(str(place.home)) / FOLDER).symlink_to(tmp_path / "elsewhere")
    die(place, REPORT)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert any("is a link" in line for line in caplog.messages)


def test_a_place_that_cannot_be_read_is_told_and_does_not_end_an_extraction(
    place: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    Path(str(place.home)).mkdir()
    (Path(str(place.home)) / FOLDER).write_text("a file")
    die(place, REPORT)
    assert any("must be read again" in line for line in caplog.messages)
