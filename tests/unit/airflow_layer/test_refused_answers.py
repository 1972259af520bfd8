"""Runs that wait for one snapshot, when its upload is refused because it shrank."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from mode_catalog_provider.catalog.coverage import RunRequest
from mode_catalog_provider.operators import extract as extract_module
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.preflight import ModeCatalogPreflightOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.tasks.compat import AirflowFailException

pytestmark = pytest.mark.usefixtures("connect")

WAITING = RunRequest(dag_id="sync", run_id="wednesday", clear_number=1)


@pytest.fixture
def extract(connect, tmp_path):
    def run(run_id, clear_number=1, **arguments):
        operator = ModeExtractOperator(
            task_id="extract", output_dir=str(tmp_path), on_covered="skip", **arguments
        )
        dag_run = SimpleNamespace(
            dag_id="sync", run_id=run_id, clear_number=clear_number, start_date=datetime.now(UTC)
        )
        return operator.execute({"dag_run": dag_run})

    return run


@pytest.fixture
def refused(extract, sandbox, monkeypatch):
    """Tuesday's snapshot is refused, and Wednesday's run was waiting when it was begun."""
    CatalogUploadOperator(task_id="upload", manifest=extract("monday")).execute({})
    for report in list(sandbox.mode.world.reports):
        sandbox.mode.world.remove_report(report)
    monkeypatch.setattr(extract_module, "waiting_runs", lambda _context: [WAITING])
    with pytest.raises(AirflowFailException) as error:
        CatalogUploadOperator(task_id="upload", manifest=extract("tuesday")).execute({})
    return str(error.value)


def test_a_run_that_was_waiting_fails_with_the_same_reason_and_does_not_extract(extract, sandbox, refused):
    before = len(sandbox.mode.requests)
    with pytest.raises(AirflowFailException, match="it was not uploaded") as error:
        extract(WAITING.run_id)
    assert refused in str(error.value)
    assert len(sandbox.mode.requests) == before


@pytest.mark.usefixtures("refused")
def test_a_run_that_was_cleared_since_extracts_again(extract):
    assert extract(WAITING.run_id, clear_number=2)["rows"]["report"] == 0


@pytest.mark.usefixtures("refused")
def test_a_run_that_accepts_a_smaller_snapshot_extracts_again(extract):
    extracted = extract(WAITING.run_id, accept_shrink="True")
    upload = CatalogUploadOperator(task_id="upload", manifest=extracted, accept_shrink=True)
    assert len(upload.execute({})["pushed"]) == 6


@pytest.mark.parametrize(
    ("path", "page"), [("spaces/*/reports", "/spaces/"), ("reports/*/queries", "/reports/")]
)
def test_a_failed_extraction_leads_to_what_it_failed_at(sandbox, tmp_path, path, page, connect):
    connect("mode_default", extra={"timeout": 5})
    sandbox.mode.fault(path, status=422, body=b"{}", times=100)
    pushed = {}
    ti = SimpleNamespace(
        xcom_push=lambda key, value: pushed.update({key: value}), get_task_states=lambda **_: {}
    )
    ti.dag_id, ti.task_id, ti.run_id = "sync", "extract", "monday"
    operator = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path), strategy="rest")
    with pytest.raises(AirflowFailException):
        operator.execute({"ti": ti})
    url = pushed["_link_ModeCulpritLink"]
    assert url.startswith(f"{sandbox.mode.url}/{sandbox.mode.workspace}{page}")
    world = sandbox.mode.world
    assert url.rpartition("/")[2] in {one.token for one in (*world.reports, *world.collections)}


def preflight(tmp_path, conf, *, refuse=True):
    operator = ModeCatalogPreflightOperator(
        task_id="preflight", output_dir=str(tmp_path), refuse_unknown_conf=refuse
    )
    dag = SimpleNamespace(dag_id="sync", params={"approve_shrink": "fail", "dry_run": False})
    return operator.execute({"dag": dag, "dag_run": SimpleNamespace(conf=conf)})


def test_a_misspelt_field_fails_with_the_name_that_was_probably_meant(tmp_path, sandbox):
    with pytest.raises(AirflowFailException, match=r"'aprove_shrink'.*Did you mean 'approve_shrink'"):
        preflight(tmp_path, {"dry_run": True, "aprove_shrink": "ask"})


@pytest.mark.parametrize("conf", [None, {}, {"dry_run": True}])
def test_fields_that_the_dag_has_pass(tmp_path, conf):
    assert preflight(tmp_path, conf)["workspace"] == "acme"


def test_unknown_fields_pass_unless_they_are_to_be_refused(tmp_path):
    assert preflight(tmp_path, {"mine": 1}, refuse=False)["workspace"] == "acme"
