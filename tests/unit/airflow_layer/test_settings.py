from __future__ import annotations

import re
from datetime import timedelta

import pytest
from airflow.sdk import DAG

from mode_catalog_provider.dags import values
from mode_catalog_provider.dags.settings import read_settings
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.get_provider_info import get_provider_info

OPTIONS = get_provider_info()["config"]["mode_catalog"]["options"]


@pytest.fixture
def configure(monkeypatch):
    def set_option(name: str, value: str) -> None:
        monkeypatch.setenv(f"AIRFLOW__MODE_CATALOG__{name.upper()}", value)

    return set_option


def test_without_configuration_everything_has_a_default(monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    settings = read_settings()
    assert settings.schedule == "@daily"
    assert settings.output_dir == "/srv/airflow/mode_catalog"
    assert settings.lock_path == "/srv/airflow/mode_catalog/.lock"
    assert settings.output_conn_id is None
    assert settings.warehouse_max_age == timedelta(hours=24)
    assert settings.reports == ()


def test_airflow_itself_knows_every_option_and_its_default():
    from airflow.providers_manager import ProvidersManager

    from mode_catalog_provider.tasks.compat import conf

    ProvidersManager().initialize_providers_configuration()
    for name, option in get_provider_info()["config"]["mode_catalog"]["options"].items():
        assert conf.get("mode_catalog", name) == option["default"]


OTHER = {
    "audit_schedule": "30 5 * * *",
    "permission_schedule": "30 5 * * *",
    "permission_fail_on": "lost",
    "timezone": "Europe/Berlin",
    "output_dir": "/odd",
    "lock_path": "/odd/lock",
    "strategy": "rest",
    "members": "lite",
    "definitions": "expand",
    "on_forbidden": "fail",
    "on_covered": "run",
    "source_check": "require",
    "approve_shrink": "ask",
    "audit_fail_on": "stale",
    "audit_index": "/odd/index.csv",
    "deadline_arguments": '{"to": "me"}',
    "source_id": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
    "audit_stale_after_days": "15",
    "schedule": "@hourly",
}


def another_value(name: str, option: dict[str, str]) -> str:
    """A valid value that is not the default."""
    if option["type"] == "boolean":
        return "False" if option["default"] == "True" else "True"
    return OTHER.get(name) or {"string": "odd", "integer": "15", "float": "0.25"}[option["type"]]


def test_every_option_is_read(configure):
    """An option that nothing reads would be configured in vain."""
    plain = read_settings()
    for name, option in OPTIONS.items():
        configure(name, another_value(name, option))
        changed = read_settings()
        assert changed != plain, name
        plain = changed


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_can_be_given_to_a_builder_instead(name):
    assert read_settings().but(**{name: another_value(name, OPTIONS[name])}) != read_settings()


@pytest.mark.parametrize("name", OPTIONS)
def test_a_variable_that_is_set_to_nothing_is_the_default(configure, name):
    plain = read_settings()
    configure(name, "")
    if name == "warehouse_asset":  # here, nothing is documented to mean something
        assert read_settings() == plain.but(warehouse_asset="")
    else:
        assert read_settings() == plain


def test_lists_are_separated_by_commas(configure):
    configure("warehouse_sources", " Snowflake Production, 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d ,")
    settings = read_settings()
    assert settings.warehouse_names == ("Snowflake Production",)
    assert settings.warehouse_ids == ("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",)


@pytest.mark.parametrize("text", ["none", "None", " NONE "])
def test_a_schedule_of_none_means_manual_runs_only(configure, text):
    configure("schedule", text)
    assert read_settings().schedule is None


def test_the_lock_lies_in_the_output_folder_unless_told_otherwise(configure):
    configure("output_dir", "s3://bucket/mode/")
    assert read_settings().lock_path == "s3://bucket/mode/.lock"
    configure("lock_path", "/locks/mode")
    assert read_settings().lock_path == "/locks/mode"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("retries", "many"),
        ("retries", "-1"),
        ("retries", "2.7"),
        ("retries", "1e300"),
        ("max_shrink", "nan"),
        ("max_shrink", "30"),
        ("max_shrink", "-0.1"),
        ("incremental", "perhaps"),
        ("strategy", "Hybrid"),
        ("members", "some"),
        ("on_forbidden", "yes"),
        ("on_covered", "no"),
        ("approve_shrink", "yes"),
        ("audit_fail_on", "nope"),
        ("keep_snapshots", "5000"),
        ("lock_ttl_minutes", "0"),
        ("lock_ttl_minutes", "10"),
        ("lock_ttl_minutes", "44641"),
        ("lock_timeout_hours", "1e12"),
        ("key_lifetime_days", "99999999999"),
        ("full_refresh_after_days", "0"),
        ("audit_stale_after_days", "inf"),
        ("audit_stale_after_days", "0"),
        ("refresh_timeout_hours", "0"),
        ("refresh_max_runs", "1.5"),
        ("output_dir", "relative/x"),
        ("output_dir", "file://nas/data"),
        ("lock_path", "locks"),
        ("audit_index", "index.csv"),
        ("audit_index", "/srv/mode/index.txt"),
        ("audit_index", "/srv/mode/index.csv, index.json"),
        ("schedule", "every day"),
        ("schedule", "30 5 * *"),
        ("schedule", "61 5 * * *"),
        ("schedule", "@nightly"),
        ("audit_schedule", "CRON_TZ=Europe/Berlin 30 5 * * *"),
        ("audit_schedule", "ingestion"),
        ("timezone", "Europe/Nowhere"),
        ("deadline_arguments", "[1]"),
        ("source_id", "my source"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(configure, option, value):
    configure(option, value)
    with pytest.raises(ConfigurationError, match=rf"^\[mode_catalog\] {option} is {re.escape(repr(value))}"):
        read_settings()


@pytest.mark.parametrize("option", [name for name, one in OPTIONS.items() if one["type"] != "string"])
def test_no_number_ends_in_an_error_of_python(configure, option):
    for value in ("1e308", "-1", "nan", "inf", "9" * 400, "0x10", "²", "1,5"):
        configure(option, value)
        with pytest.raises(ConfigurationError, match=rf"^\[mode_catalog\] {option} is "):
            read_settings()


def test_a_closed_set_is_told_with_its_words(configure):
    configure("strategy", "Hybrid")
    with pytest.raises(ConfigurationError, match="it must be auto, rest or hybrid"):
        read_settings()


def test_a_bound_is_told_in_plain_digits():
    with pytest.raises(ConfigurationError, match=r"more than 10 and at most 5270400\."):
        values.duration("minutes", above=timedelta(minutes=10))("lock_ttl_minutes", "0")


@pytest.mark.parametrize("text", ["Ingestion", '"ingestion"', "'INGESTION'"])
def test_the_schedule_by_ingestion_is_known_however_it_is_written(configure, text):
    configure("schedule", text)
    assert read_settings().schedule == "ingestion"


@pytest.mark.parametrize(("word", "meant"), [("on", True), ("OFF", False), ("Yes", True)])
def test_a_switch_takes_the_words_that_the_connections_take(configure, word, meant):
    configure("incremental", word)
    assert read_settings().incremental is meant


def test_quotation_marks_that_an_env_file_keeps_are_no_part_of_a_value(configure):
    configure("schedule", '"30 5 * * *"')
    configure("mode_conn_id", "'mode_prod'")
    settings = read_settings()
    assert (settings.schedule, settings.mode_conn_id) == ("30 5 * * *", "mode_prod")


@pytest.mark.parametrize(
    "text", ['"Revenue, EU",Board', '["Revenue, EU", "Board"]', ' "Revenue, EU" , Board']
)
def test_a_name_may_hold_a_comma(configure, text):
    configure("reports", text)
    assert read_settings().reports == ("Revenue, EU", "Board")


def test_settings_for_a_second_workspace_have_a_lock_of_their_own():
    settings = read_settings().but(output_dir="s3://bucket/us/")
    assert settings.lock_path == "s3://bucket/us/.lock"


def test_a_lock_that_was_chosen_stays_the_lock(configure):
    configure("lock_path", "/locks/mode")
    assert read_settings().but(output_dir="/other").lock_path == "/locks/mode"


def test_a_setting_may_be_given_as_what_it_means():
    settings = read_settings().but(
        warehouse_timeout=timedelta(minutes=90), reports=["Revenue, EU"], schedule=None, deadline_hours=2
    )
    assert settings.warehouse_timeout == timedelta(minutes=90)
    assert settings.reports == ("Revenue, EU",)
    assert settings.schedule is None
    assert settings.deadline == timedelta(hours=2)


def test_an_unknown_option_is_refused_with_the_one_that_was_meant():
    with pytest.raises(
        ConfigurationError, match=r"'mode_con_id' is no option .* Did you mean 'mode_conn_id'"
    ):
        read_settings().but(mode_con_id="mode_us")


def test_a_wrong_value_given_to_a_builder_is_refused_by_name():
    with pytest.raises(ConfigurationError, match=r"warehouse_timeout is .*it must be a number of hours"):
        read_settings().but(warehouse_timeout=timedelta(days=-1))


@pytest.mark.parametrize("preset", sorted(values._PRESETS))
def test_a_dag_with_any_preset_is_valid(preset):
    schedule = values.schedule("permission_schedule", preset)
    DAG("any_preset", schedule=schedule, max_active_runs=1).validate()


def test_a_quarter_is_told_as_a_cron_expression_which_every_airflow_knows():
    assert values.schedule("permission_schedule", "@quarterly") == "0 0 1 */3 *"


@pytest.mark.parametrize(
    "option", ["max_shrink", "retries", "keep_snapshots", "lock_ttl_minutes", "deadline_hours"]
)
@pytest.mark.parametrize("value", [True, False])
def test_a_switch_is_no_number(option, value):
    with pytest.raises(ConfigurationError, match=rf"\[mode_catalog\] {option} is {value}"):
        read_settings().but(**{option: value})


@pytest.mark.parametrize(
    "option", ["output_dir", "lock_path", "source_id", "timezone", "output_conn_id", "audit_name_pattern"]
)
@pytest.mark.parametrize("value", [False, 0, [], {}])
def test_what_is_no_text_is_not_taken_for_an_empty_one(option, value):
    with pytest.raises(ConfigurationError, match=rf"\[mode_catalog\] {option} is .*must be a text"):
        read_settings().but(**{option: value})


@pytest.mark.parametrize("value", [b"ab", ["a", True]])
def test_bytes_and_switches_are_no_names(value):
    with pytest.raises(ConfigurationError, match=r"reports is .*must be names"):
        read_settings().but(reports=value)


@pytest.mark.parametrize("value", [True, False, 0, 5, timedelta(0), timedelta(-1), b"@daily"])
def test_what_airflow_can_make_no_schedule_of_is_refused_by_name(value):
    with pytest.raises(ConfigurationError, match=r"schedule is .*must be a cron expression"):
        read_settings().but(schedule=value)


@pytest.mark.parametrize("cron", ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6 *"])
def test_a_cron_expression_of_which_no_time_ever_comes_is_refused(configure, cron):
    configure("audit_schedule", cron)
    with pytest.raises(ConfigurationError, match=r"audit_schedule is .*must be a cron expression"):
        read_settings()


@pytest.mark.parametrize("value", ["", " ", "mode_\u200bdefault", "mode\ndefault", None, True])
@pytest.mark.parametrize("option", ["mode_conn_id", "catalog_conn_id"])
def test_a_connection_has_an_id_that_can_be_seen(option, value):
    with pytest.raises(ConfigurationError, match=rf"\[mode_catalog\] {option} is "):
        read_settings().but(**{option: value})


def test_a_long_value_is_not_repeated_whole(configure):
    configure("strategy", "x" * 10_000)
    with pytest.raises(ConfigurationError) as caught:
        read_settings()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("value", ["s3://", "s3:///mode", "gs://conn@/x", "/srv/mo\u200bde"])
@pytest.mark.parametrize("option", ["output_dir", "lock_path"])
def test_a_location_that_is_no_place_is_refused_when_the_dag_is_parsed(option, value):
    with pytest.raises(ConfigurationError, match=rf"\[mode_catalog\] {option} is .*object store"):
        read_settings().but(**{option: value})
