"""Assets of "Catalog was fed" and "Mode is fresh": who emits them, when, and with what."""

from __future__ import annotations

import warnings

import pytest
from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk import Asset, BaseOperator
from airflow.sdk.execution_time.context import OutletEventAccessors

from mode_catalog_provider.assets import catalog_fed, mode_fresh, when_true
from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.tasks import compat
from mode_catalog_provider.tasks.announcement import announce

pytestmark = pytest.mark.usefixtures("connect")

SOURCE = "0a1b2c3d-0000-4000-8000-00000000000f"


@pytest.fixture(autouse=True)
def nested_extras(monkeypatch):
    """As every Airflow but the oldest ones takes them."""
    monkeypatch.setattr(compat, "NESTED_EXTRAS", True)


class TaskInstance:
    """As much of one as the operators need without a DAG run."""

    task_id, map_index, max_tries = "task", -1, 0

    def xcom_push(self, key, value):
        pass


def context():
    return {"outlet_events": OutletEventAccessors(), "ti": TaskInstance()}


def emitted(context, outlet):
    """Assets that an outlet emits beyond itself, each with its extra."""
    events = context["outlet_events"][outlet].asset_alias_events
    return [(event.dest_asset_key.name, event.extra) for event in events]


@pytest.fixture
def extracted(tmp_path):
    return ModeExtractOperator(task_id="extract", output_dir=str(tmp_path)).execute({})


def upload(extracted, outlet, **arguments):
    given = context()
    operator = CatalogUploadOperator(task_id="upload", manifest=extracted, outlets=[outlet], **arguments)
    operator.execute(given)
    return given


def test_an_upload_says_what_it_fed(extracted, sandbox):
    outlet = when_true(catalog_fed())
    (first,) = emitted(upload(extracted, outlet), outlet)
    assert first[0] == "catalog_fed"
    assert first[1]["source_id"] == sandbox.catalog.source_id
    assert first[1]["workspace"] == sandbox.mode.workspace
    assert (first[1]["snapshot"], first[1]["manifest"]) == (extracted["timestamp"], extracted["manifest"])
    assert first[1]["rows"] == extracted["rows"]
    assert set(first[1]["change"].values()) == {None}
    assert first[1]["bytes"] > 0


def test_the_next_upload_says_what_changed(extracted, sandbox, tmp_path):
    outlet = when_true(catalog_fed())
    upload(extracted, outlet)
    sandbox.mode.world.reports.pop()
    later = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path)).execute({})
    ((_, extra),) = emitted(upload(later, outlet, accept_shrink=True), outlet)
    assert extra["change"]["report"] == later["rows"]["report"] - extracted["rows"]["report"]


def test_a_dry_run_feeds_nothing_and_says_nothing(extracted):
    outlet = when_true(catalog_fed())
    assert emitted(upload(extracted, outlet, dry_run=True), outlet) == []


def test_an_asset_that_stands_in_the_outlets_itself_is_told_that_it_was_a_dry_run(extracted):
    outlet = catalog_fed()
    assert upload(extracted, outlet, dry_run=True)["outlet_events"][outlet].extra["dry_run"] is True
    assert upload(extracted, outlet)["outlet_events"][outlet].extra["dry_run"] is False


def refresh(sandbox, **arguments):
    outlet = when_true(mode_fresh())
    given = context()
    report = sandbox.mode.expected()["report"][0]["token"]
    operator = ModeCacheRefreshOperator(
        task_id="refresh", reports=[report], outlets=[outlet], check_interval=0.01, **arguments
    )
    operator.execute(given)
    return report, emitted(given, outlet)


def test_a_refresh_says_what_is_fresh(sandbox):
    report, ((name, extra),) = refresh(sandbox)
    assert name == "mode_fresh"
    assert extra["reports"] == [report]
    assert (extra["connection"], extra["started"], extra["failed"]) == ("mode_default", 1, 0)


