"""The DAG ``mode_permission_audit`` against the sandbox."""

from __future__ import annotations

import pytest


@pytest.fixture
def audit(run_dag, sandbox, staging):
    environment = {**sandbox.environment(), "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging)}
    return lambda conf=None, **env: run_dag("mode_permission_audit", conf, {**environment, **env})


def test_a_lost_right_fails_the_run_that_was_asked_to(audit, sandbox, staging):
    rights, collection = sandbox.mode.rights, sandbox.mode.world.collections[0]
    finance = rights.add_group("Finance", "person1", "person2")
    rights.allow(finance, collection.token, "manage")
    first = audit()
    assert first.state == "success"
    assert first.result("permissions")["compared_with"] is None
    assert {request.method for request in sandbox.mode.requests} == {"GET"}
    finance.members.remove("person2")
    again = audit({"fail_on": ["lost"]})
    assert again.state == "failed"
    result = again.result("permissions")
    assert [(one["member"], one["change"], one["through"]) for one in result["changes"]] == [
        ("person2", "lost", "group Finance")
    ]
    assert len(list(staging.glob("acme*/permissions/*.grants.csv"))) == 2
