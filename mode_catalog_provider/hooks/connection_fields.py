"""Read a connection's extra fields as typed values, and show them as a form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.get_provider_info import get_provider_info
from mode_catalog_provider.truth import WORDS, truth

if TYPE_CHECKING:
    from airflow.sdk import Connection


@dataclass(frozen=True)
class ExtraFields:
    """The extra fields of one connection; messages name connection and field, never a value.

    :param conn_id: the connection's id.
    :param fields: the fields; a form saves numbers and switches as such, other ways save them as text.
    """

    conn_id: str
    fields: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(conn_id={self.conn_id!r}, fields={sorted(self.fields)})"

    @classmethod
    def of(cls, connection: Connection) -> ExtraFields:
        """Parse the connection's extra.

        Not ``connection.extra_dejson``: that turns a broken extra into an empty one, and everything that
        was configured would silently be the default.

        :raises ConfigurationError: when the extra is not a JSON object.
        """
        try:
            fields = json.loads(connection.extra) if connection.extra else {}
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise ConfigurationError(f"The extra of connection '{connection.conn_id}' is not a JSON object.")
        return cls(conn_id=connection.conn_id, fields=fields)

    def text(self, name: str) -> str | None:
        """Return a field as text without surrounding spaces; ``None`` when it is empty."""
        return str(self._given(name) or "").strip() or None

    def number(self, name: str) -> float | None:
        """Return a field as a number above zero; ``None`` when it is empty."""
        value = self._given(name)
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if isinstance(value, bool) or not 0 < number < float("inf"):
            raise self._refused(name, "a number above zero")
        return number

    def truth(self, name: str, *, default: bool) -> bool:
        """Return a switch; ``default`` when it is empty."""
        try:
            return truth(self.fields.get(name), default=default)
        except ValueError:
            raise self._refused(name, WORDS) from None

    def verify(self) -> bool | str:
        """Return ``verify``: whether to check certificates, or the path of a certificate authority."""
        value = self._given("verify")
        if isinstance(value, str) and "/" in value:
            return value
        return self.truth("verify", default=True)

    def proxies(self) -> dict[str, str] | None:
        """Return ``proxies``: a mapping of scheme to proxy URL; ``None`` leaves it to the environment."""
        value = self._given("proxies")
        if value is None:
            return None
        if isinstance(value, dict) and all(isinstance(item, str) for item in (*value, *value.values())):
            return value
        raise self._refused("proxies", 'an object such as {"https": "http://proxy.example.com:3128"}')

    def _given(self, name: str) -> Any:
        value = self.fields.get(name)
        return None if isinstance(value, str) and not value.strip() else value

    def _refused(self, name: str, wanted: str) -> ConfigurationError:
        return ConfigurationError(
            f"The field '{name}' in the extra of connection '{self.conn_id}' must be {wanted}."
        )


def wire_settings(extra: ExtraFields) -> dict[str, Any]:
    """Return the fields of :class:`~mode_catalog_provider.http.endpoint.Endpoint` that a connection sets."""
    settings: dict[str, Any] = {
        "connection": extra.conn_id,
        "verify": extra.verify(),
        "proxies": extra.proxies(),
        "allow_http": extra.truth("allow_http", default=False),
    }
    if (timeout := extra.number("timeout")) is not None:
        settings["timeout"] = timeout
    return settings


def without_test_name(error: Exception, conn_id: str) -> str:
    """Return what a test of a connection says: Airflow tests it under a random name that nobody knows."""
    return (
        str(error)
        .replace(f"connection '{conn_id}'", "this connection")
        .replace(f"Connection '{conn_id}'", "This connection")
    )


class DeclaredForm:
    """A hook that gives Airflow 3.1 the declared form by methods; later ones read the declaration."""

    conn_type: str

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the extra fields as ``wtforms`` fields."""
        # Airflow 3.1 puts stand-ins in its place when it is not installed, and takes these four classes only.
        from wtforms import (  # type: ignore[import-untyped]
            BooleanField,
            IntegerField,
            PasswordField,
            StringField,
        )
        from wtforms.validators import any_of  # type: ignore[import-untyped]

        kinds = {
            "string": StringField,
            "integer": IntegerField,
            "number": StringField,
            "boolean": BooleanField,
        }
        widgets: dict[str, Any] = {}
        for name, field in _declared(cls.conn_type)["conn-fields"].items():
            schema = field["schema"]
            kind = PasswordField if schema.get("format") == "password" else kinds[schema["type"][0]]
            widgets[name] = kind(
                field["label"],
                validators=[any_of(schema["enum"])] if "enum" in schema else None,
                default=schema.get("default"),
                description=field["description"],
            )
        return widgets

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return hidden fields, labels and placeholders."""
        behaviour = _declared(cls.conn_type)["ui-field-behaviour"]
        return {key.replace("-", "_"): value for key, value in behaviour.items()}


def _declared(conn_type: str) -> dict[str, Any]:
    for declared in get_provider_info()["connection-types"]:
        if declared["connection-type"] == conn_type:
            return dict(declared)
    raise KeyError(conn_type)
