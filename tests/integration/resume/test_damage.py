"""What was kept and is damaged, and disks that do not keep it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from mode_catalog_provider.extract import unfinished
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import newest_snapshot
from tests.integration.incremental_cases import contents
from tests.integration.resume.cases import (
    READ,
    die,
    from_zero,
    go_on,
    spool,
    whole,
)
from tests.sandbox import Sandbox


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
