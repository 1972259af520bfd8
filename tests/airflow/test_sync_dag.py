"""The sync DAG when nothing goes wrong, by schedule and by its form."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.lock import RunLock
from tests.airflow.conftest import parse_dag
from tests.airflow_exceptions import ParamValidationError

ORDER = [*DATA_ASSETS, "summary"]


def assets(names):
    return [name.partition("-")[2].removesuffix(".json") for name in names]


@pytest.fixture
def finished(sync):
    return sync()


def test_the_whole_workspace_arrives_in_catalog(finished, sandbox):
    assert finished.state == "success"
    assert finished.tasks == {
        "preflight": "success",
        "wait_for_warehouse": "success",
        "acquire_lock": "success",
        "extract": "success",
        "upload": "success",
        "release_lock": "success",
        "what_changed": "success",
        "refresh_mode_results": "skipped",
        "confirm_outcome": "success",
    }
    uploads = sandbox.catalog.uploads
    assert assets(upload.name for upload in uploads) == ORDER
    expected = sandbox.mode.expected()
    for upload, asset in zip(uploads, DATA_ASSETS, strict=False):
        assert json.loads(upload.content) == expected[asset], asset

    extracted = finished.result("extract")
    assert extracted["rows"] == {asset: len(expected[asset]) for asset in DATA_ASSETS}
    assert sum(extracted["left_out"].values()) == len(sandbox.mode.expected_left_out())
    assert extracted["workspace"] == sandbox.mode.workspace
    preflight = sandbox.mode.requests[:2]
    assert [one.path.rpartition("/")[0] for one in preflight] == [
        "/api",
        f"/api/{sandbox.mode.workspace}/api_keys",
    ]
    assert extracted["requests"] == len(sandbox.mode.requests) - len(preflight)
    assert set(extracted) == {
        *("manifest", "directory", "timestamp", "workspace", "strategy"),
        *("rows", "left_out", "requests", "seconds"),
    }

    pushed = finished.result("upload")
    assert assets(pushed["pushed"]) == ORDER
    assert pushed["source_id"] == sandbox.catalog.source_id
    assert pushed["snapshot"] == extracted["manifest"]
    assert pushed["bytes"] == sum(upload.size for upload in uploads)
    assert set(pushed) == {"source_id", "snapshot", "pushed", "already_there", "bytes", "seconds"}

    assert finished.result("wait_for_warehouse")["sources"][0]["type"] == "WAREHOUSE"
    assert finished.result("extract", "_link_ModeWorkspaceLink").startswith(sandbox.mode.url)
    assert finished.result("upload", "_link_CatalogSourceLink") == "https://app.castordoc.com"


def test_the_form_narrows_one_run(sync, sandbox):
    kept, *others = [one for one in sandbox.mode.world.collections if one.space_type != "private"]
    run = sync({"include_collections": [kept.token], "members": "lite", "keep_snapshots": 1})
    assert run.state == "success"
    collections = json.loads(sandbox.catalog.uploads[1].content)
    assert {row["token"] for row in collections} <= {kept.token}
    assert others


def test_a_run_that_must_not_wait_goes_on_without_a_fresh_warehouse(sync, sandbox):
    sandbox.catalog.source(sandbox.catalog.warehouse_id).last_refreshed_at = None
    run = sync({"skip_warehouse_check": True})
    assert run.state == "success"
    assert run.tasks["wait_for_warehouse"] == "skipped"
    assert len(sandbox.catalog.uploads) == 6


def test_a_dry_run_uploads_and_refreshes_nothing(sync, sandbox):
    report = sandbox.mode.world.reports[0].token
    run = sync({"dry_run": True, "reports": [report]})
    assert run.state == "success"
    assert run.tasks["refresh_mode_results"] == "skipped"
    assert run.result("upload")["pushed"] == []
    assert sandbox.catalog.uploads == []
    assert sandbox.mode.requests_to("reports/*/runs", "POST") == []


def test_reports_are_refreshed_after_the_upload_when_the_lock_is_free_again(sync, sandbox, staging):
    report = sandbox.mode.world.reports[0].token
    lock = RunLock(staging / ".lock", ttl=timedelta(minutes=30))
    free = []
    sandbox.mode.fault(f"reports/{report}/runs", method="POST", do=lambda: free.append(lock.state().released))

    def look_often(dag):
        dag.get_task("refresh_mode_results").check_interval = 0.05

    run = sync({"reports": [report]}, adjust=look_often)
    assert run.state == "success"
    assert run.tasks["refresh_mode_results"] == "success"
    assert run.result("refresh_mode_results")["started"] == 1
    assert free == [True]
    (start,) = sandbox.mode.requests_to("reports/*/runs", "POST")
    assert start.at >= max(upload.at for upload in sandbox.catalog.uploads)


def test_old_snapshots_are_removed_as_the_form_says(sync, sandbox, staging):
    for _ in range(3):
        assert sync({"keep_snapshots": 2}).state == "success"
    assert len(list((staging / sandbox.mode.workspace).glob("*/*.manifest"))) == 2


def test_the_form_has_a_title_a_help_text_and_a_section_for_every_field():
    for name, param in parse_dag("mode_catalog_sync").params.items():
        assert {"title", "description_md", "section"} <= set(param.schema), name


@pytest.mark.parametrize(
    "conf", [{"strategy": "fastest"}, {"dry_run": "perhaps"}, {"reports": "abc"}, {"keep_snapshots": -1}]
)
def test_a_wrong_value_in_the_form_is_refused(conf):
    params = parse_dag("mode_catalog_sync").params
    with pytest.raises(ParamValidationError, match=f"Invalid input for param {next(iter(conf))}"):
        params.update(conf)


def test_a_parsed_dag_has_read_no_connection(monkeypatch):
    from airflow.sdk import BaseHook

    def refuse(*_):
        raise AssertionError("a connection was read while parsing")

    monkeypatch.setattr(BaseHook, "get_connection", refuse)
    assert parse_dag("mode_catalog_sync").task_ids
