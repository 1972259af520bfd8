"""The two operators against the sandbox, executed by hand."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from mode_catalog_provider.errors import CancelledError, ServiceUnavailableError
from mode_catalog_provider.lock import Holder, RunLock
from mode_catalog_provider.operators import extract as extract_module
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.sensors.catalog import CatalogIngestedSensor
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowFailException

pytestmark = pytest.mark.usefixtures("connect")


@pytest.fixture
def extract(tmp_path):
    def run(**arguments):
        operator = ModeExtractOperator(task_id="extract", **{"output_dir": str(tmp_path), **arguments})
        return operator.execute({})

    return run


def upload(**arguments):
    return CatalogUploadOperator(task_id="upload", **arguments).execute({})


def take(directory):
    lock = RunLock(directory, ttl=timedelta(minutes=5))
    return lock, lock.try_acquire(Holder.here("test"))


def test_what_one_returns_is_what_the_other_takes(extract, sandbox):
    extracted = extract()
    pushed = upload(manifest=extracted)
    assert len(pushed["pushed"]) == len(sandbox.catalog.uploads) == 6
    assert pushed["snapshot"] == extracted["manifest"]
    assert json.loads(json.dumps([extracted, pushed])) == [extracted, pushed]


def test_a_manifest_may_be_given_in_every_form(extract):
    extracted = extract()
    path = extracted["manifest"]
    for form in (path, f"file://{path}", str(extracted), json.dumps(extracted)):
        assert upload(manifest=form, dry_run=True)["snapshot"] == extracted["manifest"]


def test_a_second_upload_of_the_same_snapshot_sends_nothing(extract, sandbox):
    extracted = extract()
    first = upload(manifest=extracted)
    again = upload(manifest=extracted)
    assert (again["pushed"], again["already_there"]) == ([], first["pushed"])
    assert len([one for one in sandbox.catalog.requests if one.matches("visualization-*")]) == 6


def test_a_folder_may_be_given(extract, sandbox):
    extracted = extract()
    assert len(upload(directory_path=extracted["directory"])["pushed"]) == 6


def test_a_single_file_may_be_given(sandbox, tmp_path):
    path = tmp_path / "1700000000_dashboards.csv"
    path.write_text("id,name\n1,One\n")
    result = upload(file_path=str(path))
    assert result["pushed"] == [path.name]
    assert sandbox.catalog.uploads[0].content == path.read_bytes()


@pytest.mark.usefixtures("connect")
def test_a_folder_in_the_place_of_a_single_file_is_told_where_it_belongs(sandbox, tmp_path):
    with pytest.raises(AirflowFailException, match=f"{tmp_path} is a folder.* as directory_path"):
        CatalogUploadOperator(task_id="upload", file_path=str(tmp_path)).execute({})
    assert sandbox.catalog.uploads == []


def test_arguments_may_be_texts_as_jinja_renders_them(extract, sandbox):
    extracted = extract(
        incremental="False",
        resume="False",
        include_personal="True",
        include_archived="False",
        include_collections="[]",
        exclude_collections="None",
        members="lite",
        keep="3",
        lease="None",
        output_conn_id="",
    )
    expected = sandbox.mode.expected(include_personal=True, include_archived=False, members="lite")
    assert extracted["rows"] == {asset: len(rows) for asset, rows in expected.items()}
    options = {"dry_run": "True", "accept_shrink": "False", "max_shrink": "0.5"}
    result = upload(manifest=extracted, lease="", source_id="", zone="", **options)
    assert result["pushed"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"output_dir": "relative/folder"}, "neither an absolute path nor a URL"),
        ({"strategy": "fastest"}, "strategy"),
        ({"members": "some"}, "members"),
        ({"incremental": "perhaps"}, "incremental"),
        ({"resume": "perhaps"}, "resume"),
        ({"keep": "few"}, "keep"),
        ({"lease": {"path": "/x"}}, "not a lease"),
        ({"include_collections": ["No such collection"]}, "No such collection"),
    ],
)
def test_a_wrong_argument_fails_at_once_by_name(extract, arguments, said):
    with pytest.raises(AirflowFailException, match=said):
        extract(**arguments)


@pytest.mark.usefixtures("connect")
def test_an_output_dir_that_is_a_file_fails_at_once_by_its_path(tmp_path):
    place = tmp_path / "staging"
    place.write_text("no folder")
    with pytest.raises(AirflowFailException, match=f"{place} cannot be used .*: correct the path"):
        ModeExtractOperator(task_id="extract", output_dir=str(place)).execute({})


def test_a_manifest_that_cannot_be_seen_here_says_so(tmp_path):
    with pytest.raises(AirflowFailException, match="not shared between workers"):
        upload(manifest=str(tmp_path / "1.manifest"))


@pytest.mark.parametrize("manifest", [{}, {"manifest": None}, "{}"])
def test_a_result_without_manifest_is_refused(manifest):
    with pytest.raises(AirflowFailException, match="neither what ModeExtractOperator returned"):
        upload(manifest=manifest)


def test_an_error_that_may_pass_is_left_to_airflows_retries(extract, connect, monkeypatch):
    monkeypatch.setattr(
        extract_module, "capture", lambda **_: (_ for _ in ()).throw(ServiceUnavailableError("away"))
    )
    with pytest.raises(ServiceUnavailableError):
        extract()


def test_the_lease_is_held_and_renewed_and_not_given_back(extract, tmp_path):
    lock, lease = take(tmp_path / ".lock")
    states = [lock.state()]
    extracted = extract(lease=lease.to_json())
    states.append(lock.state())
    upload(manifest=extracted, lease=str(lease.to_json()))
    states.append(lock.state())
    lock.check(lease)
    assert len({state.fingerprint for state in states}) == 3


def test_a_lease_taken_over_before_the_work_stops_it_before_the_first_request(extract, sandbox, tmp_path):
    lock, lease = take(tmp_path / ".lock")
    extracted = extract(lease=lease.to_json())
    lock.release(lease)
    take(tmp_path / ".lock")
    before = len(sandbox.mode.requests)
    with pytest.raises(AirflowFailException):
        extract(lease=lease.to_json())
    with pytest.raises(AirflowFailException):
        upload(manifest=extracted, lease=lease.to_json())
    assert len(sandbox.mode.requests) == before
    assert sandbox.catalog.uploads == []


def test_a_lease_taken_over_in_the_middle_leaves_no_manifest(extract, sandbox, tmp_path):
    lock, lease = take(tmp_path / ".lock")

    def take_over():
        lock.release(lease)
        take(tmp_path / ".lock")

    sandbox.mode.fault("reports/*/queries", nth=2, do=take_over)
    with pytest.raises(AirflowFailException):
        extract(lease=lease.to_json(), strategy="rest")
    assert list(tmp_path.rglob("*.manifest")) == []


def test_a_lease_taken_over_in_the_middle_of_an_upload_stops_it_at_the_next_file(extract, sandbox, tmp_path):
    extracted = extract()
    lock, lease = take(tmp_path / ".lock")

    def take_over():
        lock.release(lease)
        take(tmp_path / ".lock")

    sandbox.catalog.fault("*-report.json", do=take_over)
    with pytest.raises(AirflowFailException):
        upload(manifest=extracted, lease=lease.to_json())
    assert [one.name.partition("-")[2] for one in sandbox.catalog.uploads] == [
        "datasource.json",
        "collection.json",
        "report.json",
    ]


def test_a_killed_extraction_stops_in_the_middle_of_a_request(sandbox, tmp_path):
    operator = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path), strategy="rest")
    sandbox.mode.fault("reports/*/queries", nth=2, do=operator.on_kill, hang=30)
    with pytest.raises(CancelledError):
        operator.execute({})
    assert list(tmp_path.rglob("*.manifest")) == []


@pytest.mark.parametrize("resume", [True, "False"])
def test_the_next_try_asks_only_for_what_the_killed_one_had_not_read(extract, sandbox, tmp_path, resume):
    world = sandbox.mode.world
    home = next(one for one in world.collections if not one.personal and not one.refused)
    for _ in range(40):
        world.add_report(home.token, queries=1)
    operator = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path), strategy="rest")
    sandbox.mode.fault("reports/*/queries", nth=30, do=operator.on_kill, hang=30)
    with pytest.raises(CancelledError):
        operator.execute({})
    before = len(sandbox.mode.requests)
    result = extract(strategy="rest", resume=resume)
    asked = [one for one in sandbox.mode.requests[before:] if one.matches("reports/*/queries")]
    taken = json.loads(Path(result["manifest"]).read_text())["reuse"].get("resumed", {"reports": 0})[
        "reports"
    ]
    assert len(asked) + taken == result["rows"]["report"]
    # Of the 30, sixteen at most were on their way.
    assert (taken > 10) is (resume is True)


def test_a_kill_after_the_last_request_still_leaves_no_manifest(sandbox, tmp_path, monkeypatch):
    operator = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path))
    capture = extract_module.capture

    def capture_while_killed(*, fence, **arguments):
        def killed_now():
            operator.on_kill()
            fence()

        return capture(fence=killed_now, **arguments)

    monkeypatch.setattr(extract_module, "capture", capture_while_killed)
    with pytest.raises(CancelledError, match="told to stop"):
        operator.execute({})
    assert list(tmp_path.rglob("*.manifest")) == []


def test_a_killed_upload_stops_in_the_middle_of_a_request(extract, sandbox):
    operator = CatalogUploadOperator(task_id="upload", manifest=extract())
    sandbox.catalog.fault("*-report.json", do=operator.on_kill, hang=30)
    with pytest.raises(CancelledError):
        operator.execute({})
    assert len(sandbox.catalog.uploads) == 2


def test_a_kill_before_the_work_began_is_harmless(tmp_path):
    ModeExtractOperator(task_id="extract", output_dir=str(tmp_path)).on_kill()
    CatalogUploadOperator(task_id="upload", manifest="/m").on_kill()


def test_the_wait_for_an_upload_is_not_over_by_an_ingestion_while_mode_was_still_read(sandbox, tmp_path):
    pushed = {}
    context = {"ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))}
    extracted = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path)).execute(context)
    CatalogUploadOperator(task_id="upload", manifest=extracted, dry_run=True).execute(context)
    assert "completed_at" not in pushed
    CatalogUploadOperator(task_id="upload", manifest=extracted).execute(context)
    first = pushed.pop("completed_at")
    CatalogUploadOperator(task_id="upload", manifest=extracted).execute(context)
    assert pushed["completed_at"] == first
    sandbox.catalog.ingest_mode(datetime.fromisoformat(first) - timedelta(seconds=1))
    sensor = CatalogIngestedSensor(task_id="wait", ingested_after=first)
    assert not sensor.poke({}).is_done
    sandbox.catalog.ingest_mode()
    assert sensor.poke({}).is_done


def test_both_publish_where_they_lead_to(sandbox, tmp_path):
    pushed = {}
    context = {"ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))}
    extracted = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path)).execute(context)
    CatalogUploadOperator(task_id="upload", manifest=extracted).execute(context)
    assert set(pushed) == {
        "_link_ModeWorkspaceLink",
        "_link_CatalogSourceLink",
        "summary",
        "summary_markdown",
        "completed_at",
    }
    assert {name: url for name, url in pushed.items() if name.startswith("_link")} == {
        "_link_ModeWorkspaceLink": f"{sandbox.mode.url}/acme",
        "_link_CatalogSourceLink": "https://app.castordoc.com",
    }


def test_an_upload_leads_to_the_extraction_before_it_even_if_it_fails(sandbox, tmp_path):
    from airflow.sdk import DAG

    with DAG("button", schedule=None):
        extract = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path))
        upload = CatalogUploadOperator(task_id="upload", manifest=str(tmp_path / "nothing"))
        extract >> upload
    pushed = {}
    ti = SimpleNamespace(
        task_id="upload",
        log_url="http://airflow/dags/button/runs/r/tasks/upload?try_number=1",
        xcom_push=lambda key, value: pushed.update({key: value}),
    )
    with pytest.raises(AirflowFailException):
        upload.execute({"ti": ti})
    assert pushed["_link_ExtractionLink"] == "http://airflow/dags/button/runs/r/tasks/extract"


def test_figures_go_to_airflows_metrics_with_few_tags(extract, monkeypatch):
    sent = []

    class Recorder:
        @staticmethod
        def gauge(name, value, tags=None):
            sent.append((name, tags))

        timing = incr = gauge

    monkeypatch.setattr(metrics, "Stats", Recorder)
    upload(manifest=extract())
    tagged = {name: tags for name, tags in sent if tags}
    assert {metrics.METRICS[name].tags for name in tagged} == {tuple(tags) for tags in tagged.values()}
    assert {"mode_catalog.extract.rows", "mode_catalog.http.requests"} <= set(tagged)
    # The same value once more under a name of its own, for those that drop tags.
    plain = {name for name, tags in sent if not tags}
    assert {"mode_catalog.extract.rows.report", "mode_catalog.http.requests.catalog.upload.2xx"} <= plain
    assert {"mode_catalog.upload.files", "mode_catalog.catalog.fed_at"} <= plain
    assert all(value in metrics.TAGS[tag] for tags in tagged.values() for tag, value in tags.items())


@pytest.mark.usefixtures("memory_store")
def test_an_object_store_is_staged_to_and_read_from(extract):
    extracted = extract(output_dir="memory://bucket/mode", output_conn_id="")
    assert extracted["manifest"].startswith("memory://")
    assert len(upload(manifest=extracted)["pushed"]) == 6


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_forbidden": "Warn"},
        {"on_covered": "yes"},
        {"keep": "2.7"},
        {"keep": float("nan")},
        {"keep": -1},
        {"full_refresh_after": -1},
    ],
    ids=str,
)
def test_a_wrong_choice_or_number_is_refused_by_its_name_before_mode_is_asked(extract, sandbox, wrong):
    (name,) = wrong
    with pytest.raises(AirflowFailException, match=name):
        extract(**wrong)
    assert sandbox.mode.requests == []
