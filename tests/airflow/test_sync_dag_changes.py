"""What changed since yesterday, told by the sync DAG."""

from __future__ import annotations

import json


def test_it_is_told_from_the_second_run_on_and_a_damaged_snapshot_is_passed_over(sync, sandbox, staging):
    first = sync()
    assert (first.state, first.tasks["what_changed"]) == ("success", "success")
    assert first.result("what_changed")["compared_with"] is None

    report = sandbox.mode.world.reports[0]
    report.name = "Another name"
    second = sync()
    told = second.result("what_changed")
    assert [(one["change"], one["token"]) for one in told["first"]] == [("renamed", report.token)]
    assert "Another name" in second.result("what_changed", "summary_markdown")
    (kept,) = staging.glob("*/*.changes")
    assert json.loads(kept.read_bytes())["to"] == told["timestamp"]

    snapshot = staging / sandbox.mode.workspace / str(told["timestamp"])
    for path in snapshot.glob("*-report.json"):
        path.write_text("[{")
    third = sync()
    assert (third.state, third.tasks["what_changed"]) == ("success", "success")
    # The damaged one is passed over.
    assert third.result("what_changed")["compared_with"] == told["compared_with"]
