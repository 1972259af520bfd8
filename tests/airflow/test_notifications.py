"""The recipes that tell people, as they stand in the documentation."""

from __future__ import annotations

import asyncio
import configparser
import json
import re
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.airflow.answers import person
from tests.airflow.conftest import parse_dag
from tests.airflow.mail_server import mail_server
from tests.airflow_versions import needs_questions

RECIPES = (Path(__file__).parents[2] / "docs/how-to/notify.md").read_text()


def recipe(language, containing):
    (block,) = (
        block
        for block in re.findall(rf"```{language}\n(.*?)```", RECIPES, flags=re.DOTALL)
        if containing in block
    )
    return block


@pytest.fixture
def mail(monkeypatch):
    with mail_server() as server:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(server.connection))
        yield server


def policy_of(recipe):
    names = {}
    exec(recipe, names)
    return names["dag_policy"]


@pytest.fixture
def dag_policy():
    return policy_of(recipe("python", "mail = SmtpNotifier"))


def text_of(message):
    return message.get_body(("html", "plain")).get_content()


def test_a_failed_task_is_told_by_one_mail_that_says_what_to_do(sync, sandbox, mail, dag_policy):
    environment = sandbox.environment()
    suffix = sandbox.mode.token[-4:]
    sandbox.mode.rotate()
    run = sync(env=environment, adjust=dag_policy)
    assert run.state == "failed"
    (message,) = mail.received
    assert message["Subject"] == "mode_catalog_sync: preflight failed"
    assert message["To"] == "data-team@example.com"
    assert f"Mode refused API token …{suffix}" in text_of(message)
    assert "airflow backfill create" in text_of(message)
    assert f"/dags/{run.dag_id}/runs/" in text_of(message)


def test_nobody_is_told_of_a_run_that_went_well(sync, sandbox, mail, dag_policy):
    assert sync(adjust=dag_policy).state == "success"
    assert mail.received == []


@pytest.fixture
def slack(monkeypatch):
    """Where the connection of the recipe leads instead of to Slack."""
    received = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{server.server_address[1]}"
        connection = {"conn_type": "slackwebhook", "host": host, "password": "T00/B00/XXX"}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK", json.dumps(connection))
        yield received
        server.shutdown()


def test_slack_is_told_the_same(sync, sandbox, slack):
    environment = sandbox.environment()
    sandbox.mode.rotate()
    policy = policy_of(recipe("python", "SlackWebhookNotifier"))
    assert sync(env=environment, adjust=policy).state == "failed"
    (message,) = slack
    assert message["text"].startswith("mode_catalog_sync: preflight failed. Mode refused API token")
    assert "|Log>" in message["text"]


@pytest.fixture
def late(monkeypatch):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(recipe("ini", "deadline_hours"))
    for name, value in parser["mode_catalog"].items():
        monkeypatch.setenv(f"AIRFLOW__MODE_CATALOG__{name.upper()}", value)


def test_an_upload_is_told_with_its_figures(sync, mail):
    assert sync(adjust=policy_of(recipe("python", "uploaded = SmtpNotifier"))).state == "success"
    (message,) = mail.received
    assert message["Subject"].endswith(": uploaded")
    assert "| report |" in text_of(message)


@needs_questions
def test_a_mail_brings_the_question_to_the_person_who_is_asked(sync, sandbox, mail):
    assert sync().state == "success"
    world = sandbox.mode.world
    for report in list(world.reports)[: len(world.reports) // 2]:
        world.remove_report(report)
    policy = policy_of(recipe("python", "asked = SmtpNotifier"))
    with person("Reject"):
        assert sync({"approve_shrink": "ask"}, adjust=policy).state == "failed"
    (message,) = mail.received
    assert "smaller snapshot" in message["Subject"]
    assert "report" in text_of(message)


def test_there_is_no_deadline_unless_it_is_asked_for():
    assert not parse_dag("mode_catalog_sync").deadline


@pytest.mark.usefixtures("late")
def test_a_missed_deadline_is_told_by_mail(mail):
    from airflow.sdk._shared.module_loading import import_string

    dag = parse_dag("mode_catalog_sync")
    (alert,) = dag.deadline
    assert alert.interval == timedelta(hours=2.5)
    # What Airflow's triggerer does once the time is over.
    context = {"dag_run": {"dag_run_id": "scheduled__2026-11-20"}, "deadline": {"id": "1"}}
    notifier = import_string(alert.callback.path)

    async def call():
        await notifier(**alert.callback.kwargs, context=context)

    asyncio.run(call())
    (message,) = mail.received
    assert message["Subject"] == "Mode sync is late"
    assert "Run scheduled__2026-11-20 is not finished." in text_of(message)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DEADLINE_ARGUMENTS", "to=me", "must be a JSON object"),
        ("DEADLINE_HOURS", "soon", "must be a number"),
        ("DEADLINE_NOTIFIER", "send a mail", "deadline_notifier"),
        ("DEADLINE_NOTIFIER", "json.dumps", "deadline_notifier"),
    ],
)
@pytest.mark.usefixtures("late")
def test_a_deadline_that_cannot_be_is_an_import_error(name, value, said, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW__MODE_CATALOG__{name}", value)
    with pytest.raises(AssertionError, match=said):
        parse_dag("mode_catalog_sync")
