"""What a snapshot must be, compared with the clock and with the last push, before a byte of it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.errors import SnapshotMismatchError, SnapshotShrunkError, SnapshotStaleError
from mode_catalog_provider.moments import in_words, of_second, spoken
from mode_catalog_provider.web_address import installation_of

if TYPE_CHECKING:
    from mode_catalog_provider.catalog.push_record import PushRecord
    from mode_catalog_provider.snapshot.layout import StoragePath
    from mode_catalog_provider.snapshot.manifest import Manifest


#: Assets of which every workspace in use has some.
NEVER_EMPTY = ("datasource", "collection", "report")


def refuse_unsuitable(
    manifest: Manifest,
    previous: tuple[StoragePath, PushRecord] | None,
    *,
    max_shrink: float | None,
    max_age: timedelta | None,
    now: datetime,
) -> None:
    """Raise when the snapshot must not follow what was pushed before, or comes too late.

    :param manifest: the snapshot.
    :param previous: the newest finished push to the same source, and where its record lies.
    :param max_shrink: share of an asset's rows that may have disappeared since; ``None`` = all.
    :param max_age: oldest snapshot that passes; ``None`` = any.
    :param now: the current time.
    :raises SnapshotMismatchError: the source was fed from another workspace or host.
    :raises SnapshotStaleError: a newer snapshot was pushed already, or this one is too old.
    :raises SnapshotShrunkError: too many rows disappeared, or there are none of what every workspace has.
    """
    if previous is not None:
        _refuse_other_workspace(manifest, *previous)
        _refuse_older(manifest, previous[1])
    if max_age is not None:
        _refuse_aged(manifest, max_age, now)
    if max_shrink is not None:
        if previous is not None:
            _refuse_shrunk(manifest, previous[1], max_shrink)
        else:
            _refuse_empty(manifest)


def _refuse_other_workspace(manifest: Manifest, path: StoragePath, pushed: PushRecord) -> None:
    # Sets of the vendor's tool did not always say of which workspace they are.
    if not pushed.workspace or _origin(manifest) == _origin(pushed):
        return
    ours, theirs = (f"{one.host}/{one.workspace}" for one in (manifest, pushed))
    known = f"is of {ours}" if manifest.workspace else "does not say of which workspace it is"
    raise SnapshotMismatchError(
        f"This snapshot {known}, but Catalog source {pushed.source_id} was last fed from {theirs} "
        f"(snapshot {pushed.timestamp}). A source belongs to one workspace and one host, or its dashboards "
        f"are replaced by others: check the source id and the Mode connection. To move the source to "
        f"{ours if manifest.workspace else 'it'} on purpose, delete the push records that say otherwise, "
        f"beginning with {path}."
    )


def _origin(one: Manifest | PushRecord) -> tuple[str, str]:
    return installation_of(one.host), one.workspace.lower()


def _refuse_older(manifest: Manifest, pushed: PushRecord) -> None:
    if manifest.timestamp < pushed.timestamp:
        raise SnapshotStaleError(
            f"Snapshot {manifest.timestamp} ({spoken(manifest.timestamp)}) is older than snapshot "
            f"{pushed.timestamp} ({spoken(pushed.timestamp)}), which Catalog source {pushed.source_id} has "
            f"already. Pushing it would take Catalog back; extract again to push the present."
        )


def _refuse_aged(manifest: Manifest, max_age: timedelta, now: datetime) -> None:
    age = now - of_second(manifest.timestamp)
    if age > max_age:
        raise SnapshotStaleError(
            f"Snapshot {manifest.timestamp} ({spoken(manifest.timestamp)}) is {in_words(age)} old; the limit "
            f"is {in_words(max_age)}. Mode looks different by now: extract again and push that."
        )


def _refuse_shrunk(manifest: Manifest, pushed: PushRecord, max_shrink: float) -> None:
    shrunk = {
        asset: (before, after)
        for asset, before, after in _compared(manifest.rows, pushed.rows)
        # whole rows on both sides: 0.3 of 10 rows is 3, whatever floats say
        if before - after > round(max_shrink * before, 6)
    }
    if not shrunk:
        return
    left_out = manifest.left_out_counts
    lines = ", ".join(
        f"{asset}: {before} -> {after}" + (f" ({left_out[asset]} left out)" if left_out.get(asset) else "")
        for asset, (before, after) in shrunk.items()
    )
    raise SnapshotShrunkError(
        f"Snapshot {manifest.timestamp} lost more than {max_shrink:.0%} of its rows since snapshot "
        f"{pushed.timestamp}, the last one pushed to Catalog source {pushed.source_id}: {lines}. Catalog "
        f"would drop what is missing. Check the rights of the Mode key and the collection filters; if the "
        f"rows are really gone, push once with accept_shrink (command line: --accept-shrink).",
        shrunk=shrunk,
        since=pushed.timestamp,
    )


def _refuse_empty(manifest: Manifest) -> None:
    # A key that lost its rights gets empty listings, not refusals, and here nothing tells what there was.
    empty = [asset for asset in NEVER_EMPTY if not manifest.rows[asset]]
    if not empty:
        return
    words = ", ".join(f"no {asset}" for asset in empty)
    raise SnapshotShrunkError(
        f"Snapshot {manifest.timestamp} of workspace {manifest.workspace or 'unknown'} has {words}. Mode "
        f"hides what a key may not see, so this looks like a key without rights, not like an empty "
        f"workspace, and Catalog would drop what it shows. Check the rights of the Mode key and the "
        f"collection filters; if there is really nothing, push once with accept_shrink (command line: "
        f"--accept-shrink).",
        shrunk=dict.fromkeys(empty, (0, 0)),
        since=0,
    )


def refuse_fewer_than_catalog(manifest: Manifest, dashboards: int, max_shrink: float) -> None:
    """Raise when Catalog shows far more dashboards than a snapshot has reports.

    :param manifest: the snapshot; no earlier push to its source is known.
    :param dashboards: how many Catalog shows of the source, without tiles and the like.
    :param max_shrink: share of them that may be missing.
    """
    reports = manifest.rows["report"]
    if dashboards - reports <= round(max_shrink * dashboards, 6):
        return
    raise SnapshotShrunkError(
        f"Snapshot {manifest.timestamp} of workspace {manifest.workspace or 'unknown'} has {reports} "
        f"reports, but Catalog shows {dashboards} dashboards or more of this source, and would drop what is "
        f"missing. "
        f"Check the rights of the Mode key, and the options that leave collections out (personal ones are "
        f"left out unless asked for); if the rest is really gone, push once with accept_shrink (command "
        f"line: --accept-shrink).",
        shrunk={"report": (dashboards, reports)},
        since=0,
    )


def describe_change(rows: Mapping[str, int], before: Mapping[str, int] | None) -> str:
    """Return rows per asset, with the change since the last push: ``report 40 (+2), query 100 (-1)``."""
    if before is None:
        return ", ".join(f"{asset} {rows[asset]}" for asset in DATA_ASSETS if asset in rows)
    return ", ".join(f"{asset} {after} ({after - was:+d})" for asset, was, after in _compared(rows, before))


def _compared(now: Mapping[str, int], before: Mapping[str, int]) -> list[tuple[str, int, int]]:
    return [(asset, before.get(asset, 0), now.get(asset, 0)) for asset in DATA_ASSETS]
