"""A place for files: on the local disk or in an object store, and how to tell and to name it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import TypeIs
    from upath import UPath

#: A local path, or any object-store path with the same methods (``UPath``, Airflow's ``ObjectStoragePath``).
StoragePath: TypeAlias = "Path | UPath"


def is_local(path: StoragePath) -> TypeIs[Path]:
    """Return whether a path is one of the local disk, so that the operating system takes it.

    Its type does not tell: until universal-pathlib 0.3 (Airflow 3.1) every ``UPath`` is a ``Path``.
    """
    return isinstance(path, Path) and getattr(path, "protocol", "") == ""


def location_of(path: StoragePath) -> str:
    """Return the text by which a path is found again, the connection of its store included.

    Before Airflow 3.2 the text of an ``ObjectStoragePath`` has lost its connection.
    """
    text = str(path)
    conn_id = getattr(path, "conn_id", None) or getattr(path, "storage_options", {}).get("conn_id")
    scheme, separator, rest = text.partition("://")
    if conn_id and separator and not rest.startswith(f"{conn_id}@"):
        return f"{scheme}://{conn_id}@{rest}"
    return text
