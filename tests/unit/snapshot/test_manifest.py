from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotError
from mode_catalog_provider.snapshot.layout import data_file
from mode_catalog_provider.snapshot.manifest import FileEntry, Manifest

HASH = "ab" * 32

MANIFEST = Manifest(
    timestamp=1700000000,
    workspace="acme",
    host="https://modeanalytics.com",
    provider_version="0.1.0",
    started_at="2023-11-14T22:13:20+00:00",
    finished_at="2023-11-14T22:14:00+00:00",
    strategy="rest",
    options={"members": "full", "include_collections": ["Fin*"]},
    files=tuple(
        FileEntry(asset, data_file(1700000000, asset), 10, None if asset == SUMMARY else 2, HASH)
        for asset in (*DATA_ASSETS, SUMMARY)
    ),
    left_out=(
        {"asset": "report", "token": "r1", "name": "Zoë", "reason": "gone", "detail": "404"},
        {"asset": "report", "token": "r2", "name": None, "reason": "forbidden", "detail": "403"},
        {"asset": "member", "token": None, "name": None, "reason": "forbidden", "detail": "403"},
    ),
    filtered={"personal": 3},
    figures={"requests": 12, "seconds": 1.25},
)


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    assert Manifest.from_bytes(MANIFEST.to_bytes()) == MANIFEST
    assert Manifest.from_json(json.loads(json.dumps(MANIFEST.to_json()))) == MANIFEST


def test_rows_are_told_for_the_data_assets_only() -> None:
    assert MANIFEST.rows == dict.fromkeys(DATA_ASSETS, 2)


def test_left_out_objects_are_counted_for_every_asset() -> None:
    assert MANIFEST.left_out_counts == {
        "datasource": 0,
        "collection": 0,
        "report": 2,
        "query": 0,
        "member": 1,
    }


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b"{}"])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(SnapshotAlteredError):
        Manifest.from_bytes(content)


def test_a_newer_format_is_refused_with_advice() -> None:
    with pytest.raises(SnapshotError, match="Upgrade"):
        Manifest.from_json({**MANIFEST.to_json(), "format_version": 2})


@pytest.mark.parametrize("key", [key for key in MANIFEST.to_json() if key != "format_version"])
def test_a_manifest_with_any_changed_or_missing_value_is_refused(key: str) -> None:
    document = MANIFEST.to_json()
    with pytest.raises(SnapshotAlteredError):
        Manifest.from_json({**document, key: "changed"})
    del document[key]
    with pytest.raises(SnapshotAlteredError):
        Manifest.from_json(document)


def _replace_first(**changes: Any) -> Callable[[Manifest], Manifest]:
    return lambda manifest: replace(
        manifest, files=(replace(manifest.files[0], **changes), *manifest.files[1:])
    )


@pytest.mark.parametrize(
    "change",
    [
        _replace_first(name="../../etc/passwd"),
        _replace_first(name="1700000001-datasource.json"),
        _replace_first(bytes=-1),
        _replace_first(bytes=10**400),
        _replace_first(rows=10**400),
        _replace_first(rows=None),
        _replace_first(rows=True),
        _replace_first(rows="2"),
        _replace_first(sha256="x" * 64),
        _replace_first(sha256=None),
        _replace_first(asset="report"),
        lambda manifest: replace(manifest, files=manifest.files[:-1]),
        lambda manifest: replace(manifest, files=manifest.files[::-1]),
        lambda manifest: replace(manifest, files=manifest.files * 2),
    ],
)
def test_a_manifest_that_lists_anything_but_the_six_files_is_refused(
    change: Callable[[Manifest], Manifest],
) -> None:
    # with a checksum that fits: not damage, but a manifest that nobody should have written
    with pytest.raises(SnapshotAlteredError):
        Manifest.from_bytes(change(MANIFEST).to_bytes())


@pytest.mark.parametrize("asset", [["readings"], {"a": 1}, 1, None, True])
@pytest.mark.parametrize("name", ["readings", "facts"])
def test_a_side_file_of_what_is_no_asset_is_refused(name: str, asset: Any) -> None:
    entry = FileEntry(asset, "1700000000.readings", 10, 2, HASH)
    changed = replace(MANIFEST, **{name: entry if name == "readings" else (entry,)})
    with pytest.raises(SnapshotAlteredError):
        Manifest.from_bytes(changed.to_bytes())


