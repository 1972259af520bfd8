"""A snapshot goes to Catalog once, in order, and only if everything about it is right."""

from __future__ import annotations

import json
import logging
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from mode_catalog_provider.catalog.push_record import PushRecord, read, record_path
from mode_catalog_provider.errors import (
    ConfigurationError,
    LockLostError,
    SnapshotAlteredError,
    SnapshotError,
    SnapshotIncompleteError,
    SnapshotMismatchError,
    SnapshotShrunkError,
    SnapshotStaleError,
    UnknownSourceError,
    UploadConflictError,
)
from mode_catalog_provider.snapshot.reader import adopt_directory, open_snapshot
from tests.integration.upload_cases import (
    AT,
    LEAST,
    NOW,
    ORDER,
    ROWS,
    make_snapshot,
    new_api,
    new_ingest,
    on_disk,
    planted_snapshot,
    push,
    stored,
)
from tests.unit.catalog.serving import running_catalog
from tests.unit.snapshot.sets import lay, vendor_files

DAY = 86_400
KEYS = {"source_id", "snapshot", "pushed", "already_there", "bytes", "seconds"}


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


@pytest.fixture
def snapshot(staging):
    return planted_snapshot(staging)


def names(catalog):
    return [upload.name for upload in catalog.uploads]


# -- the push -----------------------------------------------------------------------------------------------


def test_all_six_files_go_in_contract_order_with_the_summary_last(catalog, snapshot):
    result = push(catalog, snapshot, api=new_api(catalog))
    assert names(catalog) == ORDER
    assert stored(catalog) == on_disk(snapshot)
    assert result.to_json() == {
        "source_id": catalog.source_id,
        "snapshot": str(snapshot.manifest_path),
        "pushed": ORDER,
        "already_there": [],
        "bytes": sum(map(len, on_disk(snapshot).values())),
        "seconds": result.seconds,
    }


def test_the_record_beside_the_manifest_says_what_was_stored(catalog, snapshot):
    push(catalog, snapshot)
    record = read(record_path(snapshot, catalog.source_id))
    assert record is not None
    assert record.rows == ROWS
    assert record.completed_at == NOW.isoformat(timespec="seconds")
    assert {name: sent.state for name, sent in record.files.items()} == dict.fromkeys(ORDER, "stored")
    assert PushRecord.from_json(record.to_json()) == record


def test_pushing_again_sends_nothing_and_says_that_all_is_there(catalog, snapshot):
    push(catalog, snapshot)
    before = len(catalog.requests)
    again = push(catalog, snapshot, api=new_api(catalog), now=lambda: NOW + timedelta(days=30))
    assert len(catalog.requests) == before
    assert (again.pushed, again.already_there, again.bytes) == ([], ORDER, 0)
    assert again.to_json().keys() == KEYS


def test_the_same_snapshot_goes_to_another_source_as_well(catalog, snapshot):
    push(catalog, snapshot)
    looker = next(source.id for source in catalog.sources if source.technology == "LOOKER")
    assert push(catalog, snapshot, ingest=new_ingest(catalog, source_id=looker)).pushed == ORDER


def test_a_dry_run_checks_everything_and_sends_and_records_nothing(catalog, snapshot):
    result = push(catalog, snapshot, api=new_api(catalog), dry_run=True)
    assert (result.pushed, result.already_there, result.bytes) == ([], [], 0)
    assert result.to_json().keys() == KEYS
    assert catalog.uploads == []
    assert read(record_path(snapshot, catalog.source_id)) is None
    assert push(catalog, snapshot).pushed == ORDER


def test_a_dry_run_is_refused_like_a_real_one(catalog, snapshot):
    snapshot.file_path(snapshot.manifest.files[0]).unlink()
    with pytest.raises(SnapshotIncompleteError):
        push(catalog, snapshot, dry_run=True)


def test_the_log_names_each_file_and_the_change_since_the_last_push(catalog, staging, caplog):
    caplog.set_level(logging.INFO)
    push(catalog, planted_snapshot(staging, at=AT - DAY), now=lambda: NOW - timedelta(days=1))
    caplog.clear()
    push(catalog, planted_snapshot(staging, rows={**ROWS, "report": 12, "query": 19}))
    lines = [record.getMessage() for record in caplog.records if record.name == "push"]
    assert [line.split()[1] for line in lines[:6]] == ORDER
    assert lines[2].endswith("12 rows)")
    assert lines[6] == (
        f"Snapshot {AT} of workspace acme is in Catalog source {catalog.source_id}: "
        "datasource 1 (+0), collection 3 (+0), report 12 (+2), query 19 (-1), member 4 (+0)."
    )


