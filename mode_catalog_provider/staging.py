"""Where snapshots are staged: a path or URL as users write it, as the object that the core works on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.text import visible

if TYPE_CHECKING:
    from mode_catalog_provider.storage import StoragePath


def staging_path(location: str, conn_id: str | None = None) -> StoragePath:
    """Turn a location into a path; call it while a task runs, never while a DAG is parsed.

    :param location: absolute local path, or URL that Airflow's ``ObjectStoragePath`` takes
        (``s3://bucket/mode``); ``file://`` means the local disk.
    :param conn_id: Airflow connection of the object store, default ``None`` (the store's own default
        credentials); without meaning for a local path.
    :return: :class:`pathlib.Path` for the local disk, else ``ObjectStoragePath``.
    :raises ConfigurationError: when the location is no text, empty or relative, has an invisible character or
        no bucket, Airflow has no file system for it, or there is no such connection.
    """
    refuse_no_place(location)
    is_file = location.lower().startswith("file://")
    if "://" in location and not is_file:
        # Imported here: it attaches file systems, which a DAG parse must not do.
        from airflow.sdk import ObjectStoragePath

        try:
            # Before Airflow 3.2 a conn_id of None hides the one in the URL.
            store = ObjectStoragePath(location, **({"conn_id": conn_id} if conn_id else {}))
            _require_connection(store, location)
            _ = store.fs
        except (ValueError, ImportError) as error:
            scheme = location.partition("://")[0]
            raise ConfigurationError(
                f"Airflow cannot use {scheme}:// here ({error}). Install the provider of that store and its "
                "file system; for s3, gs and abfs the extras s3, gcs and azure of mode-catalog-provider do."
            ) from error
        return cast("StoragePath", store)
    path = _local(location) if is_file else Path(location)
    if not path.is_absolute():
        raise ConfigurationError(
            f"The location {location!r} is neither an absolute path nor a URL. Tasks run in folders that "
            "Airflow chooses, so give the whole path, or the URL of an object store."
        )
    return path


# A connection id has no colon; a port is followed by the path. A secret may hold slashes.
_CREDENTIALS = re.compile(r"://[^/@]*:(?!\d+/)[^@]*@")


def without_credentials(location: str) -> str:
    """Return a location as it may be shown."""
    return _CREDENTIALS.sub("://…@", location)


#: Stores in which everything lies in a bucket or container.
_IN_BUCKETS = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "adl", "wasb", "wasbs")


def refuse_no_place(location: str) -> None:
    """Look at a location without touching anything.

    :raises ConfigurationError: it is no text, holds an invisible character or credentials, or is a URL
        without a bucket.
    """
    if not isinstance(location, str):
        raise ConfigurationError(
            f"The location {visible(repr(location), 300)} is no text. Give an absolute path, or the URL of "
            "an object store, as text; if a template or another task gives it, that gave something else."
        )
    if not unquote(location).isprintable():
        raise ConfigurationError(
            f"The location '{visible(location, 300)}' has a line break or an invisible character in it. Type "
            "it again."
        )
    if (hidden := without_credentials(location)) != location:
        raise ConfigurationError(
            f"The location '{visible(hidden, 300)}' has credentials in it, which would show in logs. Keep "
            "them in an Airflow connection, and name that before the @: s3://my_conn@bucket/mode."
        )
    scheme, separator, rest = location.partition("://")
    bucket = rest.partition("/")[0].rpartition("@")[2]
    if separator and (not scheme or (not bucket and scheme.lower() in _IN_BUCKETS)):
        raise ConfigurationError(
            f"The location '{visible(location, 300)}' names no bucket, or no store: it looks like "
            "s3://bucket/mode."
        )


# Without it Airflow's S3 takes the credentials of the machine, as people who name it expect.
_OPTIONAL = "aws_default"


def _require_connection(store: Any, location: str) -> None:
    """Refuse a connection that does not exist: some stores would go on as somebody else, or as nobody.

    :raises ConfigurationError: there is none.
    """
    from airflow.sdk import BaseHook

    options = getattr(store, "storage_options", None) or {}
    conn_id = getattr(store, "conn_id", None) or options.get("conn_id")
    if not conn_id or conn_id == _OPTIONAL:
        return
    try:
        BaseHook.get_connection(conn_id)
    except Exception as error:
        # The class has two homes, one for each way in which Airflow is asked. What else there may be is told
        # by the store, which asks for the connection as well.
        if type(error).__name__ == "AirflowNotFoundException":
            raise ConfigurationError(
                f"There is no Airflow connection '{visible(conn_id)}', by which {visible(location, 300)} is "
                "to be reached. Correct the id, or create the connection under Admin > Connections."
            ) from None


def _local(location: str) -> Path:
    """Return the path of a ``file://`` location, in which ``#`` and ``?`` are parts of names."""
    host, slash, path = location[len("file://") :].partition("/")
    if not slash:
        return Path(unquote(host))
    if host.lower() not in {"", "localhost"}:
        raise ConfigurationError(
            f"The location {location!r} names the host {host!r}, but file:// is the disk of this machine. "
            f"Write file:///{host}/... for a folder of that name, or the path where its disk is mounted."
        )
    return Path(unquote(slash + path))
