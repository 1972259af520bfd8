"""An extraction that died and the one that goes on: what is asked for again, and what must not be mixed."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.extract import unfinished
from mode_catalog_provider.extract.capture import CaptureResult
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.snapshot.layout import Layout, entries
from mode_catalog_provider.snapshot.reader import newest_snapshot, open_snapshot, verify
from mode_catalog_provider.snapshot.retention import prune
from mode_catalog_provider.storage import StoragePath
from tests.integration import incremental_cases
from tests.integration.command_line import CommandLine
from tests.integration.incremental_cases import Editing, asked, contents, running, take
from tests.sandbox import Sandbox, WorkspaceShape
from tests.sandbox.objects import Report

SHAPE = WorkspaceShape(collections=4, reports=24, members=8, datasets=4, nasty=False, sql_bytes=80)
LARGE = WorkspaceShape(collections=6, reports=280, queries=300, members=20, nasty=False, sql_bytes=80)
QUERIES = "*/reports/*/queries"

#: Reports that are read before an extraction dies.
READ = 16


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(SHAPE) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def few_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this process; a command that runs by itself gathers as many as always."""
    monkeypatch.setattr(unfinished, "TOGETHER", 6)


@pytest.fixture
def layout(sandbox: Sandbox, tmp_path: Path) -> Layout:
    return Layout.nested(tmp_path, sandbox.mode.workspace)


def reports_of(sandbox: Sandbox) -> list[Report]:
    world = sandbox.mode.world
    return [one for space in world.collections if not space.personal for one in world.reports_in(space)]


def whole(sandbox: Sandbox, layout: Layout, **options: Any) -> CaptureResult:
    return take(sandbox, layout, **{"incremental": False, **options})


def die(sandbox: Sandbox, layout: Layout, **options: Any) -> list[str]:
    """Let an extraction die of a refusal that it does not understand; return the reports it had read."""
    fault = sandbox.mode.fault(QUERIES, status=400, nth=READ + 1)
    before = len(sandbox.mode.requests)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1, **options)
    assert fault.fired
    answered = [one for one in sandbox.mode.requests[before:] if one.status == 200]
    return reports_in(one.path for one in answered)


def reports_in(paths: Iterable[str]) -> list[str]:
    """The reports of which these paths are the queries."""
    return [path.split("/")[4] for path in paths if "/reports/" in path and path.endswith("/queries")]


def go_on(sandbox: Sandbox, layout: Layout, **options: Any) -> tuple[CaptureResult, list[str]]:
    """The snapshot that is made next, and the reports that were asked for."""
    before = len(sandbox.mode.requests)
    result = whole(sandbox, layout, **options)
    return result, reports_in(one.path for one in sandbox.mode.requests[before:])


def from_zero(sandbox: Sandbox, tmp_path: Path, **options: Any) -> CaptureResult:
    return whole(sandbox, Layout.nested(tmp_path / "zero", "acme"), **options)


def spool(layout: Layout) -> list[StoragePath]:
    return [path for _, path in sorted(entries(layout.home / unfinished.FOLDER).items())]


# -- what is asked for ---------------------------------------------------------------------------------------


def test_only_what_was_not_read_yet_is_asked_for(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    read = die(sandbox, layout)
    assert len(read) == READ
    result, reports = go_on(sandbox, layout)
    assert not set(reports) & set(read)
    assert len(reports) == len(reports_of(sandbox)) - READ
    assert contents(result) == contents(from_zero(sandbox, tmp_path))
    verify(open_snapshot(result.manifest_path))
    resumed = result.manifest.reuse["resumed"]
    assert {name: resumed[name] for name in ("reports", "members", "changed")} == {
        "reports": READ,
        "members": 0,
        "changed": 0,
    }
    assert f"{resumed['queries']} queries of {READ} of its reports" in caplog.text
    assert resumed["begun"] <= resumed["last_read"] <= result.manifest.started_at


def test_a_whole_snapshot_leaves_nothing_to_go_on_from(sandbox: Sandbox, layout: Layout) -> None:
    die(sandbox, layout)
    assert spool(layout)
    go_on(sandbox, layout)
    assert not (layout.home / unfinished.FOLDER).exists()
    result, reports = go_on(sandbox, layout)
    assert len(reports) == len(reports_of(sandbox))
    assert result.manifest.reuse == {}


def test_an_extraction_may_die_many_times(sandbox: Sandbox, layout: Layout, tmp_path: Path) -> None:
    first = die(sandbox, layout)
    sandbox.mode.fault(QUERIES, status=400, nth=5)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1)
    result, reports = go_on(sandbox, layout)
    assert len(reports) == len(reports_of(sandbox)) - len(first) - 4
    assert contents(result) == contents(from_zero(sandbox, tmp_path))


