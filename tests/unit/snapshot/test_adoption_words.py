"""What is told of a folder that is adopted, or why it is none."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import pytest

from mode_catalog_provider import __version__
from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.errors import ModeCatalogError, SnapshotAlteredError
from mode_catalog_provider.snapshot.layout import Layout, claim_name, data_file, manifest_name
from mode_catalog_provider.snapshot.manifest import FileEntry, Manifest
from mode_catalog_provider.snapshot.reader import adopt_directory
from tests.unit.snapshot.sets import AT, HOST, ROWS, lay, vendor_files, write_set


def refusal(folder: Path) -> str:
    with pytest.raises(ModeCatalogError) as raised:
        adopt_directory(folder)
    return str(raised.value)


def test_the_manifest_of_an_adopted_set_says_no_more_than_its_files_do(tmp_path: Path) -> None:
    files = vendor_files()
    at = "2023-11-14T22:13:20+00:00"
    rows: dict[str, int | None] = {asset: sum(name == asset for name, _ in ROWS) for asset in DATA_ASSETS}
    assert adopt_directory(lay(tmp_path, files)).manifest == Manifest(
        timestamp=AT,
        workspace="acme",
        host=HOST,
        provider_version="0.26.131",
        started_at=at,
        finished_at=at,
        strategy="adopted",
        options={},
        files=tuple(
            FileEntry(
                asset,
                data_file(AT, asset),
                len(files[data_file(AT, asset)]),
                rows.get(asset),
                hashlib.sha256(files[data_file(AT, asset)]).hexdigest(),
            )
            for asset in (*DATA_ASSETS, SUMMARY)
        ),
        filtered={},
        figures={},
    )


def test_half_a_set_is_told_with_all_earlier_ones_the_newest_first(tmp_path: Path) -> None:
    newest, middle = vendor_files(AT + 2), vendor_files(AT + 1)
    del newest[data_file(AT + 2, "member")]
    for asset in ("query", SUMMARY):
        del middle[data_file(AT + 1, asset)]
    lay(tmp_path, {**vendor_files(), **middle, **newest})
    assert refusal(tmp_path) == (
        f"{tmp_path} holds half a set: {AT + 2}-member.json missing. The extraction failed or still runs. "
        f"Earlier sets: {AT + 1} (without query, summary), {AT} (complete)."
    )


def test_half_a_set_alone_is_told_without_earlier_ones(tmp_path: Path) -> None:
    files = vendor_files()
    del files[data_file(AT, "report")]
    assert refusal(lay(tmp_path, files)) == (
        f"{tmp_path} holds half a set: {AT}-report.json missing. The extraction failed or still runs."
    )


def test_of_several_sets_the_newest_is_taken_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert adopt_directory(lay(tmp_path, vendor_files())).ignored == ()
    assert caplog.messages == []
    later = adopt_directory(lay(tmp_path, vendor_files(AT + 1)))
    assert later.manifest.timestamp == AT + 1
    assert later.ignored == tuple(sorted(vendor_files()))
    assert caplog.messages == [
        f"{tmp_path} holds several sets; the newest, {AT + 1}, is taken. Earlier sets: {AT} (complete)."
    ]


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([], ""),
        (["report.json"], "; it holds report.json"),
        (list("fedcba"), "; it holds a, b, c, d, e, and 1 more"),
    ],
)
def test_a_folder_without_a_set_is_told_with_what_it_holds(
    tmp_path: Path, others: list[str], told: str
) -> None:
    lay(tmp_path, dict.fromkeys(others, b""))
    assert refusal(tmp_path) == f"{tmp_path} holds no file named like 1700000000-report.json{told}."


def test_a_set_at_work_one_with_a_manifest_and_one_that_lost_it_are_told_apart(tmp_path: Path) -> None:
    for timestamp in (AT, AT + 1):
        write_set(Layout.flat(tmp_path), timestamp)
    assert refusal(tmp_path) == f"{tmp_path} has a manifest, {AT + 1}.manifest: open that one."
    for timestamp in (AT, AT + 1):
        (tmp_path / manifest_name(timestamp)).unlink()
    assert refusal(tmp_path) == (
        f"The files in {tmp_path} were written by mode-catalog-provider, but their manifest "
        f"({AT + 1}.manifest) is not there. Keep it beside them, or extract again."
    )
    marks = [f"{data_file(AT, 'query')}.partial", claim_name(AT)]
    lay(tmp_path, dict.fromkeys([*marks, "notes.partial"], b""))
    assert refusal(tmp_path) == (
        f"{tmp_path} looks half-written: {', '.join(sorted(marks))} says that an extraction is still at work "
        "there or was killed. Extract again."
    )


@pytest.mark.parametrize("key", ["version", "client_name"])
def test_a_summary_that_names_this_package_is_ours(tmp_path: Path, key: str) -> None:
    files = vendor_files()
    summary = {**json.loads(files[data_file(AT, SUMMARY)]), key: f"x mode-catalog-provider.{__version__}"}
    files[data_file(AT, SUMMARY)] = json.dumps(summary).encode()
    assert "were written by mode-catalog-provider" in refusal(lay(tmp_path, files))


@pytest.mark.parametrize(
    "address",
    [
        "ftp://mode.example/acme",
        "https:///acme",
        "https:////acme",
        "https://mode.example/",
        "acme",
        "/acme",
        7,
    ],
)
def test_what_is_no_address_of_a_workspace_names_none(tmp_path: Path, address: object) -> None:
    files = vendor_files()
    files[data_file(AT, SUMMARY)] = json.dumps({"connection_identity": {"base_url": address}}).encode()
    manifest = adopt_directory(lay(tmp_path, files)).manifest
    assert (manifest.host, manifest.workspace) == ("", "")


def test_a_summary_may_have_a_megabyte_and_no_more(tmp_path: Path) -> None:
    name = data_file(AT, SUMMARY)
    longest = b"{}".ljust(1 << 20)
    adopted = adopt_directory(lay(tmp_path, {**vendor_files(), name: longest}))
    assert adopted.manifest.files[-1].bytes == 1 << 20
    lay(tmp_path, {name: longest + b" "})
    with pytest.raises(SnapshotAlteredError) as raised:
        adopt_directory(tmp_path)
    assert (
        str(raised.value) == f"{tmp_path / name} is not a whole summary file (it is too long). Extract again."
    )