def test_without_a_place_for_the_record_nothing_is_sent(catalog, tmp_path):
    snapshot = planted_snapshot(tmp_path)
    in_the_way = snapshot.directory / f"{AT}.{catalog.source_id}.pushed.partial"
    in_the_way.mkdir()
    with pytest.raises(ConfigurationError, match=r"cannot be written .* make the folder writable"):
        push(catalog, snapshot)
    assert catalog.requests == []
    in_the_way.rmdir()
    assert push(catalog, snapshot).pushed == ORDER


# -- the source ---------------------------------------------------------------------------------------------


def test_a_wrong_source_is_refused_before_a_byte_is_sent(catalog, snapshot):
    for wrong in (catalog.warehouse_id, "99999999-9999-4999-8999-999999999999"):
        with pytest.raises(UnknownSourceError):
            push(catalog, snapshot, ingest=new_ingest(catalog, source_id=wrong), api=new_api(catalog))
    catalog.source(catalog.source_id).deleted_at = datetime(2026, 11, 1, tzinfo=UTC)
    with pytest.raises(UnknownSourceError, match="deleted"):
        push(catalog, snapshot, api=new_api(catalog))
    assert catalog.requests_to("*/visualization-*") == []
    assert read(record_path(snapshot, catalog.source_id)) is None


def test_a_token_that_may_not_read_sources_pushes_with_a_warning(catalog, snapshot, caplog):
    catalog.switches.sources_readable = False
    assert push(catalog, snapshot, api=new_api(catalog)).pushed == ORDER
    assert "may not read Catalog's sources" in caplog.text


# -- the set ------------------------------------------------------------------------------------------------


def test_an_altered_file_is_refused_before_a_byte_of_any_file_is_sent(catalog, snapshot):
    last = snapshot.file_path(snapshot.manifest.files[-2])
    last.write_bytes(last.read_bytes().replace(b"000001", b"000009"))
    with pytest.raises(SnapshotAlteredError):
        push(catalog, snapshot)
    assert catalog.requests == []


def test_a_file_that_changes_after_the_check_is_not_stored_and_not_remembered(catalog, snapshot):
    report = snapshot.manifest.files[2]
    whole = snapshot.file_path(report).read_bytes()

    def change():
        snapshot.file_path(report).write_bytes(whole.replace(b"000001", b"000009"))

    catalog.when("*-collection.json", do=change)
    with pytest.raises(SnapshotAlteredError, match=report.name):
        push(catalog, snapshot)
    assert names(catalog) == ORDER[:2]
    assert report.name not in read(record_path(snapshot, catalog.source_id)).files
    snapshot.file_path(report).write_bytes(whole)
    assert push(catalog, snapshot).pushed == ORDER[2:]


def test_a_snapshot_that_is_removed_between_two_files_is_told_as_such(catalog, tmp_path):
    snapshot = make_snapshot(tmp_path)

    def fence():
        if len(catalog.uploads) == 2 and snapshot.directory.exists():
            shutil.rmtree(snapshot.directory)

    with pytest.raises(SnapshotIncompleteError, match=f"no {snapshot.directory} any more"):
        push(catalog, snapshot, fence=fence)
    assert names(catalog) == ORDER[:2]


def test_other_bytes_under_a_name_that_was_sent_before_are_refused(catalog, staging, snapshot):
    push(catalog, snapshot)
    record = record_path(snapshot, catalog.source_id)
    other = planted_snapshot(staging / "other", rows={**ROWS, "report": 11})
    (other.directory / record.name).write_bytes(record.read_bytes())
    with pytest.raises(SnapshotAlteredError, match=r"report\.json is not the file that was uploaded"):
        push(catalog, other)


def test_only_visualization_uploads_take_a_snapshot(catalog, snapshot):
    with pytest.raises(ConfigurationError, match="as file type VIZ, not WAREHOUSE"):
        push(catalog, snapshot, ingest=new_ingest(catalog, file_type="WAREHOUSE"))


