"""What refuses a push for what was pushed before, or for the clock: each rule, at its edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mode_catalog_provider.catalog.guards import (
    NEVER_EMPTY,
    describe_change,
    refuse_fewer_than_catalog,
    refuse_unsuitable,
)
from mode_catalog_provider.catalog.push_record import PushRecord
from mode_catalog_provider.errors import SnapshotMismatchError, SnapshotShrunkError, SnapshotStaleError
from mode_catalog_provider.moments import of_second
from tests.integration.upload_cases import AT, LEAST, ROWS, make_snapshot

SOURCE = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_snapshot(tmp_path_factory.mktemp("guards"), rows=ROWS).manifest


@pytest.fixture
def judge(manifest, tmp_path):
    """Judge the snapshot after a push that differs from it in some points; ``pushed=None``: after none."""

    def judge(pushed=(), *, max_shrink=0.3, max_age=None, age=timedelta(0)):
        record = PushRecord(
            source_id=SOURCE, timestamp=AT, workspace="acme", host=manifest.host, rows=ROWS, files={}
        )
        previous = None if pushed is None else (tmp_path / "record", replace(record, **dict(pushed)))
        refuse_unsuitable(manifest, previous, max_shrink=max_shrink, max_age=max_age, now=of_second(AT) + age)

    return judge


@pytest.mark.parametrize("pushed", [{"workspace": "other"}, {"host": "https://mode.example.com"}], ids=str)
def test_a_source_that_another_workspace_or_host_fed_is_refused_with_the_record(judge, tmp_path, pushed):
    with pytest.raises(SnapshotMismatchError, match=f"last fed from .*{tmp_path / 'record'}"):
        judge(pushed)


@pytest.mark.parametrize(
    "pushed",
    [
        {"host": "https://app.mode.com"},
        {"host": "https://MODE.com/"},
        {"workspace": "Acme"},
        {"host": "", "workspace": ""},
    ],
    ids=str,
)
def test_one_workspace_may_be_written_in_several_ways_or_not_at_all(judge, pushed):
    judge(pushed)


def test_a_set_that_does_not_say_of_which_workspace_it_is_follows_none_that_is_known(manifest, tmp_path):
    record = PushRecord(
        source_id=SOURCE, timestamp=AT, workspace="acme", host=manifest.host, rows=ROWS, files={}
    )
    unknown = replace(manifest, workspace="", host="")
    with pytest.raises(SnapshotMismatchError, match="does not say of which workspace it is"):
        refuse_unsuitable(unknown, (tmp_path, record), max_shrink=0.3, max_age=None, now=of_second(AT))


def test_only_an_older_snapshot_takes_catalog_back(judge):
    judge({"timestamp": AT})
    with pytest.raises(SnapshotStaleError, match="has already"):
        judge({"timestamp": AT + 1})


def test_a_snapshot_may_be_as_old_as_the_limit_and_no_second_older(judge):
    limit = timedelta(hours=1)
    judge(max_age=limit, age=limit)
    judge(age=timedelta(days=900))
    with pytest.raises(SnapshotStaleError, match="the limit is 1 hour"):
        judge(max_age=limit, age=limit + timedelta(seconds=1))


@pytest.mark.parametrize("asset", ROWS)
def test_each_asset_may_lose_the_share_and_no_row_more(judge, asset):
    # A third of what there was then is gone.
    before = 3 * ROWS[asset]
    judge({"rows": {**ROWS, asset: before}}, max_shrink=2 / 3)
    with pytest.raises(SnapshotShrunkError) as told:
        judge({"rows": {**ROWS, asset: before + 1}}, max_shrink=2 / 3)
    assert told.value.shrunk == {asset: (before + 1, ROWS[asset])}
    assert told.value.since == AT
    judge({"rows": {**ROWS, asset: before + 1}}, max_shrink=None)


def test_what_was_not_there_before_did_not_shrink(judge):
    judge({"rows": {}}, max_shrink=0)


def test_rows_that_were_left_out_are_told_beside_those_that_are_gone(manifest, tmp_path):
    left_out = [{"asset": "report", "token": "r1", "name": None, "reason": "forbidden", "detail": "403"}]
    snapshot = make_snapshot(tmp_path, rows=ROWS, left_out=left_out)
    record = PushRecord.of(snapshot, SOURCE)
    more = replace(record, rows={**ROWS, "report": 20, "query": 40})
    with pytest.raises(SnapshotShrunkError, match=r"report: 20 -> 10 \(1 left out\), query: 40 -> 20\. "):
        refuse_unsuitable(
            snapshot.manifest, (tmp_path, more), max_shrink=0.3, max_age=None, now=of_second(AT)
        )


@pytest.mark.parametrize("asset", ["datasource", "collection", "report"])
def test_a_first_push_without_what_every_workspace_has_is_refused(tmp_path, asset):
    manifest = make_snapshot(tmp_path, rows={**ROWS, asset: 0}).manifest
    with pytest.raises(SnapshotShrunkError, match=f"has no {asset}\\.") as told:
        refuse_unsuitable(manifest, None, max_shrink=0.3, max_age=None, now=of_second(AT))
    assert (told.value.shrunk, told.value.since) == ({asset: (0, 0)}, 0)
    refuse_unsuitable(manifest, None, max_shrink=None, max_age=None, now=of_second(AT))


def test_a_first_push_may_lack_queries_and_members(tmp_path):
    rows = {asset: count for asset, count in ROWS.items() if asset in NEVER_EMPTY}
    manifest = make_snapshot(tmp_path, rows=rows).manifest
    refuse_unsuitable(manifest, None, max_shrink=0.3, max_age=None, now=of_second(AT))


def test_catalog_may_show_so_many_dashboards_more_and_not_one_besides(manifest):
    refuse_fewer_than_catalog(manifest, 20, 0.5)
    refuse_fewer_than_catalog(manifest, 10, 0)
    with pytest.raises(SnapshotShrunkError) as told:
        refuse_fewer_than_catalog(manifest, 21, 0.5)
    assert (told.value.shrunk, told.value.since) == ({"report": (21, 10)}, 0)


def test_the_change_is_told_with_its_sign():
    assert describe_change(LEAST, None) == "datasource 1, collection 1"
    told = describe_change({"report": 40, "query": 99}, {"report": 38, "query": 100, "member": 2})
    assert told == "datasource 0 (+0), collection 0 (+0), report 40 (+2), query 99 (-1), member 0 (-2)"
