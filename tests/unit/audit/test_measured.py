"""The audit is right often enough to be read: floors on small labelled workspaces nobody tuned on."""

from __future__ import annotations

import pytest

from mode_catalog_provider.audit.workspace import audit_snapshot
from tests.audit_workspaces.measure import COPIES, Scores, scores
from tests.audit_workspaces.workspace import OPTIONS, labelled

SEEDS = (2001, 2002)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    total = Scores()
    for seed in SEEDS:
        workspace = labelled(seed, families=14, size=0.35)
        report = audit_snapshot(workspace.snapshot(tmp_path_factory.mktemp("measured")), OPTIONS)
        total.add(scores(workspace, report))
    return total


def test_what_is_told_of_copies_is_true_and_most_copies_are_told(measured):
    copies = measured.checks["copies"]
    assert copies.found + copies.missed > 40
    assert copies.precision >= 0.95
    assert copies.recall >= 0.90


def test_copies_are_found_whatever_was_edited(measured):
    assert {kind: score.recall >= 0.85 for kind, score in measured.edits.items()} == dict.fromkeys(
        measured.edits, True
    )


def test_what_every_other_check_tells_is_true(measured):
    others = {check: score for check, score in measured.checks.items() if check != "copies"}
    assert len(others) == 9
    assert {check: score.precision >= 0.98 for check, score in others.items()} == dict.fromkeys(others, True)
    assert {check: score.recall >= 0.98 for check, score in others.items()} == dict.fromkeys(others, True)


def test_it_works_on_files_of_the_vendors_tool(tmp_path):
    workspace = labelled(SEEDS[0], families=14, size=0.35)
    folder = workspace.vendor_set(tmp_path)
    report = audit_snapshot(folder, OPTIONS)
    copies = scores(workspace, report).checks["copies"]
    assert copies.precision >= 0.95
    assert copies.recall >= 0.90
    assert {found.check for found in report.findings} >= set(COPIES)