@pytest.mark.parametrize("wrong", [-0.1, 1.1, 30, float("nan")])
def test_a_share_that_is_none_is_refused(catalog, snapshot, wrong):
    with pytest.raises(ConfigurationError, match="share between 0 and 1"):
        push(catalog, snapshot, max_shrink=wrong)


# -- time ---------------------------------------------------------------------------------------------------


def test_a_snapshot_older_than_the_last_pushed_one_is_refused(catalog, staging):
    older = planted_snapshot(staging, at=AT - 60)
    push(catalog, planted_snapshot(staging))
    sent = len(catalog.requests)
    with pytest.raises(SnapshotStaleError, match=rf"{AT - 60} .* is older than snapshot {AT}"):
        push(catalog, older)
    assert len(catalog.requests) == sent


def test_a_snapshot_of_the_day_before_yesterday_is_refused_unless_any_age_will_do(catalog, snapshot):
    late = {"now": lambda: NOW + timedelta(days=2)}
    with pytest.raises(SnapshotStaleError, match=r"is 2 days 1 hour old; the limit is 2 days"):
        push(catalog, snapshot, **late)
    with pytest.raises(SnapshotStaleError, match="is 1 hour old; the limit is 30 minutes"):
        push(catalog, snapshot, max_age=timedelta(minutes=30))
    assert catalog.requests == []
    assert push(catalog, snapshot, max_age=None, **late).pushed == ORDER


def test_a_folder_of_the_vendors_tool_is_pushed_at_any_age(catalog, tmp_path):
    adopted = adopt_directory(lay(tmp_path / "vendor", vendor_files()))
    result = push(catalog, adopted)
    assert result.snapshot == str(tmp_path / "vendor")
    assert len(result.pushed) == 6
    assert push(catalog, adopt_directory(tmp_path / "vendor")).already_there == result.pushed


# -- another workspace, and shrinking -----------------------------------------------------------------------


def yesterday(catalog, staging, **changes):
    push(catalog, planted_snapshot(staging, at=AT - DAY, **changes), now=lambda: NOW - timedelta(days=1))
    catalog.forget_uploads()


@pytest.mark.parametrize("other", [{"workspace": "globex"}, {"host": "https://mode.internal"}], ids=str)
def test_a_source_that_was_fed_from_elsewhere_is_refused_with_what_to_do(catalog, staging, other):
    yesterday(catalog, staging, **other)
    with pytest.raises(SnapshotMismatchError, match=r"check the source id and the Mode connection") as caught:
        push(catalog, planted_snapshot(staging))
    assert catalog.uploads == []
    for record in staging.rglob("*.pushed"):
        assert str(record) in str(caught.value)
        record.unlink()
    assert push(catalog, planted_snapshot(staging, at=AT + 1)).pushed != []


def test_rows_that_disappeared_are_refused_asset_by_asset(catalog, staging):
    yesterday(catalog, staging)
    left_out = [{"asset": "report", "token": "r", "name": None, "reason": "forbidden", "detail": ""}]
    small = planted_snapshot(staging, rows={**ROWS, "report": 6, "member": 0}, left_out=left_out)
    with pytest.raises(
        SnapshotShrunkError, match=r"report: 10 -> 6 \(1 left out\), member: 4 -> 0\."
    ) as caught:
        push(catalog, small)
    assert caught.value.shrunk == {"report": (10, 6), "member": (4, 0)}
    assert catalog.uploads == []
    assert push(catalog, small, accept_shrink=True).pushed == ORDER


@pytest.mark.parametrize("limit", [0.0, 0.1, 0.3, 0.7, 1.0])
def test_a_share_of_exactly_the_limit_may_disappear_and_not_a_row_more(catalog, staging, limit):
    yesterday(catalog, staging)
    allowed = round(limit * 10)
    if allowed < 10:
        one_more = planted_snapshot(staging, at=AT - 1, rows={**ROWS, "report": 10 - allowed - 1})
        with pytest.raises(SnapshotShrunkError):
            push(catalog, one_more, max_shrink=limit)
    just = planted_snapshot(staging, rows={**ROWS, "report": 10 - allowed})
    assert push(catalog, just, max_shrink=limit).pushed == ORDER


