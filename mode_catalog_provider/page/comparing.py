"""What changed between two snapshots that somebody chose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mode_catalog_provider.page import parameters
from mode_catalog_provider.page.workspaces import Workspace
from mode_catalog_provider.report.workspace import MOST_CHANGES, shown_change
from mode_catalog_provider.snapshot.change_texts import remarks
from mode_catalog_provider.snapshot.change_words import CHANGE_WORDS
from mode_catalog_provider.snapshot.changes import ORDER
from mode_catalog_provider.snapshot.diff import SnapshotDiff


def compare_page(workspace: Workspace, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the comparison shows; without two timestamps, the choice only.

    :param workspace: whose snapshots they are.
    :param given: ``before`` and ``after``, timestamps that are looked up among those there are, and ``asset``
        and ``change``, which narrow what is shown.
    :raises SnapshotError: a file is gone or altered.
    """
    kept = workspace.records.timestamps
    chosen = {name: parameters.timestamp(given, name) for name in ("before", "after")}
    unknown = [one for one in chosen.values() if one is not None and one not in kept]
    asset = parameters.one_of(given, "asset", ORDER)
    word = parameters.one_of(given, "change", CHANGE_WORDS)
    told: dict[str, Any] = {
        "kept": kept,
        "asked": {
            "before": chosen["before"] or (kept[1] if len(kept) > 1 else None),
            "after": chosen["after"] or (kept[0] if kept else None),
            "asset": asset,
            "change": word,
        },
        "unknown": unknown,
        "counts": None,
        "meanings": CHANGE_WORDS,
    }
    if unknown or None in chosen.values():
        return told
    before, after = (workspace.records.snapshot(chosen[name] or 0) for name in ("before", "after"))
    if before is None or after is None:
        return {**told, "unknown": [one for one in chosen.values() if one is not None]}
    with SnapshotDiff(before, after) as diff:
        counts = diff.counts
        listed = diff.changes(asset=asset or None, change=word or None, limit=MOST_CHANGES)
        host, name = after.manifest.host, after.manifest.workspace
        changes = [shown_change(one, host, name) for one in listed]
        matching = sum(
            count
            for of, words in counts.items()
            for one, count in words.items()
            if asset in ("", of) and word in ("", one)
        )
        said = tuple(remarks(diff.options, mixed=diff.mixed, days=diff.days))
    return {**told, "counts": counts, "remarks": said, "changes": changes, "total": matching}
