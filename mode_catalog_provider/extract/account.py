"""What a person is told of an extraction: what was left out, and that nothing at all was found."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping

from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.extract.left_out import LeftOut
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.text import first_of, visible

#: Names of left-out objects in a log line; the manifest has them all.
_NAMED = 5

#: What to do where a key sees nothing of an asset, though there should be some.
_CURES = {
    "datasource": "grant the key's member View on the connections, or use a workspace key",
    "collection": "grant the key's member View on the collections, or use a workspace key",
    "report": "grant the key's member View on the collections that hold reports, or use a workspace key",
    "query": "grant the key's member View on the connections, or use a workspace key (no SQL, no lineage)",
    "member": "let the key's member list members; without them no report has an owner",
}

#: Of these there may be none in a small workspace: told all the same where there are reports.
_NEXT_TO_REPORTS = ("query", "member")

#: The options that take in what was filtered.
_SWITCHES = {
    "personal": "include_personal (command line: --include-personal)",
    "archived": "include_archived",
    "datasets": "include_datasets",
}


def tell_filtered(filtered: Mapping[str, int], log: logging.Logger) -> None:
    """Log what was left out because the options say so, and which option takes it in."""
    for what, count in filtered.items():
        if not count:
            continue
        noun = {"archived": "archived reports", "datasets": "datasets"}.get(what, f"collections ({what})")
        switch = _SWITCHES.get(what)
        log.info("Left out by choice: %d %s%s", count, noun, f"; to take them in: {switch}" if switch else "")


def tell_datasets(count: int, log: logging.Logger) -> None:
    """Log how many of the reports are datasets, which other tools do not write, and what leaves them out."""
    if count:
        log.info(
            "Datasets among the reports (%s): %d; to leave them out: include_datasets=False (command line: "
            "--no-include-datasets)",
            DATASET,
            count,
        )


def warn_of_left_out(left_out: Iterable[LeftOut], log: logging.Logger) -> None:
    """Log what Mode refused, a line per kind and reason."""
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in left_out:
        groups[entry.asset, entry.reason].append(entry.name or entry.token or "the whole listing")
    for (asset, reason), names in groups.items():
        log.warning(
            "Left out %d %s (%s): %s. The manifest lists them all.",
            len(names),
            asset,
            reason,
            first_of(names, _NAMED),
        )


def warn_of_emptiness(manifest: Manifest, log: logging.Logger) -> None:
    """Log loudly of what nothing was found: an empty answer is not an empty world."""
    lacking = [
        asset
        for asset in _NEXT_TO_REPORTS
        if manifest.rows.get("report")
        and not manifest.rows.get(asset)
        # A refusal was told by itself.
        and not manifest.left_out_counts[asset]
    ]
    for asset in (*manifest.empty, *lacking):
        hidden = asset in ("collection", "report")
        filtered = manifest.filtered.get("personal", 0) if hidden else 0
        why = f", and {filtered} personal collections are left out by choice" if filtered else ""
        log.warning(
            "NOTHING FOUND: this key sees no %s in workspace '%s'%s. If there should be some: %s.",
            asset,
            visible(manifest.workspace),
            why,
            _CURES[asset],
        )
