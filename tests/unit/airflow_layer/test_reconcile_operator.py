"""The reconciliation as an operator, executed by hand."""

from __future__ import annotations

import pytest

from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.reconcile import CatalogReconcileOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.tasks.compat import AirflowFailException
from tests.unit.airflow_layer.telling import TaskInstance

pytestmark = pytest.mark.usefixtures("connect")


@pytest.fixture
def extracted(tmp_path, sandbox):
    result = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path)).execute({})
    CatalogUploadOperator(task_id="upload", manifest=result).execute({})
    sandbox.catalog.ingest_mode()
    return result


def reconcile(**arguments):
    return CatalogReconcileOperator(task_id="reconcile", **arguments).execute({})


def test_the_snapshot_may_be_given_or_is_the_newest_that_was_pushed(extracted, tmp_path):
    ModeExtractOperator(task_id="extract", output_dir=str(tmp_path)).execute({})
    given = reconcile(manifest=extracted)
    assert given["arrived"] == given["reports"] > 0
    assert given["compared_with"] is None
    newest = reconcile(output_dir=str(tmp_path))
    assert newest["timestamp"] == given["timestamp"] == extracted["timestamp"]
    assert newest["compared_with"] == given["timestamp"]


def test_the_task_has_a_link_to_catalog_even_where_a_threshold_is_missed(extracted, sandbox):
    sandbox.catalog.lineages.clear()
    ti = TaskInstance()
    operator = CatalogReconcileOperator(task_id="reconcile", manifest=extracted, min_lineage=0.1)
    with pytest.raises(AirflowFailException):
        operator.execute({"ti": ti})
    assert ti.pushed["_link_CatalogSourceLink"] == "https://app.castordoc.com"
    assert ti.pushed["return_value"]["lineage_share"] == 0


@pytest.mark.parametrize("share", ["1.5", -1, "many"])
def test_a_threshold_that_is_no_share_is_refused_by_its_name(extracted, share):
    with pytest.raises(AirflowFailException, match="min_lineage"):
        reconcile(manifest=extracted, min_lineage=share)


def test_thresholds_may_be_texts_as_jinja_renders_them(extracted):
    assert reconcile(manifest=extracted, min_arrived="1.0", min_lineage="None")["counts"]["missing"] == 0


def test_a_missed_threshold_fails_at_once(extracted, sandbox):
    sandbox.catalog.lineages.clear()
    with pytest.raises(AirflowFailException, match=r"0 of \d+ reports in Catalog have lineage"):
        reconcile(manifest=extracted, min_lineage=0.1)


def test_without_a_place_to_look_it_is_refused_when_the_dag_is_parsed():
    with pytest.raises(ValueError, match="manifest or output_dir"):
        CatalogReconcileOperator(task_id="reconcile")
