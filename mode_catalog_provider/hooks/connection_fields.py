"""Read a connection's extra fields as typed values, and show them as a form."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.get_provider_info import get_provider_info
from mode_catalog_provider.text import first_of, visible
from mode_catalog_provider.truth import WORDS, truth

if TYPE_CHECKING:
    from airflow.sdk import Connection


log = logging.getLogger(__name__)

#: The names of the extra fields, by type of connection. ``proxies`` is an object, which no form can show.
KNOWN: Mapping[str, frozenset[str]] = {
    declared["connection-type"]: frozenset({*declared["conn-fields"], "proxies"})
    for declared in get_provider_info()["connection-types"]
}

#: How much alike two names are when one is the other misspelt; ``next_token`` and ``read_token`` are at 0.8.
_MISSPELT = 0.85
#: Longer names are nobody's typing error.
_LONGEST_NAME = 40


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

        A name that is none of a field's is told in the log.

        :raises ConfigurationError: when the extra is not a JSON object, or a field is misspelt.
        """
        try:
            # Airflow itself writes an extra that was never given as null.
            fields = json.loads(connection.extra or "null")
            fields = {} if fields is None else fields
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise ConfigurationError(f"The extra of connection '{connection.conn_id}' is not a JSON object.")
        _judge_names(connection.conn_id, fields, KNOWN.get(connection.conn_type or "", frozenset()))
        return cls(conn_id=connection.conn_id, fields=fields)

    def text(self, name: str) -> str | None:
        """Return a field as text without surrounding spaces; ``None`` when it is empty.

        A name or an id of digits only may have been saved as a number.
        """
        value = self._given(name)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise self._refused(name, "a text")
        return None if value is None else str(value).strip()

    def number(self, name: str) -> float | None:
        """Return a field as a number above zero; ``None`` when it is empty."""
        value = self._given(name)
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
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
        """Return ``verify``: whether to check certificates, or the path of a bundle of authorities."""
        value = self.fields.get("verify")
        try:
            return truth(value, default=True)
        except ValueError:
            path = value.strip() if isinstance(value, str) else ""
        # Anything that looks like a path is one; what stands there is looked at when it is needed.
        if re.search(r"[/\\~]|\.(pem|crt|cer|ca|bundle)$", path, re.I):
            return path
        raise self._refused("verify", f"{WORDS}, or the path of a bundle such as /etc/ssl/ours.pem")

    def proxies(self) -> dict[str, str] | None:
        """Return ``proxies``: scheme to proxy URL, ``""`` for none; ``None`` leaves it to the environment."""
        value = self._given("proxies")
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                value = False
        if value is None:
            return None
        if isinstance(value, dict):
            proxies = {name: "" if url is None else url for name, url in value.items()}
            if all(isinstance(url, str) for url in proxies.values()):
                return {
                    name.strip().lower().removesuffix("://"): url.strip() for name, url in proxies.items()
                }
        raise self._refused("proxies", 'an object such as {"https": "http://proxy.example.com:3128"}')

    def _given(self, name: str) -> Any:
        value = self.fields.get(name)
        return None if isinstance(value, str) and not value.strip() else value

    def _refused(self, name: str, wanted: str) -> ConfigurationError:
        return ConfigurationError(
            f"The field '{name}' in the extra of connection '{self.conn_id}' must be {wanted}."
        )


def _judge_names(conn_id: str, fields: Mapping[str, Any], known: frozenset[str]) -> None:
    """Refuse misspelt fields, and tell others that nobody reads; an empty one means nothing anyway.

    :raises ConfigurationError: a field's name is nearly that of another.
    """
    # Names with two underscores are Airflow's own. Of a type that is not ours nothing is known.
    unknown = [
        name
        for name, value in fields.items()
        if known and name not in known and not name.startswith("__") and value not in (None, "")
    ]
    for name in unknown:
        near = get_close_matches(name.lower()[: _LONGEST_NAME + 1], known, n=1, cutoff=_MISSPELT)
        if near:
            raise ConfigurationError(
                f"The extra of connection '{conn_id}' has a field '{visible(name)}' that means nothing here. "
                f"Did you mean '{near[0]}'?"
            )
    if unknown:
        _tell_once(conn_id, first_of([f"'{name}'" for name in unknown]), ", ".join(sorted(known)))


@lru_cache(maxsize=1000)
def _tell_once(conn_id: str, unknown: str, known: str) -> None:
    log.warning(
        "The extra of connection '%s' has fields that mean nothing here: %s. Known are %s.",
        conn_id,
        unknown,
        known,
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
    said = str(error)
    for named in (f"connection '{conn_id}'", f"Connection '{conn_id}'", f"'{conn_id}'"):
        said = said.replace(named, "This connection" if named[0] == "C" else "this connection")
    # There is no task yet that could be cleared.
    return said.replace(" and clear this task", "")


def form_widgets(conn_type: str) -> dict[str, Any]:
    """Return the extra fields of a type of connection as ``wtforms`` fields, which Airflow 3.1 asks for.

    Later versions read the declaration itself.
    """
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
    for name, field in _declared(conn_type)["conn-fields"].items():
        schema = field["schema"]
        kind = PasswordField if schema.get("format") == "password" else kinds[schema["type"][0]]
        widgets[name] = kind(
            field["label"],
            validators=[any_of(schema["enum"])] if "enum" in schema else None,
            default=schema.get("default"),
            description=field["description"],
        )
    return widgets


def field_behaviour(conn_type: str) -> dict[str, Any]:
    """Return hidden fields, labels and placeholders of a type of connection, for Airflow 3.1."""
    behaviour = _declared(conn_type)["ui-field-behaviour"]
    return {key.replace("-", "_"): value for key, value in behaviour.items()}


def _declared(conn_type: str) -> dict[str, Any]:
    for declared in get_provider_info()["connection-types"]:
        if declared["connection-type"] == conn_type:
            return dict(declared)
    raise KeyError(conn_type)
