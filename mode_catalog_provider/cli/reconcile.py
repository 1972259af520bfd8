"""`mode-catalog reconcile`: did what was uploaded arrive in Catalog, with lineage, and if not why."""

from __future__ import annotations

import argparse

from mode_catalog_provider.catalog.arrival_report import KINDS, ArrivalReport, earlier_arrival, keep_arrival
from mode_catalog_provider.catalog.arrival_tables import MATCHES
from mode_catalog_provider.catalog.reconciliation import FIRST, reconcile
from mode_catalog_provider.catalog.sources import parse_source_id
from mode_catalog_provider.cli.connections import add_catalog, catalog_api, required
from mode_catalog_provider.cli.output import DONE, REFUSED, Output
from mode_catalog_provider.cli.places import existing
from mode_catalog_provider.cli.values import count, share
from mode_catalog_provider.snapshot.reader import open_or_adopt
from mode_catalog_provider.storage import location_of

LEFT_BEHIND = "Nothing was changed."


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the source, what is compared with it, and what is required."""
    add_catalog(
        command,
        token=("-k", "--token", "--catalog-token"),
        token_file=("--token-file", "--catalog-token-file"),
        pushes=True,
    )
    command.add_argument(
        "-d",
        "--directory",
        "--directory_path",
        "--directory-path",
        dest="directory",
        metavar="FOLDER",
        required=True,
        help="the folder that was uploaded, or its manifest",
    )
    command.add_argument(
        "--min-arrived",
        type=share,
        metavar="SHARE",
        help="exit with 5 when a smaller share of the reports arrived, such as 0.95",
    )
    command.add_argument(
        "--min-lineage",
        type=share,
        metavar="SHARE",
        help="exit with 5 when a smaller share of the reports that arrived has lineage",
    )
    command.add_argument(
        "--first",
        type=count,
        default=FIRST,
        metavar="N",
        help=f"name so many findings of each kind, the new ones first (default {FIRST})",
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Compare, keep the result, and print it."""
    source_id = parse_source_id(required(arguments, "source_id", "-s/--source_id"))
    snapshot = open_or_adopt(existing(arguments.directory, "-d/--directory"))
    with catalog_api(arguments) as api:
        report = reconcile(
            snapshot=snapshot,
            api=api,
            source_id=source_id,
            earlier=earlier_arrival(snapshot, source_id),
            first=arguments.first,
        )
    kept = keep_arrival(report, snapshot)
    missed = report.missed(min_arrived=arguments.min_arrived, min_lineage=arguments.min_lineage)
    lines = [*_lines(report), *([f"Wrote {kept}"] if kept else []), *missed]
    place = location_of(snapshot.place)
    output.result(report.to_json(snapshot=place), lines)
    return REFUSED if missed else DONE


def _lines(report: ArrivalReport) -> list[str]:
    lines = [
        f"{report.arrived} of {report.reports} reports arrived ({report.arrived_share:.1%}), "
        f"{report.with_lineage} of them with lineage ({report.lineage_share:.1%})."
    ]
    lines += [
        f"{matched} recognised by {how}, {MATCHES[how]}."
        for how, matched in report.matched_by.items()
        if matched
    ]
    for kind, title in KINDS.items():
        items = report.items[kind]
        if not report.counts[kind]:
            continue
        lines += ["", f"{title} ({kind}): {report.counts[kind]}"]
        for item in items:
            new = "new  " if item.finding.is_new and report.compared_with is not None else "     "
            where = f" {item.finding.url}" if item.finding.url else ""
            lines.append(f"{new}{item.finding.message}{where}")
        if (more := report.counts[kind] - len(items)) > 0:
            lines.append(f"     and {more} more")
    lines += [f"Note on {what}: {why}." for what, why in report.not_checked.items()]
    return lines
