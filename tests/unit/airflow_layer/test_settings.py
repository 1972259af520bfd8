from __future__ import annotations

from datetime import timedelta

import pytest

from mode_catalog_provider.dags.settings import read_settings
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.get_provider_info import get_provider_info


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


def test_every_option_is_read(configure):
    """An option that nothing reads would be configured in vain."""
    odd = {
        "string": "hourly-odd",
        "integer": "5",
        "float": "0.25",
        "boolean": "True",
    }
    plain = read_settings()
    for name, option in get_provider_info()["config"]["mode_catalog"]["options"].items():
        value = "False" if option["default"] == "True" else odd[option["type"]]
        if name == "deadline_arguments":
            value = option["example"]
        configure(name, value)
        changed = read_settings()
        assert changed != plain, name
        plain = changed


def test_lists_are_separated_by_commas(configure):
    configure("warehouse_sources", " Snowflake Production, 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d ,")
    settings = read_settings()
    assert settings.warehouse_names == ("Snowflake Production",)
    assert settings.warehouse_ids == ("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",)


@pytest.mark.parametrize("text", ["none", "None", ""])
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
    [("retries", "many"), ("retries", "-1"), ("max_shrink", "nan"), ("incremental", "perhaps")],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(configure, option, value):
    configure(option, value)
    with pytest.raises(ConfigurationError, match=rf"\[mode_catalog\] {option} is '{value}'"):
        read_settings()
