from __future__ import annotations

from pathlib import Path

import pytest
from upath import UPath

from mode_catalog_provider.contract import DATA_ASSETS, KEYS, contract_row
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.snapshot.layout import (
    Layout,
    StoragePath,
    claim_name,
    data_file,
    entries,
    facts_name,
    manifest_name,
    parse_data_file,
    parse_directory_name,
    parse_manifest_name,
    parse_push_record_name,
    push_record_name,
    readings_name,
    timestamp_of,
)

SOURCE = "0b5dd3a6-9a33-4d8e-a27c-6d6a0f7f1f4e"


def test_a_row_has_every_key_of_the_contract_in_order_and_no_other() -> None:
    row = contract_row("query", {"report_token": "r", "token": "q", "explorations": [], "id": 1})
    assert list(row.items()) == [
        ("id", 1),
        ("token", "q"),
        ("name", None),
        ("data_source_id", None),
        ("raw_query", None),
        ("report_token", "r"),
    ]


def test_every_asset_has_a_token_to_be_told_apart_by() -> None:
    assert tuple(KEYS) == DATA_ASSETS
    assert all("token" in keys for keys in KEYS.values())


def test_the_nested_layout_has_a_directory_per_workspace_and_timestamp() -> None:
    layout = Layout.nested(Path("/staging"), "acme")
    assert layout.directory(1700000000) == Path("/staging/acme/1700000000")


def test_in_the_flat_layout_the_output_directory_itself_is_the_snapshot() -> None:
    assert Layout.flat(Path("/out")).directory(1700000000) == Path("/out")


@pytest.mark.parametrize("workspace", ["", ".", "..", "a/b", "../acme", "a\\b", "a\0b"])
def test_a_workspace_that_would_lead_elsewhere_is_refused(workspace: str) -> None:
    with pytest.raises(ConfigurationError, match="workspace"):
        Layout.nested(Path("/staging"), workspace)


def test_names_are_read_back_as_they_were_made() -> None:
    assert parse_data_file(data_file(17, "report")) == (17, "report")
    assert parse_manifest_name(manifest_name(17)) == 17
    assert parse_push_record_name(push_record_name(17, SOURCE)) == (17, SOURCE)
    assert parse_directory_name("17") == 17


def test_no_name_but_the_six_ends_like_a_file_that_a_directory_upload_picks_up() -> None:
    for name in (
        manifest_name(17),
        push_record_name(17, SOURCE),
        claim_name(17),
        data_file(17, "report") + ".partial",
    ):
        assert not name.endswith((".json", ".csv"))


@pytest.mark.parametrize(
    "name",
    [
        data_file(17, "query"),
        data_file(17, "summary"),
        data_file(17, "query") + ".partial",
        manifest_name(17),
        manifest_name(17) + ".partial",
        push_record_name(17, SOURCE),
        claim_name(17),
    ],
)
def test_every_name_of_ours_tells_its_set(name: str) -> None:
    assert timestamp_of(name) == 17


@pytest.mark.parametrize(
    "name",
    [
        "17",
        "17-notes.json",
        "17-report.csv",
        "17-report.json.bak",
        "x17-report.json",
        "017-report.json",
        "report.json",
        "17_report.json",
        "17.manifest.txt",
        "notes.partial",
        "\u0661\u0667-report.json",
        "999999999999-report.json",
    ],
)
def test_a_foreign_name_belongs_to_no_set(name: str) -> None:
    assert timestamp_of(name) is None


def test_entries_of_a_directory_are_those_of_now(root: StoragePath) -> None:
    assert entries(root) == {}
    root.mkdir(parents=True)
    assert entries(root) == {}
    with (root / "a").open("wb") as file:
        file.write(b"x")
    assert list(entries(root)) == ["a"]
    assert entries(root / "a") == {}


def test_what_another_process_has_written_since_is_seen(s3_folder: UPath) -> None:
    (s3_folder / "1.manifest").write_bytes(b"x")
    assert set(entries(s3_folder)) == {"1.manifest"}
    other = UPath(str(s3_folder), **s3_folder.storage_options, skip_instance_cache=True)
    (other / "2.manifest").write_bytes(b"x")
    assert set(entries(s3_folder)) == {"1.manifest", "2.manifest"}


def test_the_timestamps_are_those_of_all_that_lies_there(tmp_path: Path) -> None:
    nested, flat = Layout.nested(tmp_path, "acme"), Layout.flat(tmp_path / "flat")
    assert nested.timestamps() == flat.timestamps() == set()
    for name in ("17", "18", "017", "x", "19.manifest"):
        (tmp_path / "acme" / name).mkdir(parents=True)
    assert nested.timestamps() == {17, 18}
    names = [
        data_file(1, "report"),
        manifest_name(2),
        push_record_name(3, SOURCE),
        claim_name(4),
        facts_name(5, "member"),
        readings_name(6),
        data_file(7, "query") + ".partial",
    ]
    (tmp_path / "flat" / "8").mkdir(parents=True)
    for name in (*names, "notes.json", "9.manifest.txt"):
        (tmp_path / "flat" / name).write_bytes(b"")
    assert flat.timestamps() == set(range(1, 8))


@pytest.mark.parametrize(
    "name", ["17", "17.x", "report.json", "17-report.csv", "017-report.json", "17.manifest.partial"]
)
def test_a_name_of_another_kind_says_nothing(name: str) -> None:
    assert parse_data_file(name) is None
    assert parse_manifest_name(name) is None
    assert parse_push_record_name(name) is None
    assert parse_directory_name(f"{name}x") is None
