"""Push a snapshot to Catalog: every check first, then the files, the summary last."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.catalog.dashboards import compare_with_catalog
from mode_catalog_provider.catalog.guards import describe_change, refuse_unsuitable
from mode_catalog_provider.catalog.ingest import CatalogIngest, OutgoingFile
from mode_catalog_provider.catalog.last_push import last_push
from mode_catalog_provider.catalog.push_record import AcceptedShrink, FileState, OpenQuestion, PushRecord
from mode_catalog_provider.catalog.push_target import CheckedSource, SourceCheck, look_at_push_target
from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.errors import (
    ConfigurationError,
    ModeCatalogError,
    SnapshotError,
    SnapshotShrunkError,
)
from mode_catalog_provider.snapshot.layout import StoragePath, entries
from mode_catalog_provider.snapshot.reader import Snapshot, verify
from mode_catalog_provider.storage import location_of, open_to_read
from mode_catalog_provider.text import first_of

if TYPE_CHECKING:
    from mode_catalog_provider.catalog.api import CatalogApi
    from mode_catalog_provider.snapshot.manifest import FileEntry

logger = logging.getLogger(__name__)

#: A snapshot older than this was made for a day that is over.
DEFAULT_MAX_AGE = timedelta(days=2)

#: The share of an asset's rows that may disappear between two pushes.
DEFAULT_MAX_SHRINK = 0.3

_ORDER = {asset: position for position, asset in enumerate((*DATA_ASSETS, SUMMARY))}


@dataclass(frozen=True, kw_only=True)
class PushResult:
    """What a push did.

    :param source_id: UUID of the Catalog source.
    :param snapshot: path of the manifest, of the folder where there is none, or of the single file.
    :param pushed: names of the files sent and stored now; empty for a dry run.
    :param already_there: names of the files that Catalog held before, from an earlier try of this push.
    :param bytes: size of the files in ``pushed``.
    :param seconds: duration, checks included.
    :param completed_at: ISO 8601 UTC time from which Catalog holds all files of the snapshot; ``None``: it
        does not, or they are no snapshot. No part of the JSON.
    """

    source_id: str
    snapshot: str
    pushed: list[str]
    already_there: list[str]
    bytes: int
    seconds: float
    completed_at: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return {name: value for name, value in asdict(self).items() if name != "completed_at"}


def push_snapshot(
    *,
    snapshot: Snapshot,
    ingest: CatalogIngest,
    api: CatalogApi | None = None,
    max_shrink: float = DEFAULT_MAX_SHRINK,
    accept_shrink: bool = False,
    accepted: AcceptedShrink | None = None,
    asking_for: timedelta | None = None,
    source_check: SourceCheck = "warn",
    dry_run: bool = False,
    max_age: timedelta | None = DEFAULT_MAX_AGE,
    fence: Callable[[], None] = lambda: None,
    log: logging.Logger = logger,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> PushResult:
    """Push a snapshot's six files to the source of ``ingest``, each exactly once however often it is tried.

    :param snapshot: what to push; it is verified in full before the first byte is sent.
    :param ingest: the upload endpoint and the source.
    :param api: the GraphQL API to check the source with; ``None`` skips that check.
    :param max_shrink: share of an asset's rows, 0 to 1, that may have disappeared since the last push to this
        source; default 0.3.
    :param accept_shrink: push a snapshot that shrank more than that; default ``False``.
    :param accepted: a person's word that this shrink is right, default ``None``. It is recorded, so that a
        later try knows it too, and holds only while the last push is the one that it speaks of.
    :param asking_for: for how long a person is going to be asked when the snapshot shrank too much. It is
        recorded, so that other runs that this snapshot answers wait. Default ``None``: nobody is asked.
    :param source_check: what to do when ``api`` cannot be asked (unreachable, failing, its token refused, not
        understood): ``warn`` (default) and push, for the files go to another host, or ``require`` it. What it
        says clearly (no such source) refuses in any case.
    :param dry_run: check everything, send and record nothing; default ``False``.
    :param max_age: oldest snapshot that is pushed; default 2 days, ``None`` = any. The age of a folder that
        another tool filled does not matter.
    :param fence: raises when the run lock was lost; called before everything that others can see.
    :param log: where one line per file and the summary go.
    :param now: the current time, timezone-aware.
    :return: what was sent, and what Catalog held already.
    :raises UnknownSourceError: the source is absent, deleted or not Mode's.
    :raises SnapshotError: the set is incomplete, altered, stale, of another workspace, it shrank, or it has
        no connection, collection or report at all.
    :raises UploadConflictError: Catalog holds a file of this name that this package did not send.
    """
    if not 0 <= max_shrink <= 1:
        raise ConfigurationError(f"max_shrink is a share between 0 and 1, not {max_shrink!r}.")
    if ingest.file_type != "VIZ":
        raise ConfigurationError(
            f"A Mode snapshot is uploaded as file type VIZ, not {ingest.file_type}; "
            f"the other types are for single files."
        )
    push = _Push(snapshot, ingest, fence, log)
    if push.is_complete():
        log.info(
            "Snapshot %s was pushed to Catalog source %s at %s; nothing to send.",
            push.record.timestamp,
            ingest.source_id,
            push.record.completed_at,
        )
        return push.result()
    if accepted is not None and not dry_run:
        push.accept(accepted)  # first of all: whatever fails now is tried again, and nobody is asked again
    checked = CheckedSource()
    if api is not None:
        checked = look_at_push_target(api, ingest.source_id, check=source_check, log=log)
    try:
        verify(snapshot)
        previous = last_push(snapshot, ingest.source_id)
        is_accepted = accept_shrink or push.accepts_shrink_since(previous)
        refuse_unsuitable(
            snapshot.manifest,
            previous,
            max_shrink=None if is_accepted else max_shrink,
            max_age=None if snapshot.adopted else max_age,
            now=now(),
        )
        if previous is None and not is_accepted and api is not None and checked.unchecked is None:
            compare_with_catalog(
                snapshot.manifest, api, ingest.source_id, max_shrink=max_shrink, check=source_check, log=log
            )
    except SnapshotError as error:
        is_question = isinstance(error, SnapshotShrunkError)
        # What was asked about while the snapshot aged, or a newer one overtook it, is over as well.
        if not dry_run and (is_question or push.record.asked is not None):
            push.refuse(str(error), asking_until=now() + asking_for if asking_for and is_question else None)
        raise
    if not dry_run:
        push.note(checked)
    _tell_what_stays(snapshot, log)
    for entry in push.missing():
        if dry_run:
            log.info("Dry run, not sent: %s", _describe(entry))
        else:
            push.send(entry)
    if not dry_run:
        push.complete(now())
    log.info(
        "Snapshot %s of workspace %s %s Catalog source %s: %s.",
        snapshot.manifest.timestamp,
        snapshot.manifest.workspace or "unknown",
        "would go to" if dry_run else "is in",
        ingest.source_id,
        describe_change(snapshot.manifest.rows, previous[1].rows if previous else None),
    )
    return push.result()


def _tell_what_stays(snapshot: Snapshot, log: logging.Logger) -> None:
    sent = {entry.name for entry in snapshot.manifest.files}
    others = sorted(
        name
        for name in entries(snapshot.directory)
        if name not in sent and name.lower().endswith((".json", ".csv"))
    )
    if others:
        log.info(
            "Not sent, for they are no part of set %s: %s.", snapshot.manifest.timestamp, first_of(others, 12)
        )


class _Push:
    """One push under way: its record, and what was sent so far."""

    def __init__(
        self, snapshot: Snapshot, ingest: CatalogIngest, fence: Callable[[], None], log: logging.Logger
    ) -> None:
        self._began = time.monotonic()
        self._snapshot = snapshot
        self._ingest = ingest
        self._fence = fence
        self._log = log
        self._files = sorted(snapshot.manifest.files, key=lambda entry: _ORDER[entry.asset])
        self._record_path = push_record.record_path(snapshot, ingest.source_id)
        self.record = push_record.read(self._record_path) or PushRecord.of(snapshot, ingest.source_id)
        self._there = [entry for entry in self._files if self.record.state(entry) == "stored"]
        self._pushed: list[FileEntry] = []

    def missing(self) -> list[FileEntry]:
        return [entry for entry in self._files if entry not in self._there]

    def is_complete(self) -> bool:
        return self.record.completed_at is not None and not self.missing()

    def send(self, entry: FileEntry) -> None:
        known = self.record.state(entry)
        if known is None:
            self._remember(entry, "attempted")
        file = OutgoingFile(
            open=_opener(self._snapshot.file_path(entry)),
            name=entry.name,
            size=entry.bytes,
            sha256=entry.sha256,
            maybe_stored=known == "attempted",
        )
        try:
            outcome = self._ingest.push(file, before_attempt=self._fence)
        except ModeCatalogError:
            # every attempt was refused, or never arrived whole: a later 409 would not be our own echo
            if not file.maybe_stored:
                self._remember(entry, None)
            raise
        self._remember(entry, "stored")
        (self._pushed if outcome == "stored" else self._there).append(entry)
        self._log.info("%s: %s", "Uploaded" if outcome == "stored" else "Already there", _describe(entry))

    def accept(self, accepted: AcceptedShrink) -> None:
        self._write(replace(self.record, accepted=accepted, refused=None))

    def accepts_shrink_since(self, previous: tuple[StoragePath, PushRecord] | None) -> bool:
        accepted = self.record.accepted
        since = previous[1].timestamp if previous is not None else 0
        return accepted is not None and accepted.since == since

    def refuse(self, why: str, *, asking_until: datetime | None) -> None:
        # So that other runs that this snapshot answers need not extract the same again, or wait for the
        # answer. Without the note they do; that it could not be written must not hide the refusal.
        asked = None
        if asking_until is not None:
            until = asking_until.astimezone(UTC).isoformat(timespec="seconds")
            asked = OpenQuestion(why=why, until=until)
        with suppress(ModeCatalogError):
            self._write(replace(self.record, refused=None if asked else why, asked=asked))

    def note(self, checked: CheckedSource) -> None:
        if checked.unchecked != self.record.unchecked:
            self._write(replace(self.record, unchecked=checked.unchecked))

    def complete(self, at: datetime) -> None:
        self._write(self.record.completed(at))

    def result(self) -> PushResult:
        return PushResult(
            source_id=self._ingest.source_id,
            snapshot=location_of(self._snapshot.place),
            pushed=[entry.name for entry in self._pushed],
            already_there=[entry.name for entry in self._there],
            bytes=sum(entry.bytes for entry in self._pushed),
            seconds=round(time.monotonic() - self._began, 3),
            completed_at=self.record.completed_at,
        )

    def _remember(self, entry: FileEntry, state: FileState | None) -> None:
        self._write(self.record.marked(entry, state))

    def _write(self, record: PushRecord) -> None:
        # whoever took the lock over may write this record too: our outdated view must not replace theirs
        self._fence()
        push_record.write(self._record_path, record)
        self.record = record


def _describe(entry: FileEntry) -> str:
    rows = "" if entry.rows is None else f", {entry.rows} rows"
    return f"{entry.name} ({entry.bytes} bytes{rows})"


def _opener(path: StoragePath) -> Callable[[], BinaryIO]:
    return lambda: open_to_read(path)
