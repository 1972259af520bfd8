"""What operators tell OpenLineage, taken from them as Airflow's provider does, and put into events."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.lineage import of_reconciliation, of_refresh, place_of

pytestmark = pytest.mark.usefixtures("connect")


def event_of(operator, *, failed=False):
    """The event that a consumer gets, as JSON, checked for what every event and facet must have."""
    extractor = DefaultExtractor(operator)
    told = (extractor.extract_on_failure if failed else extractor.extract_on_complete)(SimpleNamespace())
    return checked(told, failed=failed)


def checked(told, *, failed=False):
    event = RunEvent(
        eventType=RunState.FAIL if failed else RunState.COMPLETE,
        eventTime=datetime.now(UTC).isoformat(),
        run=Run(runId=str(uuid.uuid4()), facets=told.run_facets),
        job=Job(namespace="tests", name="dag.task", facets=told.job_facets),
        inputs=told.inputs,
        outputs=told.outputs,
        producer="https://github.com/apache/airflow",
    )
    document = json.loads(Serde.to_json(event))
    facets = list(document["run"].get("facets", {}).values())
    for dataset in [*document["inputs"], *document["outputs"]]:
        assert dataset["namespace"]
        assert dataset["name"]
        for kind in ("facets", "inputFacets", "outputFacets"):
            facets += dataset.get(kind, {}).values()
    for facet in facets:
        assert facet["_producer"].startswith("https://")
        assert facet["_schemaURL"].startswith("https://openlineage.io/spec/")
    return document


def extraction(tmp_path, **arguments):
    return ModeExtractOperator(task_id="extract", output_dir=str(tmp_path), **arguments)


def test_an_extraction_reads_the_workspace_and_writes_each_file_with_its_rows_and_bytes(tmp_path, sandbox):
    operator = extraction(tmp_path)
    extracted = operator.execute({})
    event = event_of(operator)
    host = sandbox.mode.url.removeprefix("http://")
    assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [
        (f"mode://{host}", sandbox.mode.workspace)
    ]
    assert {one["namespace"] for one in event["outputs"]} == {"file"}
    files = {one["name"]: one["outputFacets"]["outputStatistics"] for one in event["outputs"]}
    reports = f"{extracted['directory']}/{extracted['timestamp']}-report.json"
    assert files[reports]["rowCount"] == extracted["rows"]["report"]
    assert len(files) == 6
    assert files[reports]["size"] == (tmp_path / reports).stat().st_size


def test_an_extraction_that_fails_tells_what_it_read_from_and_no_file(tmp_path, sandbox):
    sandbox.mode.fault("spaces", status=400, times=None)
    operator = extraction(tmp_path)
    with pytest.raises(AirflowFailException):
        operator.execute({})
    event = event_of(operator, failed=True)
    assert [one["name"] for one in event["inputs"]] == [sandbox.mode.workspace]
    assert event["outputs"] == []


def test_an_upload_reads_the_files_that_the_extraction_wrote_and_feeds_the_source(tmp_path, sandbox):
    extracting = extraction(tmp_path)
    extracted = extracting.execute({})
    operator = CatalogUploadOperator(task_id="upload", manifest=extracted)
    operator.execute({})
    event = event_of(operator)
    written = [(one["namespace"], one["name"]) for one in event_of(extracting)["outputs"]]
    assert [(one["namespace"], one["name"]) for one in event["inputs"]] == written
    (source,) = event["outputs"]
    assert source["name"] == f"sources/{sandbox.catalog.source_id}"
    assert source["namespace"].startswith("coalesce-catalog://")
    assert source["outputFacets"]["outputStatistics"]["rowCount"] == sum(extracted["rows"].values())
    assert event["run"]["facets"]["externalQuery"]["externalQueryId"].endswith(str(extracted["timestamp"]))


def test_a_dry_run_says_nothing_of_rows_in_catalog(tmp_path):
    operator = CatalogUploadOperator(
        task_id="upload", manifest=extraction(tmp_path).execute({}), dry_run=True
    )
    operator.execute({})
    (source,) = event_of(operator)["outputs"]
    assert not source.get("outputFacets")


def test_a_refresh_writes_the_reports_that_were_run():
    runs = [{"target": "reports/r1", "run": "a1"}, {"target": "datasets/d1", "run": None}]
    event = checked(of_refresh(host="https://app.mode.com", workspace="acme", runs=runs))
    assert [one["name"] for one in event["outputs"]] == ["acme/reports/r1", "acme/datasets/d1"]
    assert event["run"]["facets"]["externalQuery"]["externalQueryId"] == "a1"


def test_a_reconciliation_reads_both_sides():
    event = checked(
        of_reconciliation(
            api_url="https://api.castordoc.com/public/graphql", source_id="s1", manifest="/data/1.manifest"
        )
    )
    assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [
        ("coalesce-catalog://api.castordoc.com", "sources/s1"),
        ("file", "/data/1.manifest"),
    ]


def test_a_task_that_never_began_has_nothing_to_tell():
    operator = ModeCacheRefreshOperator(task_id="refresh", reports=["r1"])
    assert operator.get_openlineage_facets_on_complete(None) is None


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("/data/mode/1-report.json", ("file", "/data/mode/1-report.json")),
        ("file:///data/mode/1.json", ("file", "/data/mode/1.json")),
        ("s3://bucket/mode/1.json", ("s3://bucket", "mode/1.json")),
        ("s3://aws_default@bucket/mode/1.json", ("s3://bucket", "mode/1.json")),
    ],
)
def test_files_are_named_by_the_rules_of_openlineage(location, place):
    assert place_of(location) == place


_WITHOUT = """
import sys
# As if it were not installed; Airflow itself reads what is installed, and must find a package.
sys.modules["airflow.providers.openlineage.extractors"] = sys.modules["openlineage"] = None
from mode_catalog_provider.operators import cache_refresh, extract, reconcile, upload
assert not [name for name in sys.modules if name.endswith("tasks.lineage")]
assert extract.ModeExtractOperator(task_id="extract", output_dir="/data/mode").task_id == "extract"
"""


def test_without_the_provider_nothing_of_it_is_imported():
    subprocess.run([sys.executable, "-c", _WITHOUT], check=True, timeout=240, capture_output=True)
