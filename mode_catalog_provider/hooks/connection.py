"""The connection that a hook reads: found, or told how to make it; its standard fields obeyed or refused."""

from __future__ import annotations

import ipaddress
import json
import os
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook, Connection

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.text import first_of, visible

try:  # Airflow 3.2+
    from airflow.sdk.exceptions import AirflowNotFoundException
except ImportError:
    from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]


#: The fields of every connection in JSON.
_FIELDS = {"conn_id", "conn_type", "description", "host", "schema", "login", "password", "port", "extra"}


def connection_of(hook: BaseHook, conn_id: str) -> Connection:
    """Read a hook's connection.

    :param hook: says which type of connection it wants.
    :param conn_id: id of the connection.
    :raises ConfigurationError: there is none, what there is cannot be read, or the id is no text.
    """
    kind: Any = hook
    if not isinstance(conn_id, str) or conn_id.strip() in {"", "None"}:
        raise ConfigurationError(
            f"{kind.conn_name_attr}={conn_id!r} is no id of a connection: give that of one of type "
            f"{kind.hook_name} ({kind.conn_type}). If a template or another task gives it, that gave no text."
        )
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    try:
        connection: Connection = hook.get_connection(conn_id)
    except (AirflowNotFoundException, ValueError, ImportError) as error:
        # Outside a task Airflow 3.1.0 ends its search at the task's channel, which is not there.
        if isinstance(error, ImportError) and error.name != "airflow.sdk.execution_time.task_runner":
            raise
        # Airflow takes a variable that it cannot read for one that is not there; its own log says more.
        if os.environ.get(variable):
            raise ConfigurationError(
                f"The Airflow connection '{conn_id}' cannot be read: {variable} "
                f"{_what_is_wrong(os.environ[variable])}."
            ) from None
        raise ConfigurationError(
            f"There is no Airflow connection '{conn_id}'. Create one of type {kind.hook_name} "
            f"({kind.conn_type}) with this id under Admin > Connections, or set the environment variable "
            f"{variable} for every worker and the triggerer."
        ) from None
    return connection


def _what_is_wrong(text: str) -> str:
    """Return why Airflow makes no connection of a text, as the end of a sentence that shows no value."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return "is neither a URL nor JSON, or its extra is no JSON object"
    unknown = [f"'{name}'" for name in fields if name not in _FIELDS]
    if unknown:
        named = f"a field {unknown[0]}" if len(unknown) == 1 else f"fields {first_of(unknown)}"
        return f"has {named} that no connection has; what is special to its type belongs into its extra"
    return "has a field of another kind, such as a port that is no number or a login that is no text"


def address_of(connection: Connection) -> str:
    """Return the base URL that a connection's host, port and schema make together; ``""`` for none.

    Airflow's own URL form of a connection takes a port out of the host, and what follows it is the schema.

    :raises ConfigurationError: they contradict each other, or the schema means nothing here.
    """
    host = (connection.host or "").strip()
    schema = (connection.schema or "").strip().strip("/").lower()
    # Airflow's form sends 0 for a port that was left empty.
    port = connection.port or None
    named = f"Connection '{connection.conn_id}'"
    if schema not in ("", "http", "https"):
        raise ConfigurationError(
            f"{named} has a schema, '{visible(schema)}', that means nothing here; it can be http or https. "
            "The workspace belongs into the extra field 'workspace'."
        )
    if not host:
        if port or schema:
            raise ConfigurationError(
                f"{named} has a {'port' if port else 'schema'} but no host. Give the host as well, such as "
                "https://app.mode.com."
            )
        return ""
    host = _in_brackets(host)
    if schema and "://" not in host:
        host = f"{schema}://{host}"
    if "://" not in host:
        raise ConfigurationError(
            f"{named}: its host '{visible(host)}' needs a scheme and a host, such as https://app.mode.com. "
            "In a connection that is written as a URL it stands before the key: "
            "mode://https://TOKEN:SECRET@app.mode.com/?workspace=acme."
        )
    try:
        parts = urlsplit(host)
        given = parts.port
    except ValueError:
        return host  # the client says what is wrong with it
    if schema and parts.scheme.lower() != schema:
        raise ConfigurationError(
            f"{named} says {schema} as its schema and {parts.scheme} in its host. Leave the schema empty."
        )
    if port is None or given == port:
        return host
    if given is not None:
        raise ConfigurationError(
            f"{named} names two ports, {given} in its host and {port} as its port. Leave one of them out."
        )
    return parts._replace(netloc=f"{parts.netloc.removesuffix(':')}:{port}").geturl()


def _in_brackets(host: str) -> str:
    """Return a host with the brackets of an IPv6 address, which Airflow takes off when it reads a URL."""
    scheme, separator, name = host.rpartition("://")
    try:
        ipaddress.IPv6Address(name.rstrip("/"))
    except ValueError:
        return host
    return f"{scheme}{separator}[{name.rstrip('/')}]"


def refuse_standard_fields(connection: Connection, *, instead: str) -> None:
    """Refuse host, port, schema and login of a connection that has its addresses elsewhere, and one token.

    :param instead: where they belong, as the end of a sentence.
    :raises ConfigurationError: one of them is filled, and would be ignored.
    """
    fields = ("host", "schema", "port", "login")
    given = [name for name in fields if str(getattr(connection, name, None) or "").strip()]
    if given:
        raise ConfigurationError(
            f"Connection '{connection.conn_id}' has a {' and a '.join(given)}, which mean nothing here. "
            f"{instead}"
        )
