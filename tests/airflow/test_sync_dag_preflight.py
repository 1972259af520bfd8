"""The sync DAG and its credentials: what is found out before the extraction, and what people are told."""

from __future__ import annotations

import json


def changed(environment, conn_id, **fields):
    """The sandbox's environment with a connection changed; ``extra`` is added to what is there."""
    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    connection = json.loads(environment[name])
    connection["extra"] |= fields.pop("extra", {})
    return {**environment, name: json.dumps({**connection, **fields})}


def test_a_refused_upload_token_fails_before_the_extraction_though_a_good_one_reads(sync, sandbox):
    extra = {"read_token": sandbox.catalog.read_token}
    env = changed(sandbox.environment(), "coalesce_catalog_default", password="clsc_revoked", extra=extra)
    run = sync(env=env)
    assert run.state == "failed"
    assert run.tasks["preflight"] == "failed"
    assert run.tries["preflight"] == 1
    assert run.tasks["extract"] == "upstream_failed"
    assert sandbox.mode.requests_to("spaces*") == []


def test_all_faults_are_told_at_once(sync, sandbox, capfd):
    env = changed(sandbox.environment(), "coalesce_catalog_default", password="clsc_revoked")
    env = changed(env, "mode_default", password="mistyped")
    run = sync(env=env)
    assert run.state == "failed"
    told = "".join(capfd.readouterr())
    assert "2 things are wrong" in told
    assert "(1) Catalog refused" in told
    assert "(2) Mode refused" in told


def test_a_missing_connection_does_not_hide_the_other_fault(sync, sandbox, capfd):
    env = changed(sandbox.environment(), "coalesce_catalog_default", password="clsc_revoked")
    run = sync(env={**env, "AIRFLOW__MODE_CATALOG__MODE_CONN_ID": "nowhere"})
    assert run.state == "failed"
    told = "".join(capfd.readouterr())
    assert "(1) Catalog refused" in told
    assert "'nowhere'" in told


def test_the_last_task_names_what_failed_and_not_what_followed(sync, sandbox, capfd):
    run = sync(env=changed(sandbox.environment(), "mode_default", password="mistyped"))
    assert run.tasks["confirm_outcome"] == "failed"
    told = "".join(capfd.readouterr())
    assert "This run did not bring Catalog up to date (preflight failed: see its log)." in told


def test_a_prepared_next_key_takes_over_when_the_present_one_is_refused(sync, sandbox, capfd, caplog):
    following = sandbox.mode.add_key().credentials
    extra = {"next_token": following.token, "next_secret": following.secret}
    env = changed(sandbox.environment(), "mode_default", extra=extra)
    sandbox.mode.revoke_after(0)
    run = sync(env=env)
    assert run.state == "success"
    assert run.result("preflight")["key"] == following.suffix
    assert len(sandbox.catalog.uploads) == 6
    assert f"going on with {following.suffix}" in caplog.text
    assert following.secret not in caplog.text + "".join(capfd.readouterr())


def test_a_key_near_its_end_is_warned_of(sync, sandbox, capfd):
    run = sync(env={"AIRFLOW__MODE_CATALOG__KEY_LIFETIME_DAYS": "10"})
    assert run.state == "success"
    told = run.result("preflight")
    assert told["near_end"] is True
    assert told["days_left"] == 10
    assert told["key"] == sandbox.mode.credentials().suffix
    assert "expires in at most 10 days. Make a new key in Mode" in "".join(capfd.readouterr())


def test_a_new_refusal_makes_no_snapshot_when_asked_to_fail_and_is_named(sync, sandbox, staging, capfd):
    first = sync()
    assert first.state == "success"
    summary = first.result("upload", "summary")
    assert summary["rows"]["report"]["rows"] == first.result("extract")["rows"]["report"]
    assert summary["requests"] == first.result("extract")["requests"]
    assert "| report |" in first.result("upload", "summary_markdown")

    left_out = {token for _, token, _ in sandbox.mode.expected_left_out()}
    report = next(row for row in sandbox.mode.expected()["report"] if row["token"] not in left_out)
    sandbox.mode.fault(f"reports/{report['token']}/queries", status=403, times=None)
    second = sync({"on_forbidden": "fail"})
    assert second.state == "failed"
    assert second.tries["extract"] == 1
    assert f"report (1): {report['name']}" in "".join(capfd.readouterr())
    assert len(list(staging.glob("*/*/*.manifest"))) == 1
