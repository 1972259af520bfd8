"""Opens a snapshot by its manifest, and proves that its files are the ones that were written."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY, WRITER
from mode_catalog_provider.errors import (
    SnapshotAlteredError,
    SnapshotError,
    SnapshotIncompleteError,
    SnapshotNotFoundError,
)
from mode_catalog_provider.moments import stamp
from mode_catalog_provider.snapshot.inspection import inspect_file, read_summary
from mode_catalog_provider.snapshot.layout import (
    PARTIAL,
    Layout,
    StoragePath,
    claim_name,
    data_file,
    entries,
    forget_listings,
    manifest_name,
    parse_data_file,
    parse_directory_name,
    parse_manifest_name,
    timestamp_of,
)
from mode_catalog_provider.snapshot.manifest import FileEntry, Manifest
from mode_catalog_provider.storage import is_local, read_record
from mode_catalog_provider.text import first_of

log = logging.getLogger(__name__)

#: What the manifest of an adopted set names as its strategy.
ADOPTED = "adopted"

_ALL = (*DATA_ASSETS, SUMMARY)


@dataclass(frozen=True)
class Snapshot:
    """A complete set of files.

    :param directory: where the files lie.
    :param manifest: what they are.
    :param manifest_path: the manifest's path; nothing lies there when the set was adopted.
    :param adopted: ``True`` for a set without a manifest, made by the vendor's tool.
    :param ignored: names of files in the directory that do not belong to the adopted set.
    """

    directory: StoragePath
    manifest: Manifest
    manifest_path: StoragePath
    adopted: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """Where it lies among its like; ``layout.home`` is the folder of its workspace's records."""
        nested = parse_directory_name(self.directory.name) == self.manifest.timestamp
        return Layout(self.directory.parent) if nested else Layout.flat(self.directory)

    @property
    def place(self) -> StoragePath:
        """What names it to people and tasks: its manifest, or the folder of an adopted set."""
        return self.directory if self.adopted else self.manifest_path

    def file_path(self, entry: FileEntry) -> StoragePath:
        """Return the path of one of the six files."""
        return self.directory / entry.name


def open_snapshot(path: StoragePath) -> Snapshot:
    """Read the manifest of a complete snapshot; the files are not looked at (see :func:`verify`).

    :param path: the manifest, or the directory it lies in (the newest, where several lie there).
    :raises SnapshotNotFoundError: when there is no manifest, or it cannot be seen from this machine.
    :raises SnapshotAlteredError: when the manifest was changed or renamed.
    """
    forget_listings(path)
    if not path.exists():
        raise _not_found(path)
    if not path.is_dir():
        return _read_manifest(path)
    found = entries(path)
    manifests = _by_timestamp(found, parse_manifest_name)
    if manifests:
        return _read_manifest(found[manifests[max(manifests)]])
    directories = _by_timestamp(found, parse_directory_name)
    hint = f" It holds snapshots: name one of them ({directories[max(directories)]})." if directories else ""
    raise SnapshotNotFoundError(
        f"There is no manifest in {path}: the extraction has not finished, failed, or wrote elsewhere.{hint}"
    )


def newest_snapshot(layout: Layout) -> Snapshot | None:
    """Return the newest complete snapshot of a workspace, ``None`` when there is none.

    A damaged manifest is told as a warning and passed over: the snapshot before is still a good one.
    """
    for timestamp in sorted(layout.timestamps(), reverse=True):
        try:
            return open_snapshot(layout.directory(timestamp) / manifest_name(timestamp))
        except SnapshotNotFoundError:
            continue  # an extraction that is under way, or was killed
        except SnapshotError as error:
            log.warning("Passed over, as if it were not there: %s", error)
    return None


