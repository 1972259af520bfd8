from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.hooks.connection_fields import KNOWN, ExtraFields
from mode_catalog_provider.hooks.mode import ModeHook


def fields(**extra):
    return ExtraFields.of(Connection(conn_id="mode_default", conn_type="mode", extra=json.dumps(extra)))


@pytest.mark.parametrize("value", [30, 30.0, "30", " 30 "])
def test_a_number_may_be_saved_as_text(value):
    assert fields(timeout=value).number("timeout") == 30


@pytest.mark.parametrize("value", [0, -1, "soon", True, "nan", "inf", [1], 10**400], ids=lambda v: str(v)[:9])
def test_anything_but_a_number_above_zero_is_refused_by_name(value):
    with pytest.raises(ConfigurationError, match="'timeout' in the extra of connection 'mode_default'"):
        fields(timeout=value).number("timeout")


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_field_is_a_field_left_out(value):
    empty = fields(timeout=value, workspace=value, verify=value, proxies=value)
    assert empty.number("timeout") is None
    assert empty.text("workspace") is None
    assert empty.verify() is True
    assert empty.proxies() is None
    assert empty.truth("allow_http", default=False) is False


def test_verify_may_be_a_switch_or_a_certificate_authority():
    assert fields(verify=False).verify() is False
    assert fields(verify="false").verify() is False
    assert fields(verify="/etc/ssl/ours.pem").verify() == "/etc/ssl/ours.pem"


def test_proxies_must_map_texts_to_texts():
    assert fields(proxies={"https": "http://p:3128"}).proxies() == {"https": "http://p:3128"}
    with pytest.raises(ConfigurationError, match="'proxies'"):
        fields(proxies="http://p:3128").proxies()


@pytest.mark.parametrize("extra", ["{broken", "[]", '"text"'])
def test_an_extra_that_is_no_object_is_an_error_not_an_empty_one(extra):
    with pytest.raises(ConfigurationError, match=r"extra of connection 'c' is not a JSON object"):
        ExtraFields.of(Connection(conn_id="c", conn_type="mode", extra=extra))


@pytest.mark.parametrize(
    ("hook", "typed", "meant"),
    [
        (ModeHook, "workspce", "workspace"),
        (ModeHook, "Workspace", "workspace"),
        (ModeHook, "alow_http", "allow_http"),
        (ModeHook, "requestsPerSecond", "requests_per_second"),
        (ModeHook, "time-out", "timeout"),
        (ModeHook, "proxie", "proxies"),
        (CatalogHook, "sourceId", "source_id"),
        (CatalogHook, "verfy", "verify"),
        (CatalogHook, "api url", "api_url"),
    ],
)
def test_a_misspelt_field_is_refused_with_the_one_that_was_meant(hook, typed, meant):
    extra = json.dumps({"workspace": "acme", typed: "clsc_secret"})
    with pytest.raises(ConfigurationError) as caught:
        ExtraFields.of(Connection(conn_id="c", conn_type=hook.conn_type, extra=extra))
    said = str(caught.value)
    assert said.startswith("The extra of connection 'c' has a field ")
    assert f"'{typed}'" in said
    assert f"Did you mean '{meant}'?" in said
    assert "clsc_secret" not in said


def test_a_field_that_is_like_none_is_told_once_with_those_there_are(caplog):
    connection = Connection(conn_id="noted", conn_type="mode", extra='{"team\\n": "data", "source_id": 7}')
    for _ in range(3):
        ExtraFields.of(connection)
    (said,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith("The extra of connection 'noted' has fields that mean nothing here: ")
    assert "'source_id'" in said
    assert "\n" not in said
    assert "allow_http" in said
    assert "data" not in said


@pytest.mark.parametrize("name", [*sorted(KNOWN["mode"]), "__extra__"])
def test_a_known_field_or_one_of_airflows_own_is_taken_without_a_word(name, caplog):
    ExtraFields.of(Connection(conn_id="quiet", conn_type="mode", extra=json.dumps({name: "x"})))
    assert caplog.records == []


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_unknown_field_that_is_empty_means_nothing_and_is_passed_over(nothing, caplog):
    ExtraFields.of(Connection(conn_id="quiet", conn_type="mode", extra=json.dumps({"workspce": nothing})))
    assert caplog.records == []


def test_the_fields_of_another_type_of_connection_are_not_judged(caplog):
    ExtraFields.of(Connection(conn_id="quiet", conn_type="http", extra='{"workspce": "acme"}'))
    assert caplog.records == []


def test_neither_repr_nor_message_shows_a_value():
    secret = fields(read_token="clsc_secret", timeout="clsc_secret")
    assert "clsc_secret" not in repr(secret)
    with pytest.raises(ConfigurationError) as caught:
        secret.number("timeout")
    assert "clsc_secret" not in str(caught.value)


def test_the_form_of_airflow_3_1_has_the_same_labels():
    assert ModeHook.get_ui_field_behaviour()["relabeling"]["password"] == "API secret"
    assert CatalogHook.get_ui_field_behaviour()["hidden_fields"] == ["host", "login", "schema", "port"]


def test_the_form_of_airflow_3_1_uses_only_field_classes_it_accepts(monkeypatch):
    import sys
    import types

    class Field:
        def __init__(self, label, validators=None, default=None, description=None):
            self.label = label
            self.validators = validators

    stand_in, validators = types.ModuleType("wtforms"), types.ModuleType("wtforms.validators")
    validators.any_of = tuple
    monkeypatch.setitem(sys.modules, "wtforms.validators", validators)
    for name in ("BooleanField", "IntegerField", "PasswordField", "StringField"):
        setattr(stand_in, name, type(name, (Field,), {}))
    monkeypatch.setitem(sys.modules, "wtforms", stand_in)

    widgets = CatalogHook.get_connection_form_widgets()
    assert widgets["source_id"].label == "Source id (UUID)"
    assert widgets["zone"].validators == [("EU", "US")]
    assert type(widgets["read_token"]).__name__ == "PasswordField"
    assert type(ModeHook.get_connection_form_widgets()["requests_per_second"]).__name__ == "StringField"