def test_a_manifest_may_be_nested_as_deep_as_it_likes() -> None:
    # Somewhere in between it is not too deep for the parser, and too deep for what works on its checksum.
    whole = MANIFEST.to_bytes().decode()
    for depth in range(700, 1000):
        nested = whole.replace('"reuse": {}', '"reuse": ' + '{"a":' * depth + "1" + "}" * depth)
        assert nested != whole
        with pytest.raises(SnapshotAlteredError):
            Manifest.from_bytes(nested.encode())


@pytest.mark.parametrize("name", ["token", "reason"])
@pytest.mark.parametrize("odd", [["r1"], {"r1": 1}])
def test_an_object_left_out_is_called_by_a_text(name: str, odd: Any) -> None:
    entry = {**MANIFEST.left_out[0], name: odd}
    with pytest.raises(SnapshotAlteredError, match="left out"):
        Manifest.from_bytes(replace(MANIFEST, left_out=(entry,)).to_bytes())


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        *[
            (name, 1)
            for name in ("workspace", "host", "provider_version", "started_at", "finished_at", "strategy")
        ],
        *[(name, None) for name in ("options", "filtered", "figures", "reuse")],
        *[("timestamp", odd) for odd in (1.5, True, "1700000000")],
        *[("left_out", odd) for odd in (["r1"], [{}], [{"asset": None, "reason": "gone"}])],
        *[("left_out", [MANIFEST.left_out[0], odd]) for odd in ("r1", {"reason": "gone"})],
        *[("answers", odd) for odd in ([1], [{"run_id": "a"}, None])],
    ],
    ids=repr,
)
def test_a_field_of_another_kind_is_refused_by_its_name_whatever_the_checksum(name: str, odd: Any) -> None:
    content = {**MANIFEST.to_json(), name: odd}
    del content["checksum"]
    document = {**content, "checksum": checksum_of(content)}
    with pytest.raises(SnapshotAlteredError) as raised:
        Manifest.from_json(document)
    assert str(raised.value) == f"The manifest's {name} cannot be right. Extract again."


@pytest.mark.parametrize("change", [{"colour": "red"}, {"files": 3}, {"workspace": ...}])
def test_a_field_too_many_or_too_few_is_refused_whatever_the_checksum(change: dict[str, Any]) -> None:
    content = {**MANIFEST.to_json(), **change}
    content = {name: value for name, value in content.items() if value is not ... and name != "checksum"}
    with pytest.raises(SnapshotAlteredError, match="lacks or adds a field"):
        Manifest.from_json({**content, "checksum": checksum_of(content)})


def checksum_of(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def test_an_object_left_out_has_a_reason() -> None:
    entry = {"asset": "report", "token": "r1"}
    with pytest.raises(SnapshotAlteredError, match="left out"):
        Manifest.from_bytes(replace(MANIFEST, left_out=(entry,)).to_bytes())


def test_what_is_left_out_of_an_unknown_kind_is_counted_as_well() -> None:
    entries = tuple({"asset": "chart", "token": token, "reason": "gone"} for token in ("a", "b"))
    assert replace(MANIFEST, left_out=entries).left_out_counts["chart"] == 2


def test_people_read_a_manifest_with_one_field_a_line() -> None:
    lines = MANIFEST.to_bytes().decode().splitlines()
    assert lines[:3] == ["{", '  "format_version": 1,', '  "timestamp": 1700000000,']
    assert MANIFEST.to_bytes().endswith(b"}\n")


@pytest.mark.parametrize("missing", ["datasource", "collection", "report"])
def test_what_no_workspace_in_use_lacks_is_told_when_there_is_none(missing: str) -> None:
    assert MANIFEST.empty == ()
    files = tuple(replace(one, rows=0) if one.asset in (missing, "query") else one for one in MANIFEST.files)
    assert replace(MANIFEST, files=files).empty == (missing,)


@pytest.mark.parametrize("size", [2**63 - 1, 0])
def test_a_file_may_have_any_size_that_there_can_be(size: int) -> None:
    change = _replace_first(bytes=size, rows=size)
    assert Manifest.from_bytes(change(MANIFEST).to_bytes()) == change(MANIFEST)
    with pytest.raises(SnapshotAlteredError):
        Manifest.from_bytes(_replace_first(bytes=2**63)(MANIFEST).to_bytes())
