"""Where the files of a snapshot lie, and how they are called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.storage import StoragePath as StoragePath

#: Suffix of a file that is still being written. Not ``.json``, so that no directory upload picks it up.
PARTIAL = ".partial"

#: The assets with a side file of facts, see :mod:`mode_catalog_provider.snapshot.facts`.
FACT_ASSETS = ("report", "collection", "member")

# Eleven digits reach the year 5138 and keep every name a time.
_NAME = re.compile(rf"([1-9]\d{{0,10}})-({'|'.join((*DATA_ASSETS, SUMMARY))})\.json", re.ASCII)
_MANIFEST = re.compile(r"([1-9]\d{0,10})\.manifest", re.ASCII)
_READINGS = re.compile(r"([1-9]\d{0,10})\.readings", re.ASCII)
_FACTS = re.compile(rf"([1-9]\d{{0,10}})\.facts-({'|'.join(FACT_ASSETS)})", re.ASCII)
_PUSH_RECORD = re.compile(r"([1-9]\d{0,10})\.(.+)\.pushed", re.ASCII)
_TIMESTAMP = re.compile(r"[1-9]\d{0,10}", re.ASCII)


def data_file(timestamp: int, asset: str) -> str:
    """Return the name of one of the six files: ``{timestamp}-{asset}.json`` (the summary's too)."""
    return f"{timestamp}-{asset}.json"


def manifest_name(timestamp: int) -> str:
    """Return the manifest's name: ``{timestamp}.manifest``, which a directory upload does not pick up."""
    return f"{timestamp}.manifest"


def readings_name(timestamp: int) -> str:
    """Return the name of the file that says when each object was read: ``{timestamp}.readings``."""
    return f"{timestamp}.readings"


def facts_name(timestamp: int, asset: str) -> str:
    """Return the name of a side file: ``{timestamp}.facts-{asset}``, which no uploader picks up."""
    return f"{timestamp}.facts-{asset}"


def push_record_name(timestamp: int, source_id: str) -> str:
    """Return the name of the record of a push to one Catalog source: ``{timestamp}.{source_id}.pushed``."""
    return f"{timestamp}.{source_id}.pushed"


def claim_name(timestamp: int) -> str:
    """Return the name of the marker that lies beside a set as long as it is being written."""
    return f"{timestamp}{PARTIAL}"


def parse_data_file(name: str) -> tuple[int, str] | None:
    """Return ``(timestamp, asset)`` of one of the six names, ``None`` for any other name."""
    match = _NAME.fullmatch(name)
    return (int(match[1]), match[2]) if match else None


def parse_manifest_name(name: str) -> int | None:
    """Return the timestamp in a manifest's name, ``None`` for any other name."""
    match = _MANIFEST.fullmatch(name)
    return int(match[1]) if match else None


def parse_push_record_name(name: str) -> tuple[int, str] | None:
    """Return ``(timestamp, source_id)`` of a push record's name, ``None`` for any other name."""
    match = _PUSH_RECORD.fullmatch(name)
    return (int(match[1]), match[2]) if match else None


def parse_directory_name(name: str) -> int | None:
    """Return the timestamp that names a snapshot directory, ``None`` for any other name."""
    return int(name) if _TIMESTAMP.fullmatch(name) else None


def timestamp_of(name: str) -> int | None:
    """Return the timestamp of the set to which a file belongs by its name, ``None`` for a foreign name.

    Ours are the six files, the side files, the readings, the manifest, push records, each of them
    half-written, and the claim marker.
    """
    whole = name.removesuffix(PARTIAL)
    if whole != name and _TIMESTAMP.fullmatch(whole):
        return int(whole)
    matches = (name.fullmatch(whole) for name in (_NAME, _FACTS, _READINGS, _MANIFEST, _PUSH_RECORD))
    return next((int(match[1]) for match in matches if match), None)


def forget_listings(path: StoragePath) -> None:
    """Make the next look at an object store a real one."""
    store = getattr(path, "fs", None)
    if store is not None:
        # fsspec remembers listings for the life of the process; other workers write there as well.
        store.invalidate_cache()


def entries(directory: StoragePath) -> dict[str, StoragePath]:
    """Return what lies in a directory now, by name; nothing when there is no such directory.

    :param directory: local directory or object-store prefix.
    """
    forget_listings(directory)
    try:
        return {path.name: path for path in directory.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return {}


@dataclass(frozen=True)
class Layout:
    """How the snapshots of one workspace are arranged below an output directory.

    Use :meth:`nested` or :meth:`flat`.

    :param home: directory that holds this workspace's snapshots (nested), or the files themselves (flat).
    :param is_flat: ``True`` when the files lie directly in ``home``: the folder itself is the snapshot.
    """

    home: StoragePath
    is_flat: bool = False

    @classmethod
    def nested(cls, output_dir: StoragePath, workspace: str) -> Layout:
        """One directory per snapshot: ``{output_dir}/{workspace}/{timestamp}/``.

        :param output_dir: local directory or object-store URL.
        :param workspace: name of the Mode workspace, as in its URL.
        :raises ConfigurationError: when the workspace name cannot be the name of a directory.
        """
        if not workspace or workspace in {".", ".."} or any(bad in workspace for bad in "/\\\0"):
            raise ConfigurationError(
                f"{workspace!r} cannot be the name of a Mode workspace: it is the part after the host in the "
                f"address of your workspace, for example 'acme' in https://app.mode.com/acme."
            )
        return cls(output_dir / workspace)

    @classmethod
    def flat(cls, output_dir: StoragePath) -> Layout:
        """All files directly in ``output_dir``, as the vendor's tool leaves them."""
        return cls(output_dir, is_flat=True)

    def directory(self, timestamp: int) -> StoragePath:
        """Return the directory that holds, or will hold, the snapshot of ``timestamp``."""
        return self.home if self.is_flat else self.home / str(timestamp)

    def timestamps(self) -> set[int]:
        """Return the timestamps of all that lies there: complete sets, unfinished ones, push records."""
        parse = timestamp_of if self.is_flat else parse_directory_name
        return {timestamp for name in entries(self.home) if (timestamp := parse(name)) is not None}
