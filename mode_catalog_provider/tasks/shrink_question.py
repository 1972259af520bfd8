"""What a person is asked when a snapshot shrank too much to be uploaded without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.catalog.push_record import AcceptedShrink
from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.errors import ModeCatalogError, SnapshotError, SnapshotShrunkError
from mode_catalog_provider.moments import spoken, stamp
from mode_catalog_provider.snapshot.disappeared import disappeared
from mode_catalog_provider.snapshot.layout import manifest_name
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.sync_summary import plain

APPROVE, REJECT = "Approve", "Reject"

#: Names of what disappears that a question shows.
_NAMED = 50


@dataclass(frozen=True, kw_only=True)
class ShrinkQuestion:
    """May a smaller snapshot be uploaded?

    :param subject: one line.
    :param body: Markdown: rows before and after, and what disappears.
    """

    subject: str
    body: str

    @classmethod
    def about(cls, snapshot: Snapshot, source_id: str, error: SnapshotShrunkError) -> ShrinkQuestion:
        """Word the question.

        :param snapshot: what was refused.
        :param source_id: UUID of the Catalog source.
        :param error: why.
        """
        manifest = snapshot.manifest
        pushed = push_record.newest_completed(snapshot, source_id)
        before = pushed[1].rows if pushed else {}
        lines = [
            f"Snapshot **{manifest.timestamp}** of Mode workspace **{plain(manifest.workspace)}** has far "
            f"fewer rows than the one that Catalog got last ({error.since}, of {spoken(error.since)}).",
            "",
            "| asset | in Catalog | now | change | left out |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(_row(asset, before.get(asset, 0), manifest, error) for asset in DATA_ASSETS),
            "",
            f"**{APPROVE}**: it is uploaded, and Catalog drops what is missing. **{REJECT}**: nothing is "
            "uploaded, this run fails, and Catalog stays as it is.",
            "",
            *_what_disappears(snapshot, pushed[0].parent if pushed else None, error.since),
            *_what_was_left_out(manifest.left_out),
        ]
        worst = ", ".join(f"{asset} {was} → {now}" for asset, (was, now) in error.shrunk.items())
        subject = f"Upload a smaller snapshot of Mode workspace {manifest.workspace} to Catalog? {worst}"
        return cls(subject=subject, body="\n".join(lines))


def accepted_by(event: Mapping[str, Any] | None, *, since: int, timestamp: int) -> AcceptedShrink:
    """Return who approved.

    :param event: what came back.
    :param since: timestamp of the push that the snapshot was compared with.
    :param timestamp: the snapshot's own.
    :raises AirflowFailException: somebody rejected, or nobody answered in time.
    :raises ModeCatalogError: the event is not understood.
    """
    nothing = "Nothing was uploaded, and Catalog stays as it is."
    if event is not None and event.get("error_type") == "timeout":
        raise AirflowFailException(
            f"Nobody said in time whether snapshot {timestamp} may be uploaded although it shrank. {nothing} "
            "Clear the upload to be asked again, or the whole run to extract again first."
        )
    chosen = (event or {}).get("chosen_options")
    if chosen not in ([APPROVE], [REJECT]):
        raise ModeCatalogError(f"The answer is not understood: {event!r}.")
    user = (event or {}).get("responded_by_user") or {}
    by = str(user.get("name") or user.get("id") or "somebody")
    if chosen == [REJECT]:
        raise AirflowFailException(
            f"{by} rejected the upload of snapshot {timestamp}, which shrank. {nothing} When the rights of "
            "the Mode key and the collection filters are as they should be, clear this run."
        )
    return AcceptedShrink(since=since, by=by, at=stamp(datetime.now(UTC)))


def _row(asset: str, before: int, manifest: Any, error: SnapshotShrunkError) -> str:
    now = manifest.rows[asset]
    share = f" ({(now - before) / before:+.0%})" if before and now != before else ""
    mark = "**" if asset in error.shrunk else ""
    change = f"{mark}{now - before:+d}{share}{mark}"
    return f"| {asset} | {before} | {now} | {change} | {manifest.left_out_counts[asset]} |"


def _what_disappears(snapshot: Snapshot, directory: Any, since: int) -> list[str]:
    lines = ["#### What disappears", ""]
    try:
        if directory is None or snapshot.adopted:
            raise SnapshotError("there is nothing to compare with")
        before = open_snapshot(directory / manifest_name(since))
        gone = disappeared(before, snapshot, limit=_NAMED)
    except (SnapshotError, ValueError, OSError) as error:
        # The question must be asked all the same: the numbers above tell most of it.
        return [
            *lines,
            f"It cannot be told by name, because snapshot {since} is not at hand ({plain(error)}).",
        ]
    for one in gone:
        # Most queries bear the name that Mode gave them.
        times = Counter(one.names)
        names = [f"  - {plain(name)}{f' ({times[name]} times)' if times[name] > 1 else ''}" for name in times]
        more = one.count - len(one.names)
        lines += [f"- **{one.asset}**: {one.count}", *names, *([f"  - and {more} more"] if more else [])]
    return lines


def _what_was_left_out(left_out: tuple[Mapping[str, Any], ...]) -> list[str]:
    if not left_out:
        return []
    lines = ["", "#### What Mode did not show", ""]
    for entry in left_out[:_NAMED]:
        name = plain(entry.get("name") or entry.get("token") or "the whole listing")
        lines.append(f"- {entry['asset']} {name}: {entry['reason']}")
    more = len(left_out) - _NAMED
    return [*lines, *([f"- and {more} more, in the manifest"] if more > 0 else [])]