def verify(snapshot: Snapshot, *, only: str | None = None) -> None:
    """Prove that every file is there and is what the manifest says: name, size, hash, rows and their keys.

    Reads all files once, in bounded memory.

    :param snapshot: whose files they are.
    :param only: the asset whose file alone is looked at, default ``None``: all.
    :raises SnapshotIncompleteError: when files are missing; names them.
    :raises SnapshotAlteredError: when a file is not the one that was written.
    """
    present = entries(snapshot.directory)
    files = [entry for entry in snapshot.manifest.files if only in (None, entry.asset)]
    missing = [entry.name for entry in files if entry.name not in present]
    if missing:
        raise SnapshotIncompleteError(
            f"{snapshot.directory} lacks {', '.join(missing)}, which the snapshot consists of. Extract again."
        )
    for entry in files:
        path = snapshot.file_path(entry)
        found = inspect_file(path, entry.asset, sorted_rows=not snapshot.adopted)
        for what in ("bytes", "rows", "sha256"):
            if getattr(found, what) != getattr(entry, what):
                raise SnapshotAlteredError(
                    f"{path} is not the file that was written: {what} should be {getattr(entry, what)}, "
                    f"found {getattr(found, what)}. Extract again."
                )


def adopt_directory(path: StoragePath) -> Snapshot:
    """Make a snapshot of a directory without a manifest, as the vendor's extractor leaves it.

    The directory is only read. Times in the manifest are the one in the file names; workspace and host are
    those of the summary, empty when it does not say.

    :param path: a directory whose newest set of six files is complete; earlier sets and other files are
        ignored.
    :raises SnapshotNotFoundError: when there is no such directory.
    :raises SnapshotIncompleteError: when it holds no set, or the newest is half a set; says which.
    :raises SnapshotAlteredError: when a file is not what the contract wants.
    """
    forget_listings(path)
    if not path.is_dir():
        raise _not_found(path)
    found = entries(path)
    timestamp = _newest_set(path, found)
    files = tuple(
        inspect_file(found[data_file(timestamp, asset)], asset, sorted_rows=False) for asset in _ALL
    )
    summary = read_summary(found[data_file(timestamp, SUMMARY)])
    if any(WRITER in str(summary.get(key)) for key in ("version", "client_name")):
        raise SnapshotIncompleteError(
            f"The files in {path} were written by mode-catalog-provider, but their manifest "
            f"({manifest_name(timestamp)}) is not there. Keep it beside them, or extract again."
        )
    host, workspace = _host_and_workspace(summary.get("connection_identity", {}).get("base_url"))
    at = stamp(timestamp)
    manifest = Manifest(
        timestamp=timestamp,
        workspace=workspace,
        host=host,
        provider_version=str(summary.get("version", "")),
        started_at=at,
        finished_at=at,
        strategy=ADOPTED,
        options={},
        files=files,
        filtered={},
        figures={},
    )
    taken = {entry.name for entry in files}
    ignored = tuple(sorted(name for name in found if name not in taken))
    return Snapshot(path, manifest, path / manifest_name(timestamp), adopted=True, ignored=ignored)


def open_or_adopt(path: StoragePath) -> Snapshot:
    """Open the snapshot in a directory, or adopt it when no manifest lies there; see the two functions."""
    forget_listings(path)
    if path.is_dir() and not _by_timestamp(entries(path), parse_manifest_name):
        return adopt_directory(path)
    return open_snapshot(path)


def open_to_upload(path: StoragePath) -> Snapshot:
    """Open the snapshot in a directory as :func:`open_or_adopt` does, if it is the newest set there.

    :raises SnapshotError: the vendor's tool has left a newer one beside it.
    """
    snapshot = open_or_adopt(path)
    found = entries(path)
    sets: dict[int, set[str]] = {}
    for name in found:
        if (parsed := parse_data_file(name)) and parsed[0] > snapshot.manifest.timestamp:
            sets.setdefault(parsed[0], set()).add(parsed[1])
    # One with a marker or a manifest is of this package: it is being written, or was finished just now.
    newer = [
        second
        for second in sets
        if sets[second] == set(_ALL) and not found.keys() & {claim_name(second), manifest_name(second)}
    ]
    if newer:
        raise SnapshotError(
            f"{path} holds snapshot {snapshot.manifest.timestamp} and a newer set without a manifest, "
            f"{max(newer)}, as another tool leaves it. Which of them is meant is not clear: name the "
            f"manifest ({snapshot.manifest_path}) for the first, or move the newer set elsewhere."
        )
    return snapshot


