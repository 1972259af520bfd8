"""What is kept of a push: every word of it, where an earlier one is looked for, and what cannot be kept."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.catalog.push_record import (
    AcceptedShrink,
    OpenQuestion,
    PushRecord,
    SentFile,
    close_question,
    newest_completed,
    read,
    record_path,
    write,
)
from mode_catalog_provider.errors import (
    ConfigurationError,
    ModeCatalogError,
    SnapshotAlteredError,
    SnapshotError,
)
from mode_catalog_provider.snapshot.reader import open_snapshot
from tests.integration.upload_cases import AT, LEAST, NOW, make_snapshot

SOURCE = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
OTHER_SOURCE = "1a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
QUESTION = OpenQuestion(why="it shrank", until="2026-11-28T10:00:00+00:00")
FULL = PushRecord(
    source_id=SOURCE,
    timestamp=AT,
    workspace="acme",
    host="https://modeanalytics.com",
    rows={"report": 3},
    files={"a.json": SentFile("aa", "attempted"), "b.json": SentFile("bb", "stored")},
    completed_at="2026-11-28T09:00:00+00:00",
    refused="it shrank",
    accepted=AcceptedShrink(since=AT - 1, by="Ada", at="2026-11-28T08:00:00+00:00"),
    asked=QUESTION,
    unchecked="Catalog was down",
)


def pushed(output, source_id=SOURCE, *, done=True, **changes):
    snapshot = make_snapshot(output, rows=LEAST, **changes)
    record = PushRecord.of(snapshot, source_id)
    write(record_path(snapshot, source_id), record.completed(NOW) if done else record)
    return snapshot


def found_from(snapshot):
    found = newest_completed(snapshot, SOURCE)
    return (found[1].workspace, found[1].timestamp) if found else None


def test_what_is_written_is_read_again_to_the_last_word(tmp_path):
    write(tmp_path / "record", FULL)
    assert read(tmp_path / "record") == FULL
    none = dict.fromkeys(("completed_at", "refused", "accepted", "asked", "unchecked"))
    write(tmp_path / "record", replace(FULL, **none))
    assert read(tmp_path / "record") == replace(FULL, **none)


def test_there_may_be_no_record(tmp_path):
    assert read(tmp_path / "record") is None


@pytest.mark.parametrize("word", ["refused", "accepted", "asked", "unchecked"])
def test_a_record_of_an_earlier_release_lacks_the_newer_words(tmp_path, word):
    (tmp_path / "record").write_text(json.dumps({k: v for k, v in FULL.to_json().items() if k != word}))
    assert read(tmp_path / "record") == replace(FULL, **{word: None})


@pytest.mark.parametrize(
    "odd",
    [
        {"source_id": 1},
        {"workspace": None},
        {"host": 1},
        {"refused": 1},
        {"unchecked": ["down"]},
        {"rows": {"report": -1}},
        {"rows": {"report": 10**30}},
        {"timestamp": 0},
        {"completed_at": "yesterday"},
        {"asked": {"why": "it shrank", "until": "2026-11-28T10:00:00"}},
        {"files": {"a.json": {"sha256": "aa", "state": "lost"}}},
        {"files": {"a.json": {"sha256": 1, "state": "stored"}}},
    ],
    ids=lambda odd: json.dumps(odd)[:40],
)
def test_an_odd_word_is_a_damaged_record(tmp_path, odd):
    (tmp_path / "record").write_text(json.dumps(FULL.to_json() | odd))
    with pytest.raises(SnapshotAlteredError, match="cannot be read"):
        read(tmp_path / "record")


def test_no_row_at_all_is_a_number_of_rows(tmp_path):
    write(tmp_path / "record", replace(FULL, rows={"report": 0}))
    assert read(tmp_path / "record").rows == {"report": 0}


def test_a_record_of_a_newer_release_asks_for_it(tmp_path):
    (tmp_path / "record").write_text(json.dumps(FULL.to_json() | {"format_version": 2}))
    with pytest.raises(SnapshotError, match=r"format version 2.*Upgrade") as told:
        read(tmp_path / "record")
    assert not isinstance(told.value, SnapshotAlteredError)


def test_a_file_is_marked_and_forgotten(tmp_path):
    snapshot = make_snapshot(tmp_path, rows=LEAST)
    first, second = snapshot.manifest.files[:2]
    record = PushRecord.of(snapshot, SOURCE)
    assert record.state(first) is None
    record = record.marked(first, "attempted").marked(second, "stored")
    assert (record.state(first), record.state(second)) == ("attempted", "stored")
    record = record.marked(first, None)
    assert (record.state(first), record.state(second)) == (None, "stored")
    with pytest.raises(SnapshotAlteredError, match="is not the file that was uploaded"):
        record.state(replace(second, sha256="0" * 64))


def test_what_is_completed_is_neither_refused_nor_asked_about_any_more():
    done = FULL.completed(datetime(2026, 11, 28, 12, tzinfo=UTC))
    assert done == replace(FULL, completed_at=done.completed_at, refused=None, asked=None)
    assert datetime.fromisoformat(done.completed_at) == datetime(2026, 11, 28, 12, tzinfo=UTC)


OPEN = replace(FULL, completed_at=None, refused=None)


def test_a_question_that_nobody_said_yes_to_is_a_refusal(tmp_path):
    write(tmp_path / "record", OPEN)
    close_question(tmp_path / "record", "nobody answered")
    assert read(tmp_path / "record") == replace(OPEN, asked=None, refused="nobody answered")


@pytest.mark.parametrize("record", [None, replace(OPEN, asked=None), FULL], ids=["none", "unasked", "pushed"])
def test_where_no_question_is_open_nothing_is_refused(tmp_path, record):
    if record is not None:
        write(tmp_path / "record", record)
    close_question(tmp_path / "record", "nobody answered")
    assert read(tmp_path / "record") == record


def test_the_newest_finished_push_to_the_source_is_found_in_all_workspaces_of_the_folder(tmp_path):
    new = make_snapshot(tmp_path, rows=LEAST, at=AT + 50)
    assert found_from(new) is None
    pushed(tmp_path, at=AT + 1)
    pushed(tmp_path, at=AT + 3, done=False)
    pushed(tmp_path, OTHER_SOURCE, at=AT + 4)
    (tmp_path / "acme" / "notes").mkdir()
    assert found_from(new) == ("acme", AT + 1)
    pushed(tmp_path, at=AT + 2, workspace="other")
    assert found_from(new) == ("other", AT + 2)


def test_a_folder_that_names_the_host_is_a_workspace_of_its_own(tmp_path):
    pushed(tmp_path, at=AT + 1, workspace="other")
    made = make_snapshot(tmp_path, rows=LEAST, at=AT + 2)
    (tmp_path / "acme").rename(tmp_path / "acme@private.example")
    home = tmp_path / "acme@private.example"
    moved = open_snapshot(home / str(AT + 2) / f"{AT + 2}.manifest")
    assert moved.manifest == made.manifest
    assert found_from(moved) == ("other", AT + 1)


def test_folders_around_a_renamed_one_are_none_of_ours(tmp_path):
    pushed(tmp_path, at=AT + 3, workspace="other")
    pushed(tmp_path, at=AT + 1)
    make_snapshot(tmp_path, rows=LEAST, at=AT + 2)
    (tmp_path / "acme").rename(tmp_path / "renamed")
    renamed = open_snapshot(tmp_path / "renamed" / str(AT + 2) / f"{AT + 2}.manifest")
    assert found_from(renamed) == ("acme", AT + 1)


def test_from_a_flat_folder_none_but_it_is_looked_through(tmp_path):
    """Its name may be a workspace's by chance."""
    pushed(tmp_path, at=AT + 3, workspace="other")
    flat = make_snapshot(tmp_path / "acme", rows=LEAST, at=AT + 2, flat=True)
    assert found_from(flat) is None
    pushed(tmp_path / "acme", at=AT + 1, flat=True)
    assert found_from(flat) == ("acme", AT + 1)


def test_a_folder_of_somebody_else_is_passed_by(tmp_path, monkeypatch):
    new = make_snapshot(tmp_path, rows=LEAST, at=AT + 2)
    pushed(tmp_path, at=AT + 1)
    (tmp_path / "somebody").mkdir()
    real = push_record.entries

    def refusing(directory):
        if directory.name == "somebody":
            raise PermissionError(errno.EACCES, "no")
        return real(directory)

    monkeypatch.setattr(push_record, "entries", refusing)
    assert found_from(new) == ("acme", AT + 1)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, ConfigurationError),
        (errno.EPERM, ConfigurationError),
        (errno.EISDIR, ConfigurationError),
        (errno.ENOTDIR, ConfigurationError),
        (errno.EROFS, ConfigurationError),
        (errno.ENOSPC, ModeCatalogError),
        (errno.EIO, ModeCatalogError),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_a_place_that_may_not_be_written_to_is_a_lasting_fault_and_a_full_one_is_not(
    tmp_path, monkeypatch, number, kind
):
    def failing(path):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(push_record, "OutputFile", failing)
    with pytest.raises(ModeCatalogError, match="cannot be written") as told:
        write(tmp_path / "record", FULL)
    assert type(told.value) is kind
