"""What one sync brought, for people: as figures, as a table for the log, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mode_catalog_provider.catalog.push import PushResult
from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.text import markdown, visible

#: XCom keys of the upload task.
SUMMARY, SUMMARY_MARKDOWN, COMPLETED_AT = "summary", "summary_markdown", "completed_at"

#: Left-out objects that a summary names; the manifest lists all.
_NAMED = 50

#: Characters of each of their texts; the manifest has the whole.
_LONGEST = 500


def sync_summary(
    manifest: Manifest, before: Mapping[str, int] | None, result: PushResult, *, dry_run: bool
) -> dict[str, Any]:
    """Return the figures of one sync.

    :param manifest: of the snapshot that was pushed.
    :param before: rows per asset of the last push to the same source, ``None`` for the first one.
    :param result: what the push did.
    :param dry_run: whether nothing was to be sent.
    """
    rows = {
        asset: {
            "rows": manifest.rows[asset],
            "change": None if before is None else manifest.rows[asset] - before.get(asset, 0),
            "left_out": manifest.left_out_counts[asset],
        }
        for asset in DATA_ASSETS
    }
    return {
        "workspace": visible(manifest.workspace),
        "snapshot": manifest.timestamp,
        "source_id": result.source_id,
        "dry_run": dry_run,
        "rows": rows,
        "left_out": [_shown(entry) for entry in manifest.left_out[:_NAMED]],
        "files_sent": len(result.pushed),
        "files_already_there": len(result.already_there),
        "bytes_sent": result.bytes,
        "requests": manifest.figures.get("requests"),
        "extract_seconds": manifest.figures.get("seconds"),
        "upload_seconds": result.seconds,
    }


def _shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    # An XCom must be text that every store takes: half a surrogate pair in a name would fail the task here,
    # after the push.
    return {
        visible(key): value if value is None else visible(value, _LONGEST) for key, value in entry.items()
    }


def as_table(summary: Mapping[str, Any]) -> str:
    """Return the rows as lines of equal width."""
    lines = [f"{'asset':<12}{'rows':>10}{'change':>10}{'left out':>10}"]
    for asset, of in summary["rows"].items():
        lines.append(f"{asset:<12}{of['rows']:>10}{_signed(of['change']):>10}{of['left_out']:>10}")
    return "\n".join(lines)


def as_markdown(summary: Mapping[str, Any]) -> str:
    """Return the summary as Markdown, for notifiers and for XCom in the UI."""
    head = (
        f"**Mode workspace {markdown(summary['workspace'])}, snapshot {summary['snapshot']}**: "
        f"{summary['files_sent']} files sent, {summary['files_already_there']} were there, "
        f"{summary['requests']} requests, {summary['extract_seconds']} s + {summary['upload_seconds']} s"
        f"{' (dry run)' if summary['dry_run'] else ''}"
    )
    lines = [head, "", "| asset | rows | change | left out |", "| --- | ---: | ---: | ---: |"]
    for asset, of in summary["rows"].items():
        lines.append(f"| {asset} | {of['rows']} | {_signed(of['change'])} | {of['left_out']} |")
    if summary["left_out"]:
        lines += ["", "Left out:", ""]
        for entry in summary["left_out"]:
            name = markdown(entry.get("name") or entry.get("token") or "the whole listing")
            lines.append(f"- {markdown(entry.get('asset'))} {name}: {markdown(entry.get('reason'))}")
    return "\n".join(lines)


def _signed(change: int | None) -> str:
    return "first" if change is None else f"{change:+d}"
