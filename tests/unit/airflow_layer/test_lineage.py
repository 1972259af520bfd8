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
from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde
from openlineage.client.transport.http import HttpConfig, HttpTransport

from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.reconcile import CatalogReconcileOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.tasks import report_lineage
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.lineage import mode_namespace, of_refresh, place_of
from tests.airflow.receivers import Receiver
from tests.unit.airflow_layer.telling import TaskInstance

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


def test_a_refresh_writes_the_reports_that_were_run(sandbox):
    report = sandbox.mode.world.reports[0]
    operator = ModeCacheRefreshOperator(task_id="refresh", reports=[report.token], deferrable=False)
    operator.execute({"ti": TaskInstance()})
    event = event_of(operator)
    assert [one["name"] for one in event["outputs"]] == [f"{sandbox.mode.workspace}/reports/{report.token}"]
    (run,) = sandbox.mode.runs.started()
    assert event["run"]["facets"]["externalQuery"]["externalQueryId"] == run.token


def test_a_dataset_without_a_run_is_written_as_well():
    runs = [{"target": "reports/r1", "run": "a1"}, {"target": "datasets/d1", "run": None}]
    event = checked(of_refresh(host="https://app.mode.com", workspace="acme", runs=runs))
    assert [one["name"] for one in event["outputs"]] == ["acme/reports/r1", "acme/datasets/d1"]


def test_a_reconciliation_reads_both_sides(tmp_path, sandbox):
    manifest = extraction(tmp_path).execute({})
    CatalogUploadOperator(task_id="upload", manifest=manifest).execute({})
    operator = CatalogReconcileOperator(task_id="reconcile", manifest=manifest)
    operator.execute({})
    source, file = event_of(operator)["inputs"]
    assert source["name"] == f"sources/{sandbox.catalog.source_id}"
    assert source["namespace"].startswith("coalesce-catalog://")
    assert (file["namespace"], file["name"]) == ("file", manifest["manifest"])


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
sys.modules["airflow.providers.openlineage.conf"] = None
from mode_catalog_provider.operators import cache_refresh, extract, reconcile, upload
extracted = extract.ModeExtractOperator(task_id="extract", output_dir=sys.argv[1]).execute({})
assert extracted["rows"]["report"]
assert upload.CatalogUploadOperator(task_id="upload", manifest=extracted).execute({})["pushed"]
assert not [name for name in sys.modules if name.endswith(("tasks.lineage", "tasks.report_lineage"))]
"""


def test_without_the_provider_tasks_run_and_nothing_of_it_is_imported(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT, str(tmp_path)], timeout=280, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


class RunningTask:
    """As much of a task instance as OpenLineage's provider asks for."""

    dag_id, task_id, try_number, map_index = "dag", "extract", 1, -1
    dag_run = SimpleNamespace(logical_date=datetime(2026, 11, 1, tzinfo=UTC), run_after=None)

    def get_template_context(self):
        return {"dag_run": self.dag_run}

    def xcom_push(self, key, value):
        pass


@pytest.fixture
def consumer(monkeypatch):
    """Give OpenLineage a consumer in this process: ``consumer(refuse=503)``."""
    started = []

    def start(refuse=None):
        receiver = Receiver(refuse)
        started.append(receiver)
        config = HttpConfig(url=receiver.url, endpoint="api/v1/lineage", retry={"total": 0})
        client = OpenLineageClient(transport=HttpTransport(config))
        listener = SimpleNamespace(adapter=OpenLineageAdapter(client=client))
        monkeypatch.setattr(report_lineage, "get_openlineage_listener", lambda: listener)
        monkeypatch.setattr(report_lineage.conf, "is_disabled", lambda: False)
        return receiver

    yield start
    for receiver in started:
        receiver.close()


def test_each_report_is_told_with_the_tables_that_it_reads(tmp_path, sandbox, consumer):
    receiver = consumer()
    extraction(tmp_path).execute({"ti": RunningTask()})
    told = {event["job"]["name"]: event for event in receiver.events}
    assert told
    assert {event["job"]["namespace"] for event in told.values()} == {
        f"mode://{sandbox.mode.url.removeprefix('http://')}"
    }
    for name, event in told.items():
        assert [one["name"] for one in event["outputs"]] == [name]
        assert event["inputs"]
        assert event["run"]["facets"]["parent"]["job"]["name"] == "dag.extract"


def test_a_consumer_that_is_away_is_asked_once_and_fails_nothing(tmp_path, consumer, caplog):
    receiver = consumer(refuse=503)
    assert extraction(tmp_path).execute({"ti": RunningTask()})["rows"]["report"]
    assert receiver.asked == 1
    (line,) = [one for one in caplog.messages if "was not told" in one]
    assert "503" in line


def test_without_the_extra_sql_it_is_said_and_nothing_is_sent(tmp_path, consumer, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    receiver = consumer()
    with caplog.at_level("INFO"):
        extraction(tmp_path).execute({"ti": RunningTask()})
    assert receiver.asked == 0
    assert "pip install 'mode-catalog-provider[sql]'" in caplog.text


def test_a_task_for_which_openlineage_is_switched_off_tells_nothing_of_reports(
    tmp_path, consumer, monkeypatch
):
    receiver = consumer()
    operator = extraction(tmp_path)
    switched_off = f"{type(operator).__module__}.{type(operator).__name__}"
    monkeypatch.setattr(report_lineage.conf, "disabled_operators", lambda: {switched_off})
    operator.execute({"ti": RunningTask()})
    assert receiver.asked == 0


def test_hosts_of_modes_cloud_are_one_place():
    hosts = ("https://modeanalytics.com", "https://app.mode.com", "https://www.mode.com")
    assert {mode_namespace(host) for host in hosts} == {"mode://app.mode.com"}
    assert mode_namespace("https://Mode.Intern:8443") == "mode://mode.intern:8443"
