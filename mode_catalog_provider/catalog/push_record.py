"""What of a snapshot has been sent to a Catalog source, kept beside its manifest.

Catalog answers 409 to a file name it already holds, and offers no way to ask which bytes it holds. The record
is the only witness: it is written *before* a file is sent, so that after a crash, or an answer that was lost,
a 409 is known to be the echo of this package's own upload.
"""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from mode_catalog_provider.errors import (
    ConfigurationError,
    ModeCatalogError,
    SnapshotAlteredError,
    SnapshotError,
    SnapshotIncompleteError,
)
from mode_catalog_provider.moments import stamp
from mode_catalog_provider.snapshot.layout import (
    StoragePath,
    entries,
    parse_directory_name,
    parse_push_record_name,
    push_record_name,
)
from mode_catalog_provider.snapshot.manifest import TOO_MANY
from mode_catalog_provider.snapshot.output import OutputFile
from mode_catalog_provider.storage import is_local, read_record

if TYPE_CHECKING:
    from mode_catalog_provider.snapshot.manifest import FileEntry
    from mode_catalog_provider.snapshot.reader import Snapshot

FORMAT_VERSION = 1

FileState = Literal["attempted", "stored"]


@dataclass(frozen=True)
class SentFile:
    """One file that was sent, or may have been.

    :param sha256: hash of the bytes sent, in hex.
    :param state: ``attempted`` when Catalog may or may not hold it, ``stored`` when it said so.
    """

    sha256: str
    state: FileState


@dataclass(frozen=True, kw_only=True)
class AcceptedShrink:
    """A person's word that rows are really gone.

    :param since: timestamp of the last pushed snapshot that the comparison was with, 0 where none was known;
        it holds for no other.
    :param by: who said so.
    :param at: when, ISO 8601 UTC.
    """

    since: int
    by: str
    at: str


@dataclass(frozen=True, kw_only=True)
class OpenQuestion:
    """A person is being asked whether a snapshot may be pushed although it shrank.

    :param why: why it was not pushed.
    :param until: ISO 8601 UTC time after which nobody acts on an answer any more.
    """

    why: str
    until: str


