"""Folders and other places of files, as they are typed."""

from __future__ import annotations

import logging
import re
import sys
import threading
from contextlib import redirect_stdout, suppress
from pathlib import Path

from mode_catalog_provider.cli.airflow_connections import found_connection
from mode_catalog_provider.cli.environment import UsageError
from mode_catalog_provider.errors import ConfigurationError, ModeCatalogError, SnapshotNotFoundError
from mode_catalog_provider.lock.store import open_store
from mode_catalog_provider.staging import refuse_no_place, staging_path
from mode_catalog_provider.storage import StoragePath, store_error
from mode_catalog_provider.text import visible

#: Seconds that a store may take for its first answer. Its client would try again for minutes, which is right
#: for a task at night, and not for a person who mistyped a host.
FIRST_ANSWER = 15.0

# ``s3:/bucket``, which a shell's or a person's slip leaves of a URL; a drive letter is one letter long.
_HALF_A_URL = re.compile(r"(?i)(?:s3a?|gs|gcs|abfss?|azure?|wasbs?|hdfs|https?|file):(?!//)")


def folder_of(location: str, flag: str) -> Path:
    """Return a folder, or a file, of this machine.

    :param location: a path, also a relative one, or a ``file://`` URL.
    :param flag: where it was given, for the message.
    :raises UsageError: it is empty, or the URL of an object store.
    """
    if not location.strip():
        raise UsageError(f"{flag} is empty.")
    if location.lower().startswith("file://"):
        return Path(str(staging_path(location)))
    if _HALF_A_URL.match(location):
        raise UsageError(f"{flag} {location} is neither a path nor a URL, which has :// in it.")
    if "://" in location:
        raise UsageError(
            f"{flag} takes a path of this machine, and {location.partition('://')[0]}:// is none. Give a "
            "local path and copy the files with the store's own tool; the DAG mode_catalog_sync stages there."
        )
    try:
        path = Path(location).expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(f"{flag}: {error}") from None
    # What lies above a folder tells whose lock and whose earlier uploads are its own.
    return path.resolve() if ".." in path.parts else path


def existing(location: str, flag: str) -> Path:
    """Return a folder, or a file, of this machine that is there.

    :raises SnapshotNotFoundError: there is none.
    """
    path = folder_of(location, flag)
    if not path.exists():
        raise SnapshotNotFoundError(f"There is no {path}: {flag} names what an extraction wrote.")
    return path


def place_of(location: str, conn_id: str | None = None) -> StoragePath:
    """Return the place of a lock: a folder of this machine, or what Airflow makes of a URL.

    :param location: folder, also a relative one, or URL such as ``s3://bucket/mode/.lock``.
    :param conn_id: Airflow connection of the object store, where the URL needs one.
    """
    if "://" not in location or location.lower().startswith("file://"):
        return folder_of(location, "--lock")
    refuse_no_place(location)
    try:
        # Airflow logs to stdout, which is the result's; it finds its stream when it is imported: here.
        with redirect_stdout(sys.stderr):
            if named := conn_id or location.partition("://")[2].partition("/")[0].rpartition("@")[0]:
                # A store that does not find its connection may go on as nobody, so it is looked for first.
                with suppress(ConfigurationError):
                    found_connection(named)
            place = staging_path(location, conn_id)
            logging.getLogger("airflow").setLevel(logging.WARNING)
        look_at(place)
        return place
    except ModeCatalogError:
        raise
    except ModuleNotFoundError as error:
        raise UsageError(
            f"A lock at {location.partition('://')[0]}:// needs Airflow and the library of that store here "
            f"({error.name} is not installed). Install them, or name a folder."
        ) from None
    except Exception as error:
        # Airflow has several classes for a connection that does not exist, and one of them is no public name.
        raise ConfigurationError(
            f"Airflow does not open {location} here ({type(error).__name__}: {visible(error, 200)}). Correct "
            "the URL, or the connection of the store that --conn-id or the URL names."
        ) from error


def look_at(place: StoragePath) -> None:
    """Look into a place once, so that a store that is not there is told soon.

    :raises ServiceUnavailableError: no answer came within :data:`FIRST_ANSWER` seconds.
    :raises ConfigurationError: the store refuses.
    """
    failed: list[Exception] = []

    def look() -> None:
        try:
            open_store(place).names()
        except Exception as error:
            failed.append(error)

    looking = threading.Thread(target=look, name="look-at-the-store", daemon=True)
    looking.start()
    looking.join(FIRST_ANSWER)
    if looking.is_alive():
        failed.append(TimeoutError(f"nothing came within {FIRST_ANSWER:g} seconds"))
    if failed:
        raise store_error(failed[0], f"The lock directory {place}")
