"""When is a DAG due that waits for "Catalog was fed" and "Mode is fresh"?"""

from __future__ import annotations


def due():
    """The DAGs that the scheduler would start now."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found, _ = DagModel.dags_needing_dagruns(session)
        return {dag.dag_id for dag in found}


def nothing_announced():
    """Forget what other runs announced."""
    from airflow.models.asset import AssetDagRunQueue
    from airflow.utils.session import create_session

    with create_session() as session:
        session.query(AssetDagRunQueue).delete()


def test_a_dag_that_waits_for_both_assets_is_due_once_both_were_announced(run_dag):
    assert run_dag("assets_probe", {"fed": False, "fresh": False}).state == "success"
    nothing_announced()
    assert "assets_consumer_probe" not in due()
    run_dag("assets_probe", {"fed": True, "fresh": False})
    assert "assets_consumer_probe" not in due()
    run_dag("assets_probe", {"fed": False, "fresh": True})
    assert "assets_consumer_probe" in due()
