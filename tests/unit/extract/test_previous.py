"""What a snapshot tells the next extraction, and when it must not be believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mode_catalog_provider import __version__
from mode_catalog_provider.extract.carried_over import CarriedOver
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.previous import NoPrevious, PreviousSnapshot, open_previous
from mode_catalog_provider.extract.unfinished import Unfinished
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.snapshot import writer as writer_module
from mode_catalog_provider.snapshot.layout import (
    Layout,
    data_file,
    manifest_name,
    parse_data_file,
    readings_name,
)
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import open_snapshot, verify
from tests.unit.snapshot.sets import (
    AT,
    HOST,
    ROWS,
    WORKSPACE,
    finish,
    lay,
    new_writer,
    row_of,
    vendor_files,
    write_set,
)

DAY = 86_400
NASTY_TOKEN = 'r "\\\n\ud800é'
QUERIES = [
    ("query", row_of("query", "q1", raw_query="select 1", report_token="r1")),
    ("query", row_of("query", "q2", id=2, raw_query="sélect 2\u2028", report_token="r2")),
    ("query", row_of("query", "q3", report_token=NASTY_TOKEN)),
]
READINGS = [
    ("report", "r1", "mark-1", AT),
    ("report", "r2", "mark-2", AT - 2 * DAY),
    ("report", NASTY_TOKEN, "mark-3", AT),
    ("member", "m1", "mark-4", AT),
    ("member", "nobody", "mark-5", AT),
]


def write(
    layout: Layout, timestamp: int = AT, readings: list[tuple[str, str, str, int]] = READINGS
) -> Manifest:
    with new_writer(layout, timestamp) as writer:
        for asset, row in [*(pair for pair in ROWS if pair[0] != "query"), *QUERIES]:
            writer.add(asset, row)
        for reading in readings:
            writer.note_reading(*reading)
        return finish(writer)[0]


def nothing_unfinished(layout: Layout) -> Unfinished:
    def credentials() -> ModeCredentials:
        return ModeCredentials(token="0123456789ab", secret="of nobody")

    client = ModeClient(ModeEndpoint(workspace=WORKSPACE, host=HOST, credentials=credentials))
    return Unfinished(
        layout=layout, client=client, options=ExtractionOptions(resume=False), run=AT, now=lambda: AT
    )


def reopen(layout: Layout, *, after: float = 0, **changes: Any) -> PreviousSnapshot | NoPrevious:
    settings = {"workspace": WORKSPACE, "host": HOST, "max_age": timedelta(days=7), **changes}
    return open_previous(layout, now=lambda: AT + after, **settings)


# -- what is remembered --------------------------------------------------------------------------------------


def test_readings_lie_beside_the_manifest_and_are_named_in_it_with_their_hash(layout: Layout) -> None:
    manifest = write(layout)
    entry = manifest.readings
    assert entry is not None
    assert (entry.name, entry.rows) == (readings_name(AT), len(READINGS))
    content = (layout.directory(AT) / entry.name).read_text()
    assert sorted(map(tuple, map(json.loads, content.splitlines()))) == sorted(READINGS)
    assert entry.bytes / len(READINGS) < 60
    assert open_snapshot(layout.directory(AT) / manifest_name(AT)).manifest == manifest


def test_no_directory_upload_takes_the_readings_for_data() -> None:
    assert not readings_name(AT).endswith((".json", ".csv"))
    assert parse_data_file(readings_name(AT)) is None


def test_a_snapshot_without_its_readings_can_still_be_uploaded(layout: Layout) -> None:
    write(layout)
    (layout.directory(AT) / readings_name(AT)).unlink()
    verify(open_snapshot(layout.directory(AT) / manifest_name(AT)))


def test_an_object_is_known_while_its_mark_is_the_same(layout: Layout) -> None:
    write(layout)
    with reopen(layout) as previous:
        assert previous.timestamp == AT
        assert previous.recall("report", "r1", "mark-1") == (AT, None)
        assert previous.recall("report", "r1", "another mark") is None
        assert previous.recall("report", "m1", "mark-4") is None
        assert previous.recall("report", "unheard of", "mark-1") is None


def test_the_queries_of_recalled_reports_come_back_as_they_were(layout: Layout) -> None:
    write(layout)
    with reopen(layout) as previous:
        assert list(previous.queries()) == []
        previous.recall("report", "r2", "mark-2")
        previous.recall("report", NASTY_TOKEN, "mark-3")
        previous.recall("report", "r1", "changed")
        for _ in range(2):
            assert list(previous.queries()) == [QUERIES[1][1], QUERIES[2][1]]


def test_a_member_comes_back_with_its_whole_row(layout: Layout) -> None:
    write(layout)
    (row,) = (row for asset, row in ROWS if asset == "member" and row["token"] == "m1")
    with reopen(layout) as previous:
        assert previous.recall("member", "m1", "mark-4") == (AT, row)
        assert previous.recall("member", "m2", "mark-4") is None


def test_a_reading_is_forgotten_when_it_is_as_old_as_allowed(layout: Layout) -> None:
    write(layout)
    with reopen(layout, after=5 * DAY - 1) as previous:
        assert previous.recall("report", "r2", "mark-2")
    with reopen(layout, after=5 * DAY) as previous:
        assert previous.recall("report", "r2", "mark-2") is None
        assert previous.recall("report", "r1", "mark-1")


def test_a_recalled_reading_keeps_its_time_and_a_new_one_gets_the_present(layout: Layout) -> None:
    write(layout)
    with (
        reopen(layout) as previous,
        new_writer(layout, AT + DAY) as writer,
        nothing_unfinished(layout) as unfinished,
    ):
        carried = CarriedOver(
            writer=writer, previous=previous, unfinished=unfinished, now=lambda: AT + DAY + 0.9
        )
        assert carried.has_queries("r2", "mark-2")
        assert carried.member("m1", "mark-4")
        assert carried.member("nobody", "mark-5") is None  # has no row
        assert not carried.has_queries("r1", None)
        carried.note("report", "r1", "new mark")
        carried.note("report", "r4", None)
        for row in carried.queries():
            writer.add("query", row)
        manifest = finish(writer, reuse=carried.to_json())[0]
    assert manifest.reuse == {
        "snapshot": AT,
        "full_because": None,
        "reports": 1,
        "queries": 1,
        "members": 1,
    }
    lines = (layout.directory(AT + DAY) / readings_name(AT + DAY)).read_text().splitlines()
    assert sorted(map(tuple, map(json.loads, lines))) == [
        ("member", "m1", "mark-4", AT),
        ("report", "r1", "new mark", AT + DAY),
        ("report", "r2", "mark-2", AT - 2 * DAY),
    ]


def test_the_reports_of_a_collection_are_known_without_its_datasets(layout: Layout) -> None:
    with new_writer(layout) as writer:
        writer.add("report", row_of("report", "r1", space_token="c1"))
        writer.add("report", row_of("report", "r2", space_token="c1", type="Report"))
        for collection in ("c1", "c2"):
            dataset = row_of("report", f"d of {collection}", space_token=collection, type="DatasetReport")
            writer.add("report", dataset)
        writer.note_reading(*READINGS[0])
        finish(writer)
    with reopen(layout) as previous:
        assert previous.reports_of("c1") == {"r1", "r2"}
        assert previous.reports_of("c2") is None


def test_the_newest_complete_snapshot_is_the_one(layout: Layout) -> None:
    write(layout)
    write(layout, AT + 60, [("report", "r1", "newer", AT + 60)])
    with reopen(layout, after=120) as previous:
        assert previous.timestamp == AT + 60
        assert previous.recall("report", "r1", "newer")
    (layout.directory(AT + 60) / manifest_name(AT + 60)).unlink()
    with reopen(layout, after=120) as previous:
        assert previous.timestamp == AT


def test_nothing_is_missed_when_the_snapshot_goes_after_it_was_opened(layout: Layout) -> None:
    manifest = write(layout)
    with reopen(layout) as previous:
        for entry in manifest.files:
            (layout.directory(AT) / entry.name).unlink()
        previous.recall("report", "r1", "mark-1")
        assert list(previous.queries()) == [QUERIES[0][1]]


# -- when it must not be believed ----------------------------------------------------------------------------


def refusal(layout: Layout, **changes: Any) -> str:
    with reopen(layout, **changes) as previous:
        assert isinstance(previous, NoPrevious)
        assert previous.recall("report", "r1", "mark-1") is None
        assert list(previous.queries()) == []
        assert previous.because is not None
        return previous.because


def test_without_a_snapshot_there_is_nothing_to_reuse(layout: Layout) -> None:
    assert "no earlier snapshot" in refusal(layout)


def test_files_of_the_vendors_tool_are_nothing_to_reuse(layout: Layout) -> None:
    lay(layout.directory(AT), vendor_files())
    assert "no earlier snapshot with a manifest" in refusal(layout)


@pytest.mark.parametrize("change", [{"workspace": "other"}, {"host": "https://app.mode.com"}])
def test_a_snapshot_of_another_workspace_or_host_is_not_reused(
    layout: Layout, change: dict[str, str]
) -> None:
    write(layout)
    assert f"is of {HOST}/{WORKSPACE}" in refusal(layout, **change)


def test_a_slash_at_the_end_does_not_make_another_host(layout: Layout) -> None:
    write(layout)
    with reopen(layout, host=f"{HOST}/") as previous:
        assert previous.because is None


def test_a_snapshot_of_which_all_was_read_too_long_ago_is_not_reused(layout: Layout) -> None:
    write(layout)
    assert "read less than 1 week ago" in refusal(layout, after=7 * DAY)


def test_a_snapshot_that_another_version_wrote_is_not_reused(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "__version__", "0.0.1")
    write(layout)
    monkeypatch.undo()
    assert __version__ != "0.0.1"
    assert "version 0.0.1" in refusal(layout)


def test_a_snapshot_that_does_not_say_when_it_was_read_is_not_reused(layout: Layout) -> None:
    write(layout, readings=[])
    assert "does not say when" in refusal(layout)


def test_a_manifest_of_another_format_is_passed_over_loudly(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    write(layout)
    path = layout.directory(AT) / manifest_name(AT)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "format_version": 2}))
    assert "no earlier snapshot" in refusal(layout)
    assert "format version 2" in caplog.text


def test_a_damaged_snapshot_is_passed_over_for_the_one_before(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    write(layout)
    write_set(layout, AT + 1)
    (layout.directory(AT + 1) / manifest_name(AT + 1)).write_text("{")
    with reopen(layout) as previous:
        assert previous.timestamp == AT
    assert f"{AT + 1}.manifest" in caplog.text


def alter(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "change", [alter, lambda content: content[:-2], lambda _: None], ids=["altered", "cut off", "missing"]
)
@pytest.mark.parametrize(
    "name", [readings_name(AT), data_file(AT, "query"), data_file(AT, "member"), manifest_name(AT)]
)
def test_a_file_that_is_not_the_one_that_was_written_is_not_reused(
    layout: Layout, name: str, change: Callable[[bytes], bytes | None]
) -> None:
    write(layout)
    path = layout.directory(AT) / name
    content = change(path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert refusal(layout)
