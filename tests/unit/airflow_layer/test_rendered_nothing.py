"""A parameter without a value, or an upstream task without a result, comes out of Jinja as text."""

from __future__ import annotations

import pytest

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.operators.audit import ModeWorkspaceAuditOperator
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.permissions import ModePermissionAuditOperator
from mode_catalog_provider.operators.preflight import ModeCatalogPreflightOperator
from mode_catalog_provider.operators.reconcile import CatalogReconcileOperator
from mode_catalog_provider.operators.schedules import ModeScheduleAuditOperator
from mode_catalog_provider.operators.snapshot_diff import ModeSnapshotDiffOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.tasks.compat import AirflowFailException

each = pytest.mark.parametrize("nothing", [None, "None", "", " None "])


def extract(home, **arguments):
    return ModeExtractOperator(task_id="extract", output_dir=str(home), **arguments).execute({})


@pytest.fixture
def staged(tmp_path, connect):
    return extract(tmp_path / "staging")


@each
@pytest.mark.usefixtures("connect")
def test_an_extraction_keeps_all_snapshots(tmp_path, nothing):
    first, second = (extract(tmp_path, keep=nothing, source_id=nothing, lease=nothing) for _ in range(2))
    manifests = {str(path) for path in tmp_path.rglob("*.manifest")}
    assert manifests == {first["manifest"], second["manifest"]}


@each
def test_an_upload_goes_to_the_source_and_zone_of_the_connection(staged, sandbox, nothing):
    upload = CatalogUploadOperator(
        task_id="upload", manifest=staged, source_id=nothing, zone=nothing, output_conn_id=nothing
    )
    assert upload.execute({})["source_id"] == sandbox.catalog.source_id
    reconcile = CatalogReconcileOperator(
        task_id="reconcile", manifest=staged, source_id=nothing, zone=nothing, output_conn_id=nothing
    )
    assert reconcile.execute({})["source_id"] == sandbox.catalog.source_id


@each
def test_a_preflight_checks_the_source_of_the_connection(tmp_path, connect, sandbox, nothing):
    preflight = ModeCatalogPreflightOperator(
        task_id="preflight", output_dir=str(tmp_path), source_id=nothing, output_conn_id=nothing
    )
    assert preflight.execute({})["source_id"] == sandbox.catalog.source_id


@each
@pytest.mark.parametrize(
    "operator", [ModeWorkspaceAuditOperator, ModeSnapshotDiffOperator, CatalogReconcileOperator]
)
def test_without_a_manifest_the_newest_snapshot_is_read(staged, tmp_path, operator, nothing):
    CatalogUploadOperator(task_id="upload", manifest=staged).execute({})
    task = operator(task_id="read", manifest=nothing, output_dir=str(tmp_path / "staging"))
    assert task.execute({})["snapshot"] == staged["manifest"]


@each
def test_schedules_are_those_of_the_newest_snapshot(staged, tmp_path, nothing):
    task = ModeScheduleAuditOperator(
        task_id="schedules", manifest=nothing, output_dir=str(tmp_path / "staging")
    )
    assert task.execute({})["unknown"] == 0


@each
def test_nothing_is_compared_with_the_snapshot_before(staged, tmp_path, nothing):
    later = extract(tmp_path / "staging")
    task = ModeSnapshotDiffOperator(task_id="changes", manifest=later, before=nothing)
    assert task.execute({})["compared_with"] == staged["timestamp"]


@each
@pytest.mark.usefixtures("memory_store", "connect")
def test_an_object_store_is_reached_without_a_connection(nothing):
    home = f"memory://bucket/{nothing!r}"
    staged = extract(home, output_conn_id=nothing)
    assert staged["manifest"].startswith("memory://bucket/")
    ModePermissionAuditOperator(task_id="rights", output_dir=home, output_conn_id=nothing).execute({})
    ModeWorkspaceAuditOperator(
        task_id="audit", manifest=staged, index=f"{home}/index.csv", output_conn_id=nothing
    ).execute({})


@each
def test_an_upload_of_nothing_says_what_is_missing(connect, nothing):
    upload = CatalogUploadOperator(task_id="upload", manifest="{{ ti.xcom_pull('extract') }}")
    upload.manifest = nothing
    with pytest.raises(AirflowFailException, match="manifest is empty"):
        upload.execute({})


@pytest.mark.parametrize("conn_id", [None, "None", "", "  ", 5, ["mode_default"]])
@pytest.mark.parametrize("hook", [ModeHook, CatalogHook])
def test_a_connection_without_an_id_is_told_by_its_argument(hook, conn_id):
    with pytest.raises(ConfigurationError, match=rf"^{hook.conn_name_attr}=.* is no id of a connection"):
        hook(conn_id).get_conn()


def test_a_place_that_an_upstream_task_did_not_name_fails_at_once():
    with pytest.raises(AirflowFailException, match="is no text"):
        ModeExtractOperator(task_id="extract", output_dir=None).execute({})
