from __future__ import annotations

import json
from functools import partial

import pytest

from mode_catalog_provider.errors import MalformedResponseError
from mode_catalog_provider.refresh.cancel import cancel_quietly, cancel_run
from mode_catalog_provider.refresh.progress import result_of


def test_giving_up_cancels_the_runs_we_started_and_leaves_the_joined_ones_alone(
    mode, client, refresh, reports
):
    joined = mode.runs.start(mode.world.report(reports[0]), by="a person")
    work = refresh(reports=reports[:3], limit=2)
    work.step()
    work.give_up("after 1 h", cancel=partial(cancel_quietly, client))
    [ours] = mode.runs.started(reports[1])
    assert ours.state(mode.service_now()) == "cancelled"
    assert not joined.over(mode.service_now())
    errors = {row["report"]: row["error"] for row in result_of(work.progress)["runs"]}
    assert errors == {
        reports[0]: "was still 'enqueued' after 1 h",
        reports[1]: "was still 'enqueued' after 1 h; the run was cancelled",
        reports[2]: "was not started after 1 h",
    }


def test_a_run_that_is_over_or_gone_or_without_a_form_cannot_be_cancelled_and_that_is_no_error(
    mode, client, reports
):
    over = mode.runs.start(mode.world.report(reports[0]), by="test")
    mode.runs.end(over)
    assert not cancel_quietly(client, f"reports/{reports[0]}/runs/{over.token}")
    assert cancel_run(client, f"reports/{reports[0]}/runs/000000000000") is False
    mode.switches.throw(cancel_form=False)
    going = mode.runs.start(mode.world.report(reports[0]), by="test")
    assert not cancel_quietly(client, f"reports/{reports[0]}/runs/{going.token}")
    assert not going.over(mode.service_now())


@pytest.mark.parametrize(
    "action",
    [
        "https://evil.example/api/acme/reports/a/runs/b/cancel",
        "//evil.example/api/acme/reports/a/runs/b/cancel",
        "/acme/reports/a",
        "/api/../logout",
        "/api/%2e%2e/logout",
        "/api\\..\\logout",
        "/api/acme\\..\\..\\logout",
        "",
    ],
)
def test_a_cancel_form_that_points_away_from_the_api_is_not_followed(mode, client, reports, action):
    run = {
        "token": "0123456789ab",
        "state": "enqueued",
        "_forms": {"cancel": {"method": "put", "action": action}},
    }
    mode.fault("*/runs/0123456789ab", body=json.dumps(run).encode())
    assert not cancel_quietly(client, f"reports/{reports[0]}/runs/0123456789ab")
    assert {request.method for request in mode.requests} == {"GET"}


@pytest.mark.parametrize("form", [{}, {"method": None}, {"method": "get"}])
def test_a_cancel_form_whose_method_could_not_cancel_is_not_followed(mode, client, reports, form):
    path = f"reports/{reports[0]}/runs/0123456789ab"
    form = {**form, "action": f"/api/{mode.workspace}/{path}"}
    run = {"token": "0123456789ab", "state": "enqueued", "_forms": {"cancel": form}}
    mode.fault("*/runs/0123456789ab", body=json.dumps(run).encode())
    with pytest.raises(MalformedResponseError, match="names no method that could cancel"):
        cancel_run(client, path)
    assert {request.method for request in mode.requests} == {"GET"}
