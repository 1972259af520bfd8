"""What an extraction must not take from one that died."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

import pytest

from mode_catalog_provider.extract import unfinished
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.resume.cases import (
    QUERIES,
    READ,
    assert_from_zero,
    die,
    go_on,
    spool,
)
from tests.sandbox import Sandbox


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