@pytest.mark.parametrize("arguments", [{"dry_run": True}, {"wait_for_completion": False}])
def test_nothing_is_called_fresh_that_was_not_seen_to_end(sandbox, arguments):
    assert refresh(sandbox, **arguments)[1] == []


def test_assets_of_other_connections_and_sources_are_other_assets():
    assets = [
        catalog_fed(),
        catalog_fed(SOURCE),
        catalog_fed(catalog_conn_id="catalog_us"),
        mode_fresh(),
        mode_fresh("mode_us"),
    ]
    assert len({asset.uri for asset in assets}) == len({asset.name for asset in assets}) == 5
    assert catalog_fed("") == catalog_fed(None)


def test_what_is_emitted_when_it_is_true_is_the_asset_that_others_wait_for():
    asset = catalog_fed(SOURCE, catalog_conn_id="catalog_us")
    outlet, given = when_true(asset), context()
    announce(BaseOperator(task_id="any", outlets=[outlet]), given, {}, true=True)
    (event,) = given["outlet_events"][outlet].asset_alias_events
    assert (event.dest_asset_key.name, event.dest_asset_key.uri) == (asset.name, asset.uri)


@pytest.mark.parametrize("nested", [True, False])
def test_what_an_alias_emits_is_what_airflow_can_keep(monkeypatch, nested):
    """Airflow 3.1.0 puts the values into a set: one that has no hash fails the task after its work."""
    monkeypatch.setattr(compat, "NESTED_EXTRAS", nested)
    extra = {"rows": {"report": 3}, "reports": ["a"], "change": None, "bytes": 5, "dry_run": False}
    outlet, given = when_true(catalog_fed()), context()
    announce(BaseOperator(task_id="any", outlets=[outlet]), given, extra, true=True)
    ((_, told),) = emitted(given, outlet)
    assert told == (extra if nested else {**extra, "rows": '{"report": 3}', "reports": '["a"]'})
    if not nested:
        assert frozenset(told.items())


@pytest.mark.parametrize(
    ("written", "kept", "dataset"),
    [
        ("mode://app.mode.com/Acme", "mode://app.mode.com/acme", ("mode://app.mode.com", "acme")),
        (
            "mode://WWW.modeanalytics.com/acme/reports/0a1b2c/",
            "mode://app.mode.com/acme/reports/0a1b2c",
            ("mode://app.mode.com", "acme/reports/0a1b2c"),
        ),
        (
            "mode://mode.intern:8443/acme/datasets/0a1b2c?tab=1#x",
            "mode://mode.intern:8443/acme/datasets/0a1b2c",
            ("mode://mode.intern:8443", "acme/datasets/0a1b2c"),
        ),
        (
            f"coalesce-catalog://API.castordoc.com/sources/{SOURCE.upper()}",
            f"coalesce-catalog://api.castordoc.com/sources/{SOURCE}",
            ("coalesce-catalog://api.castordoc.com", f"sources/{SOURCE}"),
        ),
    ],
)
def test_a_plain_address_is_brought_into_one_spelling_and_is_a_dataset_of_openlineage(written, kept, dataset):
    asset = Asset(uri=written)
    assert asset.uri == kept
    translated = translate_airflow_asset(asset, None)
    assert (translated.namespace, translated.name) == dataset


@pytest.mark.parametrize(
    "written",
    [
        "mode://app.mode.com",
        "mode:///acme",
        "mode://app.mode.com/acme/spaces/0a1b2c",
        "mode://app.mode.com/acme/reports/",
        "mode://app.mode.com/acme/reports/0a1b2c/runs/1",
        "coalesce-catalog://api.castordoc.com/sources/mine",
        f"coalesce-catalog:///sources/{SOURCE}",
    ],
)
def test_an_address_that_names_nothing_is_refused_when_the_dag_is_read(written):
    with pytest.raises(ValueError, match="is written"):
        Asset(uri=written)


def test_a_password_in_an_address_is_not_kept():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert Asset(uri="mode://ada:s3cret@app.mode.com/acme").uri == "mode://app.mode.com/acme"
