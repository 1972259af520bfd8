"""What a person is asked when a snapshot shrank too much to be uploaded without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mode_catalog_provider.catalog.coverage import CONTENT_OPTIONS
from mode_catalog_provider.catalog.last_push import last_push
from mode_catalog_provider.catalog.push_record import AcceptedShrink
from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.errors import ModeCatalogError, SnapshotError, SnapshotShrunkError
from mode_catalog_provider.moments import spoken, stamp
from mode_catalog_provider.snapshot.disappeared import disappeared
from mode_catalog_provider.snapshot.layout import manifest_name
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.text import markdown, visible

APPROVE, REJECT = "Approve", "Reject"

#: Names of what disappears that a question shows.
_NAMED = 50

#: Collections in the options that it names.
_NAMED_OPTIONS = 20

#: What it means that an option is not set.
_UNSET = {"include_collections": "all collections", "exclude_collections": "no collection left out"}


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
        pushed = last_push(snapshot, source_id)
        before = pushed[1].rows if pushed else {asset: was for asset, (was, _) in error.shrunk.items()}
        earlier = None
        if pushed is not None and not snapshot.adopted:
            with suppress(SnapshotError):
                earlier = open_snapshot(pushed[0].parent / manifest_name(error.since))
        lines = [
            f"Snapshot **{manifest.timestamp}** of Mode workspace **{markdown(manifest.workspace)}** "
            + _compared_with(error),
            "",
            *_how_it_was_filtered(manifest, earlier.manifest if earlier else None),
            "",
            "| asset | in Catalog | now | change | left out |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(_row(asset, before.get(asset, 0), manifest, error) for asset in DATA_ASSETS),
            "",
            f"**{APPROVE}**: it is uploaded, and Catalog drops what is missing. **{REJECT}**: nothing is "
            "uploaded, this run fails, and Catalog stays as it is.",
            "",
            *_what_disappears(snapshot, earlier, error.since),
            *_what_was_left_out(manifest.left_out),
        ]
        worst = ", ".join(f"{asset} {was} → {now}" for asset, (was, now) in error.shrunk.items())
        workspace = visible(manifest.workspace)
        subject = f"Upload a smaller snapshot of Mode workspace {workspace} to Catalog? {worst}"
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
    by = visible(user.get("name") or user.get("id") or "somebody")
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
    change = f"{mark}{now - before:+d}{share}{mark}" if now != before else "0"
    return f"| {asset} | {before} | {now} | {change} | {manifest.left_out_counts[asset]} |"


def _compared_with(error: SnapshotShrunkError) -> str:
    if error.since:
        last = f"{error.since}, of {spoken(error.since)}"
        return f"has far fewer rows than the one that Catalog got last ({last})."
    if any(before for before, _ in error.shrunk.values()):
        return "has far fewer reports than Catalog shows dashboards of this source."
    return (
        "has nothing of what every workspace has. No earlier upload is known here to compare with; Mode "
        "hides what a key may not see."
    )


def _how_it_was_filtered(manifest: Manifest, before: Manifest | None) -> list[str]:
    now = _told_options(manifest)
    lines = [f"Extracted with: {'; '.join(now.values()) or 'everything that the key may see'}."]
    if manifest.filtered:
        counted = ", ".join(
            f"{count} {markdown(why.replace('_', ' '))}" for why, count in manifest.filtered.items()
        )
        lines.append(f"Left out for that: {counted}.")
    if before is not None:
        was = _told_options(before)
        changed = [
            f"{was.get(name) or _unset(name)} before, {now.get(name) or _unset(name)} now"
            for name in CONTENT_OPTIONS
            if manifest.options.get(name) != before.options.get(name)
        ]
        if changed:
            lines += ["", f"**The options are not those of the last upload**: {'; '.join(changed)}."]
    return lines


def _unset(option: str) -> str:
    return _UNSET.get(option) or f"{option.replace('_', ' ')} not set"


def _told_options(manifest: Manifest) -> dict[str, str]:
    told = {}
    options = manifest.options
    for name, words in (
        ("include_collections", "only these collections"),
        ("exclude_collections", "without these collections"),
    ):
        if listed := options.get(name):
            names = listed if isinstance(listed, list | tuple) else [listed]
            shown = ", ".join(markdown(one) for one in names[:_NAMED_OPTIONS])
            more = len(names) - _NAMED_OPTIONS
            told[name] = f"{words}: {shown}{f' and {more} more' if more > 0 else ''}"
    if "include_personal" in options:
        told["include_personal"] = (
            f"{'with' if options['include_personal'] else 'without'} personal collections"
        )
    if "include_archived" in options:
        told["include_archived"] = f"{'with' if options['include_archived'] else 'without'} archived reports"
    if "include_datasets" in options:
        told["include_datasets"] = f"{'with' if options['include_datasets'] else 'without'} datasets"
    if "members" in options:
        told["members"] = f"members {markdown(options['members'])}"
    return told


def _what_disappears(snapshot: Snapshot, before: Snapshot | None, since: int) -> list[str]:
    if not since:
        return []
    lines = ["#### What disappears", ""]
    try:
        if before is None:
            raise SnapshotError("its files are not there any more")
        gone = disappeared(before, snapshot, limit=_NAMED)
    except (SnapshotError, ValueError, OSError) as error:
        # The question must be asked all the same: the numbers above tell most of it.
        return [
            *lines,
            f"It cannot be told by name, because snapshot {since} is not at hand ({markdown(error)}).",
        ]
    for one in gone:
        # Most queries bear the name that Mode gave them.
        times = Counter(one.names)
        names = [
            f"  - {markdown(name)}{f' ({times[name]} times)' if times[name] > 1 else ''}" for name in times
        ]
        more = one.count - len(one.names)
        lines += [f"- **{one.asset}**: {one.count}", *names, *([f"  - and {more} more"] if more else [])]
    return lines


def _what_was_left_out(left_out: tuple[Mapping[str, Any], ...]) -> list[str]:
    if not left_out:
        return []
    lines = ["", "#### What Mode did not show", ""]
    for entry in left_out[:_NAMED]:
        name = markdown(entry.get("name") or entry.get("token") or "the whole listing")
        lines.append(f"- {markdown(entry.get('asset'))} {name}: {markdown(entry.get('reason'))}")
    more = len(left_out) - _NAMED
    return [*lines, *([f"- and {more} more, in the manifest"] if more > 0 else [])]