def test_the_last_finished_push_decides_and_not_one_that_was_broken_off(catalog, staging):
    yesterday(catalog, staging)
    broken_off = planted_snapshot(staging, at=AT - 60, rows={**ROWS, "report": 8})
    catalog.fault("*-query.json", status=422, body=b"{}")
    with pytest.raises(Exception, match="422"):
        push(catalog, broken_off)
    with pytest.raises(SnapshotShrunkError, match="report: 10 -> 6"):
        push(catalog, planted_snapshot(staging, rows={**ROWS, "report": 6}))


def test_in_the_flat_layout_the_earlier_record_in_the_same_folder_decides(catalog, tmp_path):
    push(catalog, planted_snapshot(tmp_path, at=AT - DAY, flat=True), now=lambda: NOW - timedelta(days=1))
    with pytest.raises(SnapshotShrunkError, match="report: 10 -> 1"):
        push(catalog, planted_snapshot(tmp_path, flat=True, rows={**ROWS, "report": 1}))


def test_folders_around_a_flat_snapshot_are_not_looked_into(catalog, tmp_path):
    yesterday(catalog, tmp_path)
    assert (
        push(catalog, planted_snapshot(tmp_path / "flat", rows={**LEAST, "report": 1}, flat=True)).pushed
        == ORDER
    )


def test_through_a_link_a_snapshot_is_compared_with_those_that_it_lies_among(catalog, tmp_path):
    push(catalog, make_snapshot(tmp_path, at=AT - DAY))
    smaller = make_snapshot(tmp_path, rows={**ROWS, "query": 1})
    (tmp_path / "latest").symlink_to(smaller.directory)
    with pytest.raises(SnapshotShrunkError, match="query: 20 -> 1"):
        push(catalog, open_snapshot(tmp_path / "latest"))


def test_the_record_of_another_source_does_not_count(catalog, staging):
    looker = next(source.id for source in catalog.sources if source.technology == "LOOKER")
    push(
        catalog,
        planted_snapshot(staging, at=AT - DAY, workspace="globex"),
        ingest=new_ingest(catalog, source_id=looker),
        now=lambda: NOW - timedelta(days=1),
    )
    assert push(catalog, planted_snapshot(staging)).pushed == ORDER


def test_a_record_that_cannot_be_read_is_not_ignored(catalog, staging, snapshot):
    yesterday(catalog, staging)
    (record,) = staging.rglob("*.pushed")
    whole = record.read_text()
    document = json.loads(whole)
    odd = (
        {"timestamp": 10**400},
        {"timestamp": 0},
        {"rows": {**document["rows"], "report": 10**400}},
        {"rows": {**document["rows"], "report": -1}},
    )
    strange = [json.dumps({**document, **changed}) for changed in odd]
    for broken in ("", "{", "[]", '{"format_version": 1}', *strange):
        record.write_text(broken)
        with pytest.raises(SnapshotAlteredError, match="cannot be read"):
            push(catalog, snapshot)
    record.write_text(whole.replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(SnapshotError, match="Upgrade"):
        push(catalog, snapshot)
    assert catalog.uploads == []


# -- the fence ----------------------------------------------------------------------------------------------


def test_whoever_lost_the_lock_sends_and_writes_nothing_more(catalog, snapshot):
    record = record_path(snapshot, catalog.source_id)
    for allowed in range(30):
        passed, seen = [], []

        def fence(passed=passed, seen=seen, allowed=allowed):
            passed.append(True)
            if len(passed) > allowed:
                seen.append((len(catalog.requests), record.read_bytes() if record.exists() else None))
                raise LockLostError("another holder has taken over")

        try:
            result = push(catalog, snapshot, fence=fence)
        except LockLostError:
            now = (len(catalog.requests), record.read_bytes() if record.exists() else None)
            assert seen[0] == now
        else:
            assert sorted(result.pushed + result.already_there) == sorted(ORDER)
            break
    assert stored(catalog) == on_disk(snapshot)
    assert names(catalog) == ORDER


def test_the_fence_is_passed_before_every_file_and_before_the_end(catalog, snapshot):
    passed = []
    push(catalog, snapshot, fence=lambda: passed.append(len(catalog.uploads)))
    assert set(passed) == {0, 1, 2, 3, 4, 5, 6}


def test_a_conflict_with_somebody_elses_file_is_surfaced(catalog, staging, snapshot):
    push(catalog, planted_snapshot(staging / "elsewhere"))
    with pytest.raises(UploadConflictError, match=r"datasource\.json"):
        push(catalog, snapshot)
    assert read(record_path(snapshot, catalog.source_id)).files == {}
