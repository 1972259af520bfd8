"""``python -m tests.audit_workspaces``: precision and recall of each check on labelled workspaces."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from mode_catalog_provider.audit.workspace import audit_snapshot
from tests.audit_workspaces.measure import Scores, scores, table, wrong_pairs
from tests.audit_workspaces.workspace import OPTIONS, labelled

#: Seeds that nobody tuned on.
FRESH = range(1000, 1010)


def measured(seeds: range, *, with_facts: bool = True, tell: bool = False) -> Scores:
    """Audit a workspace of each seed."""
    total = Scores()
    for seed in seeds:
        workspace = labelled(seed)
        with tempfile.TemporaryDirectory() as folder:
            report = audit_snapshot(workspace.snapshot(Path(folder), with_facts=with_facts), OPTIONS)
        total.add(scores(workspace, report))
        if tell:
            print(f"seed {seed}: wrong pairs {dict(wrong_pairs(workspace, report))}", file=sys.stderr)
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seeds", nargs=2, type=int, default=(FRESH.start, FRESH.stop), metavar=("FIRST", "END")
    )
    parser.add_argument("--no-facts", action="store_true", help="without side files, as the vendor's sets")
    parser.add_argument("--tell", action="store_true", help="name the wrong pairs")
    arguments = parser.parse_args()
    seeds = range(*arguments.seeds)
    print(f"Seeds {seeds.start} to {seeds.stop - 1}{', without side files' if arguments.no_facts else ''}")
    print(table(measured(seeds, with_facts=not arguments.no_facts, tell=arguments.tell)))