def _read_manifest(path: StoragePath) -> Snapshot:
    timestamp = parse_manifest_name(path.name)
    if timestamp is None:
        raise SnapshotNotFoundError(f"{path} is not a manifest: their names are like 1700000000.manifest.")
    try:
        content = read_record(path)
    except FileNotFoundError:
        raise _not_found(path) from None
    try:
        manifest = Manifest.from_bytes(content)
        if manifest.timestamp != timestamp:
            raise SnapshotAlteredError(f"It is the manifest of {manifest.timestamp} under another name.")
    except SnapshotError as error:
        raise type(error)(f"{path}: {error}") from error
    directory = _staged(path.parent, timestamp)
    return Snapshot(directory, manifest, directory / path.name)


def _staged(directory: StoragePath, timestamp: int) -> StoragePath:
    """Return the directory as it lies among its like, where a link such as ``latest`` leads to it."""
    if is_local(directory) and parse_directory_name(directory.name) != timestamp:
        real = directory.resolve()
        return real if parse_directory_name(real.name) == timestamp else directory
    return directory


def _newest_set(path: StoragePath, found: Iterable[str]) -> int:
    """Return the timestamp of the newest set in a directory without a manifest."""
    unfinished = sorted(name for name in found if name.endswith(PARTIAL) and timestamp_of(name) is not None)
    if unfinished:
        raise SnapshotIncompleteError(
            f"{path} looks half-written: {', '.join(unfinished)} says that an extraction is still at work "
            f"there or was killed. Extract again."
        )
    manifests = _by_timestamp(found, parse_manifest_name)
    if manifests:
        raise SnapshotError(f"{path} has a manifest, {manifests[max(manifests)]}: open that one.")
    sets: dict[int, set[str]] = {}
    for name in found:
        if parsed := parse_data_file(name):
            sets.setdefault(parsed[0], set()).add(parsed[1])
    if not sets:
        others = sorted(found)
        named = f"; it holds {first_of(others, 5)}" if others else ""
        raise SnapshotIncompleteError(f"{path} holds no file named like 1700000000-report.json{named}.")
    timestamp = max(sets)
    if missing := [data_file(timestamp, asset) for asset in _ALL if asset not in sets[timestamp]]:
        raise SnapshotIncompleteError(
            f"{path} holds half a set: {', '.join(missing)} missing. The extraction failed or still runs. "
            f"{_earlier(sets)}".strip()
        )
    if len(sets) > 1:
        log.info("%s holds several sets; the newest, %s, is taken. %s", path, timestamp, _earlier(sets))
    return timestamp


def _earlier(sets: Mapping[int, set[str]]) -> str:
    earlier = sorted(sets)[:-1]
    listed = first_of(f"{second} ({_describe(sets[second])})" for second in reversed(earlier))
    return f"Earlier sets: {listed}." if listed else ""


def _describe(assets: set[str]) -> str:
    missing = [asset for asset in _ALL if asset not in assets]
    return f"without {', '.join(missing)}" if missing else "complete"


def _by_timestamp(names: Iterable[str], parse: Callable[[str], int | None]) -> dict[int, str]:
    return {timestamp: name for name in names if (timestamp := parse(name)) is not None}


def _host_and_workspace(address: object) -> tuple[str, str]:
    """Take the ``base_url`` of a summary apart; both are empty when it is no address of a workspace."""
    host, _, workspace = str(address).rstrip("/").rpartition("/")
    host = host.rstrip("/")
    scheme, _, rest = host.partition("://")
    if scheme not in {"http", "https"} or not rest or rest.startswith("/") or not workspace:
        return "", ""
    return host, workspace


def _not_found(path: StoragePath) -> SnapshotNotFoundError:
    if not is_local(path):
        return SnapshotNotFoundError(
            f"There is no {path}. Check the bucket, the prefix, and that the connection may read them."
        )
    return SnapshotNotFoundError(
        f"There is no {path} on this machine ({platform.node()}). A local path is not shared between "
        f"workers: when extract and upload may run on different machines, set the output directory to an "
        f"object store (such as s3://bucket/mode) or to a folder that all of them mount."
    )