@dataclass(frozen=True, kw_only=True)
class PushRecord:
    """The push of one snapshot to one source, finished or not.

    :param source_id: UUID of the Catalog source.
    :param timestamp: Unix seconds that name the snapshot.
    :param workspace: Mode workspace the snapshot is of.
    :param host: base URL of Mode, without trailing slash.
    :param rows: rows per data asset.
    :param files: what was sent, by file name.
    :param completed_at: ISO 8601 UTC time at which the last file was stored; ``None`` = not finished.
    :param refused: why the push was refused for what had shrunk; ``None`` = it was not.
    :param accepted: who accepted that since; ``None`` = nobody.
    :param asked: the question that is open about it, or whose answer is being acted on; ``None`` = none is.
    :param unchecked: why the source could not be checked before files were sent; ``None`` = it was checked.
    """

    source_id: str
    timestamp: int
    workspace: str
    host: str
    rows: Mapping[str, int]
    files: Mapping[str, SentFile]
    completed_at: str | None = None
    refused: str | None = None
    accepted: AcceptedShrink | None = None
    asked: OpenQuestion | None = None
    unchecked: str | None = None

    @classmethod
    def of(cls, snapshot: Snapshot, source_id: str) -> PushRecord:
        """Return the record of a push that has not begun."""
        manifest = snapshot.manifest
        return cls(
            source_id=source_id,
            timestamp=manifest.timestamp,
            workspace=manifest.workspace,
            host=manifest.host,
            rows=manifest.rows,
            files={},
        )

    def state(self, entry: FileEntry) -> FileState | None:
        """Return what is known of a file, ``None`` when it was never sent.

        :raises SnapshotAlteredError: other bytes were sent under this name.
        """
        sent = self.files.get(entry.name)
        if sent is None:
            return None
        if sent.sha256 != entry.sha256:
            raise SnapshotAlteredError(
                f"{entry.name} is not the file that was uploaded to Catalog source {self.source_id} under "
                f"this name before, and Catalog keeps the first one. Extract again: a new snapshot has "
                f"new names."
            )
        return sent.state

    def marked(self, entry: FileEntry, state: FileState | None) -> PushRecord:
        """Return the record with a file's state changed; ``None`` forgets the file."""
        files = {name: sent for name, sent in self.files.items() if name != entry.name}
        if state is not None:
            files[entry.name] = SentFile(sha256=entry.sha256, state=state)
        return replace(self, files=files)

    def completed(self, at: datetime) -> PushRecord:
        """Return the record with the push finished at ``at``."""
        return replace(self, completed_at=stamp(at), refused=None, asked=None)

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return {
            "format_version": FORMAT_VERSION,
            "source_id": self.source_id,
            "timestamp": self.timestamp,
            "workspace": self.workspace,
            "host": self.host,
            "rows": dict(self.rows),
            "files": {n: {"sha256": sent.sha256, "state": sent.state} for n, sent in self.files.items()},
            "completed_at": self.completed_at,
            "refused": self.refused,
            "accepted": asdict(self.accepted) if self.accepted else None,
            "asked": asdict(self.asked) if self.asked else None,
            "unchecked": self.unchecked,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PushRecord:
        """Read what :meth:`to_json` wrote; anything else raises one of the built-in errors."""
        return cls(
            source_id=document["source_id"],
            timestamp=int(document["timestamp"]),
            workspace=document["workspace"],
            host=document["host"],
            rows={asset: int(count) for asset, count in document["rows"].items()},
            files={name: _sent_file(sent) for name, sent in document["files"].items()},
            completed_at=_moment(document["completed_at"]),
            refused=document.get("refused"),
            accepted=AcceptedShrink(**accepted) if (accepted := document.get("accepted")) else None,
            asked=_question(document.get("asked")),
            unchecked=document.get("unchecked"),
        )


def read(path: StoragePath) -> PushRecord | None:
    """Return the record at ``path``, ``None`` when there is none.

    :raises SnapshotError: it cannot be read, or a newer version of the package wrote it.
    """
    try:
        document = json.loads(read_record(path).decode())
        version = document["format_version"]
        if version == FORMAT_VERSION:
            return _checked(PushRecord.from_json(document))
    except FileNotFoundError:
        return None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise SnapshotAlteredError(
            f"The push record {path} cannot be read ({type(error).__name__}). It tells what Catalog already "
            f"holds. Delete it to go on without that knowledge, and extract again for fresh file names."
        ) from error
    raise SnapshotError(
        f"The push record {path} has format version {version!r}; this version of mode-catalog-provider reads "
        f"version {FORMAT_VERSION}. Upgrade the package where the upload runs."
    )


def _checked(record: PushRecord) -> PushRecord:
    texts = (record.source_id, record.workspace, record.host, record.refused or "", record.unchecked or "")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is none")
    if not all(0 <= count < TOO_MANY for count in record.rows.values()):
        raise ValueError("a number of rows is none")
    if parse_directory_name(str(record.timestamp)) is None:
        raise ValueError("the timestamp is none")
    return record


def _sent_file(sent: Mapping[str, Any]) -> SentFile:
    file = SentFile(**sent)
    if file.state not in get_args(FileState) or not isinstance(file.sha256, str):
        raise ValueError("a file has no state")
    return file


def _moment(text: str | None) -> str | None:
    if text is not None:
        datetime.fromisoformat(text)
    return text


def _question(asked: Mapping[str, Any] | None) -> OpenQuestion | None:
    if asked is None:
        return None
    question = OpenQuestion(**asked)
    if datetime.fromisoformat(question.until).tzinfo is None:
        raise ValueError("a time has no zone")
    return question


def write(path: StoragePath, record: PushRecord) -> None:
    """Write the record so that a reader finds the old one or the new one, never half of either.

    :raises SnapshotIncompleteError: the snapshot's folder is gone.
    :raises ConfigurationError: the place may not be written to; another error of ours: it cannot be now.
    """
    if is_local(path) and not path.parent.exists():
        raise SnapshotIncompleteError(
            f"There is no {path.parent} any more: the snapshot was removed while it was being uploaded. Find "
            f"out what removes it so soon, and extract again."
        )
    text = json.dumps(record.to_json(), indent=2) + "\n"
    try:
        with OutputFile(path) as file:
            file.write(text.encode("ascii"))
        file.publish()
    except OSError as error:
        kind = ConfigurationError if _is_forbidden(error) else ModeCatalogError
        raise kind(
            f"The push record {path} cannot be written ({error}). Nothing is sent without it, for it tells a "
            f"later try what Catalog holds: make the folder writable for the task that uploads."
        ) from error


def _is_forbidden(error: OSError) -> bool:
    wrong = isinstance(error, PermissionError | IsADirectoryError | NotADirectoryError)
    return wrong or error.errno == errno.EROFS


def close_question(path: StoragePath, why: str) -> None:
    """Note that nobody accepted: the question that a record tells of is over, and the push is refused.

    :param why: as whoever waited for the answer is told.
    """
    record = read(path)
    if record is not None and record.asked is not None and record.completed_at is None:
        write(path, replace(record, asked=None, refused=why))


def record_path(snapshot: Snapshot, source_id: str) -> StoragePath:
    """Return where the record of this snapshot and source lies."""
    return snapshot.directory / push_record_name(snapshot.manifest.timestamp, source_id)


def newest_completed(snapshot: Snapshot, source_id: str) -> tuple[StoragePath, PushRecord] | None:
    """Return the newest finished push to a source that can be found from a snapshot's place.

    Looked through are the snapshot's own folder and, where it lies in the nested layout, its sibling
    snapshots and those of other workspaces in the same output directory.
    """
    for _, path in sorted(set(_candidates(snapshot, source_id)), key=lambda found: found[0], reverse=True):
        record = read(path)
        if record is not None and record.completed_at is not None:
            return path, record
    return None


def _candidates(snapshot: Snapshot, source_id: str) -> Iterator[tuple[int, StoragePath]]:
    for path in _children(snapshot.directory):
        parsed = parse_push_record_name(path.name)
        if parsed is not None and parsed[1] == source_id:
            yield parsed[0], path
    if snapshot.layout.is_flat:
        return
    home, name = snapshot.layout.home, snapshot.manifest.workspace
    # A second host's workspace of the same name has a folder that names the host, too.
    is_workspace = home.name == name or home.name.startswith(f"{name}@")
    # Otherwise the folders around are none of ours.
    for workspace in _children(home.parent) if is_workspace else (home,):
        for directory in _children(workspace):
            timestamp = parse_directory_name(directory.name)
            if timestamp is not None:
                yield timestamp, directory / push_record_name(timestamp, source_id)


def _children(directory: StoragePath) -> Iterable[StoragePath]:
    with contextlib.suppress(PermissionError):  # a folder of somebody else
        return entries(directory).values()
    return ()
