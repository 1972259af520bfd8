"""What the preflight returns, warns of and refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset
from structlog.testing import capture_logs

from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.preflight import ModeCatalogPreflightOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.tasks.compat import AirflowFailException

pytestmark = pytest.mark.usefixtures("connect")
HOW = (
    " Make a new key in Mode (Workspace Settings > Features > API Keys) and put it into the connection: as "
    "next_token and next_secret it takes over when this one is refused."
)


def preflight(tmp_path, context=None, **arguments):
    operator = ModeCatalogPreflightOperator(task_id="preflight", output_dir=str(tmp_path), **arguments)
    with capture_logs() as lines:
        result = operator.execute(context or {})
    told = [(line["log_level"], line["event"]) for line in lines if "Mode API token" in line["event"]]
    return result, told


@pytest.mark.parametrize(
    ("arguments", "left", "near_end", "words"),
    [
        ({}, 90, False, " and expires in at most 90 days."),
        ({"warn_before": timedelta(days=89)}, 90, False, " and expires in at most 90 days."),
        ({"warn_before": timedelta(days=90)}, 90, True, f" and expires in at most 90 days.{HOW}"),
        ({"key_lifetime": timedelta(days=15)}, 15, False, " and expires in at most 15 days."),
        ({"key_lifetime": timedelta(days=14)}, 14, True, f" and expires in at most 14 days.{HOW}"),
        ({"key_lifetime": timedelta(days=3)}, 3, True, f" and expires in at most 3 days.{HOW}"),
        ({"key_lifetime": None}, None, False, "."),
        ({"key_lifetime": timedelta(0)}, None, False, "."),
    ],
)
def test_the_key_is_told_with_its_age_and_what_is_left_and_warned_of_near_its_end(
    sandbox, tmp_path, gauges, arguments, left, near_end, words
):
    result, told = preflight(tmp_path, **arguments)
    message = f"Mode API token {result['key']} of connection 'mode_default' was first seen here today{words}"
    assert result == {
        "workspace": sandbox.mode.workspace,
        "connection": "mode_default",
        "key": result["key"],
        "age_days": 0,
        "days_left": left,
        "near_end": near_end,
        "message": message,
        "source_id": sandbox.catalog.source_id,
    }
    assert result["key"] == f"…{sandbox.mode.token[-4:]}"
    assert sandbox.mode.token not in message
    assert told == [("warning" if near_end else "info", message)]
    assert gauges["key.age_days",] == 0
    assert gauges.get(("key.days_left",)) == left


def test_a_catalog_that_cannot_be_asked_is_asked_by_both_tokens_and_the_run_goes_on(
    connect, sandbox, tmp_path
):
    connect("coalesce_catalog_default", extra={"read_token": sandbox.catalog.read_token})
    sandbox.catalog.fault("*", status=400, body=b'{"errors": [{"message": "no"}]}', times=None)
    result, _ = preflight(tmp_path)
    assert result["source_id"] == sandbox.catalog.source_id
    assert len(sandbox.catalog.requests) == 2


def test_the_events_of_the_outlets_tell_of_the_key(tmp_path):
    asset = Asset("mode_key")
    event = SimpleNamespace(extra=None)
    result, _ = preflight(tmp_path, {"outlet_events": {asset: event}}, outlets=[asset])
    assert event.extra == {
        key: value for key, value in result.items() if key not in {"workspace", "source_id"}
    }


def run_with(conf):
    return {
        "dag": SimpleNamespace(dag_id="sync", params={"mode": 1, "full": 2}),
        "dag_run": SimpleNamespace(conf=conf),
    }


@pytest.mark.parametrize(
    ("conf", "meant"), [({"ful": True}, " Did you mean 'full'?"), ({"full": 1, "xyz": 2}, "")]
)
def test_a_key_of_the_conf_that_nobody_would_read_is_refused_where_that_is_asked(tmp_path, conf, meant):
    unknown = list(conf)[-1]
    with pytest.raises(AirflowFailException) as refused:
        preflight(tmp_path, run_with(conf), refuse_unknown_conf=True)
    assert str(refused.value).startswith(
        f"The run's conf has {unknown!r}, which DAG sync does not know.{meant} It knows: full, mode."
    )
    assert preflight(tmp_path, run_with(conf))[0]["near_end"] is False


@pytest.mark.parametrize("conf", [None, {}, {"full": True, "mode": "x"}])
def test_a_conf_of_known_keys_passes(tmp_path, conf):
    assert preflight(tmp_path, run_with(conf), refuse_unknown_conf=True)[0]["near_end"] is False


def test_all_faults_are_told_at_once(sandbox, tmp_path):
    sandbox.catalog.rotate()
    sandbox.mode.rotate()
    with pytest.raises(AirflowFailException) as refused:
        preflight(tmp_path)
    told = str(refused.value)
    assert told.startswith("2 things are wrong, each of which stops a run: (1) Catalog refused the API token")
    assert "(2) Mode refused API token" in told


def test_how_long_ago_catalog_was_fed_is_a_figure_once_it_was(tmp_path, gauges):
    preflight(tmp_path)
    assert not [key for key in gauges if key[0].startswith("catalog.fed")]
    extracted = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path)).execute({})
    CatalogUploadOperator(task_id="upload", manifest=extracted).execute({})
    (record,) = tmp_path.rglob("*.pushed")
    pushed = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    record.write_text(json.dumps({**json.loads(record.read_text()), "completed_at": pushed.isoformat()}))
    gauges.clear()
    preflight(tmp_path)
    assert gauges["catalog.fed_at",] == pushed.timestamp()
    assert 7200 <= gauges["catalog.fed_age_seconds",] < 10800


def test_a_place_that_cannot_be_one_is_refused():
    with pytest.raises(AirflowFailException, match="'relative/place' is neither an absolute path nor a URL"):
        preflight("relative/place")