def test_profiles_that_were_read_are_not_asked_for_again(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    sandbox.mode.fault("/api/person*", status=400, nth=7)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1)
    before = len(asked(sandbox, "/api/person"))
    result, reports = go_on(sandbox, layout)
    assert (len(asked(sandbox, "/api/person")) - before, reports) == (2, [])
    assert result.manifest.reuse["resumed"]["members"] == 6
    assert contents(result) == contents(from_zero(sandbox, tmp_path))


@pytest.mark.parametrize("strategy", ["auto", "hybrid"])
def test_where_bulk_is_open_only_what_rest_was_asked_for_is_taken(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, strategy: str
) -> None:
    sandbox.mode.fault("/api/person*", status=400, nth=7)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1, strategy=strategy)
    before = len(asked(sandbox, "/batch/"))
    result, _ = go_on(sandbox, layout, strategy=strategy)
    assert result.manifest.strategy == "hybrid"
    assert len(asked(sandbox, "/batch/")) > before
    taken = result.manifest.reuse["resumed"]
    assert taken["members"] == 6
    assert taken["reports"] < len(reports_of(sandbox)) / 4
    assert contents(result) == contents(from_zero(sandbox, tmp_path, strategy="rest"))


def test_an_incremental_extraction_goes_on_as_well_and_notes_when_each_was_read(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    first = whole(sandbox, layout)
    edited = reports_of(sandbox)[:22]
    for report in edited:
        Editing(sandbox).saved(report)
    read = die(sandbox, layout, incremental=True)
    result, reports = go_on(sandbox, layout, incremental=True, day=0.5)
    assert len(reports) == len(edited) - len(read)
    assert result.manifest.reuse["snapshot"] == first.manifest.timestamp
    assert result.manifest.reuse["resumed"]["reports"] == len(read)
    assert contents(result) == contents(from_zero(sandbox, tmp_path))
    # Seven days later what was taken from the dead one is too old, and what was read then is not.
    _, again = go_on(sandbox, layout, incremental=True, day=7.25)
    assert set(again) == {one.token for one in reports_of(sandbox)} - set(reports)


# -- what changed meanwhile ----------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [one.__name__ for one in Editing.changes()])
def test_whatever_changed_meanwhile_shows_as_it_is_now(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, change: str
) -> None:
    read = die(sandbox, layout)
    editing = Editing(sandbox)
    for token in (read[0], read[8], read[-1]):
        report = sandbox.mode.world.report(token)
        if report is not None:
            getattr(editing, change)(report)
    result, _ = go_on(sandbox, layout)
    expected = from_zero(sandbox, tmp_path)
    assert contents(result) == contents(expected)
    assert result.manifest.left_out_counts == expected.manifest.left_out_counts


def test_a_report_that_was_edited_is_read_again_and_told(sandbox: Sandbox, layout: Layout) -> None:
    read = die(sandbox, layout)
    for token in read[:3]:
        Editing(sandbox).edit_sql(sandbox.mode.world.report(token))
    result, reports = go_on(sandbox, layout)
    assert set(read[:3]) <= set(reports)
    assert result.manifest.reuse["resumed"]["changed"] == 3


@pytest.mark.parametrize("order", [1, -1], ids=["later file last", "later file first"])
def test_of_a_report_that_changed_between_two_deaths_of_one_second_the_later_reading_counts(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    names = itertools.count(1 << 32, order)
    monkeypatch.setattr(unfinished.secrets, "token_hex", lambda size: f"{next(names):0{2 * size}x}")
    frozen = time.time()
    monkeypatch.setattr(incremental_cases.time, "time", lambda: frozen)
    read = die(sandbox, layout)
    report = sandbox.mode.world.report(read[0])
    Editing(sandbox).edit_sql(report)
    sandbox.mode.fault(QUERIES, status=400, nth=5)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1)
    result, reports = go_on(sandbox, layout)
    assert report.token not in reports
    assert result.manifest.reuse["resumed"]["changed"] == 0
    assert contents(result) == contents(from_zero(sandbox, tmp_path))


def test_a_definition_that_changed_makes_all_be_read_again(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    definition = sandbox.mode.world.add_definition("paid_orders", "select * from orders where paid")
    for report in reports_of(sandbox)[:8]:
        sandbox.mode.world.add_query(report, "select * from {{ @paid_orders as p }}")
    die(sandbox, layout, definitions="expand")
    result, reports = go_on(sandbox, layout, definitions="expand")
    assert len(reports) == len(reports_of(sandbox)) - READ
    zero = from_zero(sandbox, tmp_path, definitions="expand")
    assert contents(result) == contents(zero)
    assert result.manifest.figures["definitions"] == zero.manifest.figures["definitions"]
    die(sandbox, layout, definitions="expand")
    definition.source = "select 1"
    result, reports = go_on(sandbox, layout, definitions="expand")
    assert len(reports) == len(reports_of(sandbox))


def test_what_was_left_out_is_left_out_and_told_again(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    refused, tokenless, stranger, *_ = reports_of(sandbox)
    refused.refused = 403
    for report in (tokenless, stranger):
        sandbox.mode.world.add_query(report, "select 1")
    sandbox.mode.alter(
        f"reports/{tokenless.token}/queries",
        lambda answer: answer["_embedded"]["queries"][0].pop("token"),
        times=None,
    )
    sandbox.mode.alter(
        f"reports/{stranger.token}/queries",
        lambda answer: answer["_embedded"]["queries"][0].update(
            _links={"report": {"href": "/api/acme/reports/0123456789ab"}}
        ),
        times=None,
    )
    die(sandbox, layout)
    result, reports = go_on(sandbox, layout)
    expected = from_zero(sandbox, tmp_path)
    assert {refused.token, tokenless.token, stranger.token} <= set(reports)
    assert expected.manifest.left_out_counts["query"] == 2
    assert sorted(map(str, result.manifest.left_out)) == sorted(map(str, expected.manifest.left_out))
    assert contents(result) == contents(expected)


# -- what must not be mixed ----------------------------------------------------------------------------------


def assert_from_zero(sandbox: Sandbox, layout: Layout, **options: Any) -> None:
    result, reports = go_on(sandbox, layout, **options)
    assert len(reports) == len(set(reports))
    assert result.manifest.reuse == {}
    assert result.manifest.rows["query"] > 0
    assert not spool(layout)


@pytest.mark.parametrize(
    "options",
    [
        {"include_personal": True},
        {"include_archived": False},
        {"include_datasets": False},
        {"members": "lite"},
        {"definitions": "expand"},
        {"exclude_collections": ("nothing like it",)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_other_options_take_nothing(
    sandbox: Sandbox, layout: Layout, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    caplog.set_level(logging.INFO)
    die(sandbox, layout)
    assert_from_zero(sandbox, layout, **options)
    (line,) = (line for line in caplog.messages if "some is not used" in line)
    assert "with other options" in line


def test_another_way_to_read_the_same_takes_what_was_read(sandbox: Sandbox, layout: Layout) -> None:
    die(sandbox, layout)
    result, _ = go_on(sandbox, layout, strategy="auto", incremental=True, max_in_flight=4)
    assert result.manifest.reuse["resumed"]["reports"] > 0


def test_another_key_takes_nothing(sandbox: Sandbox, layout: Layout) -> None:
    die(sandbox, layout)
    sandbox.mode.rotate()
    assert_from_zero(sandbox, layout)


def test_after_a_rotation_midway_nothing_more_is_kept(
    sandbox: Sandbox, layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.mode.when(QUERIES, nth=10, do=sandbox.mode.rotate)
    die(sandbox, layout)
    assert "rotated meanwhile" in caplog.text
    assert_from_zero(sandbox, layout)


@pytest.mark.parametrize("other", ["workspace", "host", "key", "nothing"])
def test_only_the_same_key_of_the_same_workspace_and_host_takes_it(
    sandbox: Sandbox, layout: Layout, other: str
) -> None:
    die(sandbox, layout)
    sight = {"workspace": "acme", "host": sandbox.mode.url, "key": sandbox.mode.token}
    if other != "nothing":
        sight[other] = {"workspace": "other", "host": "http://127.0.0.1:9", "key": "0123456789ab"}[other]
    endpoint = ModeEndpoint(
        workspace=sight["workspace"],
        host=sight["host"],
        credentials=lambda: ModeCredentials(token=sight["key"], secret="s" * 24),
    )
    with (
        ModeClient(endpoint) as client,
        unfinished.Unfinished(
            layout=layout, client=client, options=ExtractionOptions(), run=1, now=time.time
        ) as left,
    ):
        assert bool(left.to_json()) is (other == "nothing")
    assert bool(spool(layout)) is (other == "nothing")


def test_another_version_of_the_package_takes_nothing(
    sandbox: Sandbox, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(sandbox, layout)
    monkeypatch.setattr(unfinished, "__version__", "99.0.0")
    assert_from_zero(sandbox, layout)


@pytest.mark.parametrize(("days", "taken"), [(0.9, READ), (1.01, 0), (-1, 0)])
def test_what_was_read_more_than_a_day_ago_or_in_a_time_to_come_is_not_taken(
    sandbox: Sandbox, layout: Layout, days: float, taken: int
) -> None:
    die(sandbox, layout)
    result, _ = go_on(sandbox, layout, day=days)
    assert result.manifest.reuse.get("resumed", {"reports": 0})["reports"] == taken


def test_a_shorter_full_refresh_after_counts_here_too(sandbox: Sandbox, layout: Layout) -> None:
    die(sandbox, layout)
    result, _ = go_on(sandbox, layout, day=0.1, full_refresh_after=timedelta(hours=1))
    assert result.manifest.reuse == {}


def test_what_a_finished_extraction_left_is_not_taken(sandbox: Sandbox, layout: Layout) -> None:
    die(sandbox, layout)
    kept = {path.name: path.read_bytes() for path in spool(layout)}
    go_on(sandbox, layout)
    folder = layout.home / unfinished.FOLDER
    folder.mkdir()
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    assert_from_zero(sandbox, layout)


def test_without_the_option_nothing_is_kept_and_nothing_taken(sandbox: Sandbox, layout: Layout) -> None:
    die(sandbox, layout, resume=False)
    assert not spool(layout)
    die(sandbox, layout)
    assert_from_zero(sandbox, layout, resume=False)


# -- damage --------------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_json(path: Path) -> None:
    path.write_bytes(b"\x00\xff\n" * 1000)


def nested_json(path: Path) -> None:
    path.write_bytes(b"[" * 200_000)


def no_identity(path: Path) -> None:
    path.write_bytes(b'{"format": 1, "identity": [], "sha256": null}\n')


def odd_salt(path: Path) -> None:
    path.write_bytes(b'{"format": 1, "identity": {"salt": "\\ud800"}, "sha256": null}\n')


def huge(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 33)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def half_written(path: Path) -> None:
    path.rename(path.with_name(path.name + ".partial"))


@pytest.mark.parametrize(
    "damage",
    [cut, flip, empty, no_json, nested_json, no_identity, odd_salt, huge, a_folder, half_written],
    ids=lambda damage: damage.__name__,
)
def test_what_is_damaged_is_passed_over_and_the_rest_is_taken(
    sandbox: Sandbox,
    layout: Layout,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    caplog.set_level(logging.INFO)
    die(sandbox, layout)
    first, *others = spool(layout)
    assert len(others) == 2
    damage(first)
    result, _ = go_on(sandbox, layout)
    assert result.manifest.reuse["resumed"]["reports"] in (READ - 6, READ - 4)
    assert contents(result) == contents(from_zero(sandbox, tmp_path))
    assert len([line for line in caplog.messages if "some is not used" in line]) == 1


def test_a_folder_that_may_not_be_read_or_written_ends_nothing(
    sandbox: Sandbox, layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    layout.home.mkdir(parents=True)
    (layout.home / unfinished.FOLDER).write_text("a file of somebody else")
    result, _ = go_on(sandbox, layout)
    assert newest_snapshot(layout).manifest == result.manifest
    assert len([line for line in caplog.messages if "must be read again" in line]) == 1


def test_nothing_is_written_through_a_link(sandbox: Sandbox, layout: Layout, tmp_path: Path) -> None:
    layout.home.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (layout.home / unfinished.FOLDER).symlink_to(tmp_path / "elsewhere")
    die(sandbox, layout)
    assert not list((tmp_path / "elsewhere").iterdir())
    go_on(sandbox, layout)


def test_a_disk_that_is_full_ends_only_the_keeping(
    sandbox: Sandbox, layout: Layout, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(unfinished.OutputFile):
        def write(self, content: bytes) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(unfinished, "OutputFile", Full)
    whole(sandbox, layout)
    (line,) = (line for line in caplog.messages if "must be read again" in line)
    assert "No space left" in line


def test_there_is_an_end_to_what_is_kept(
    sandbox: Sandbox, layout: Layout, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    die(sandbox, layout)
    largest = max(len(path.read_bytes()) for path in spool(layout))
    (layout.home / unfinished.FOLDER).rename(layout.home / "away")
    monkeypatch.setattr(unfinished, "MOST", int(largest * 1.3))
    die(sandbox, layout)
    assert len(spool(layout)) == 1
    assert "MB are kept already" in caplog.text


# -- what others see of it -----------------------------------------------------------------------------------


def test_what_is_kept_is_private_has_no_secret_and_is_no_snapshot(sandbox: Sandbox, layout: Layout) -> None:
    finished = whole(sandbox, layout)
    die(sandbox, layout)
    folder = layout.home / unfinished.FOLDER
    assert stat.S_IMODE(folder.stat().st_mode) & 0o007 == 0
    for path in spool(layout):
        content = path.read_bytes()
        assert sandbox.mode.secret.encode() not in content
        assert sandbox.mode.token.encode() not in content
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    assert newest_snapshot(layout).manifest == finished.manifest
    assert layout.timestamps() == {finished.manifest.timestamp}
    prune(layout, 1)
    assert spool(layout)


def test_a_file_of_somebody_else_in_the_folder_stays(sandbox: Sandbox, layout: Layout) -> None:
    die(sandbox, layout)
    (layout.home / unfinished.FOLDER / "README").write_text("mine")
    go_on(sandbox, layout)
    assert [path.name for path in spool(layout)] == ["README"]


def test_two_at_once_disturb_neither(sandbox: Sandbox, layout: Layout, tmp_path: Path) -> None:
    done: list[CaptureResult] = []
    # Without a lock: the second runs from end to end while the first is under way.
    sandbox.mode.when(QUERIES, nth=15, do=lambda: done.append(whole(sandbox, layout)))
    result = whole(sandbox, layout)
    assert len(done) == 1
    expected = contents(from_zero(sandbox, tmp_path))
    assert contents(done[0]) == contents(result) == expected


def test_in_an_object_store_another_machine_goes_on(
    sandbox: Sandbox, s3_folder: StoragePath, tmp_path: Path
) -> None:
    layout = Layout.nested(s3_folder, "acme")
    read = die(sandbox, layout)
    result, reports = go_on(sandbox, layout)
    assert not set(reports) & set(read)
    assert contents(result) == contents(from_zero(sandbox, tmp_path))
    assert not spool(layout)


# -- a real kill ---------------------------------------------------------------------------------------------


@pytest.fixture
def large() -> Iterator[Sandbox]:
    with running(LARGE) as sandbox:
        yield sandbox


def kill(sandbox: Sandbox, folder: Path) -> None:
    """Kill the command with SIGKILL when it has asked for the queries of 250 reports."""
    mode_catalog = CommandLine(sandbox)
    with subprocess.Popen(
        mode_catalog.command("extract", "-o", folder, "--strategy", "rest"),
        env=mode_catalog.environment,
        stderr=subprocess.DEVNULL,
    ) as child:
        sandbox.mode.when(QUERIES, nth=250, do=lambda: os.kill(child.pid, signal.SIGKILL))
        assert child.wait(120) == -signal.SIGKILL


def test_a_command_that_was_killed_goes_on_where_it_was(large: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    kill(large, folder)
    # What the killed one had gathered and not yet written is lost.
    assert len(list((folder / unfinished.FOLDER).glob("*.segment"))) == 2
    mode_catalog = CommandLine(large)
    done = mode_catalog.json("extract", "-o", folder, "--strategy", "rest")
    zero = mode_catalog.json("extract", "-o", tmp_path / "zero", "--strategy", "rest")
    assert zero["requests"] - done["requests"] == 200
    resumed = json.loads(Path(done["manifest"]).read_text())["reuse"]["resumed"]
    assert resumed["reports"] + resumed["members"] == 200
    for asset in DATA_ASSETS:
        ((one,), (other,)) = (list(at.glob(f"*-{asset}.json")) for at in (folder, tmp_path / "zero"))
        assert one.read_bytes() == other.read_bytes()
    assert not (folder / unfinished.FOLDER).exists()


def test_a_killed_command_leaves_no_upload_and_the_next_begins_at_zero_if_told_so(
    large: Sandbox, tmp_path: Path
) -> None:
    kill(large, tmp_path)
    mode_catalog = CommandLine(large)
    assert mode_catalog("upload", "-d", tmp_path).returncode != 0
    assert not large.catalog.uploads
    done = mode_catalog.json("extract", "-o", tmp_path, "--strategy", "rest", "--no-resume")
    assert json.loads(Path(done["manifest"]).read_text())["reuse"] == {}
    assert not (tmp_path / unfinished.FOLDER).exists()
