"""How often an audit is right on labelled workspaces: precision and recall of each check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mode_catalog_provider.audit.finding import AuditReport
from tests.audit_workspaces.workspace import Labelled

#: Checks that say which reports were copied from which.
COPIES = ("drifted_copy", "duplicate_report")


@dataclass
class Score:
    """Counts of one check."""

    right: int = 0
    wrong: int = 0
    found: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        told = self.right + self.wrong
        return self.right / told if told else 1.0

    @property
    def recall(self) -> float:
        there = self.found + self.missed
        return self.found / there if there else 1.0

    def add(self, other: Score) -> None:
        self.right += other.right
        self.wrong += other.wrong
        self.found += other.found
        self.missed += other.missed


@dataclass
class Scores:
    """Of all checks, and of the copies by what was edited."""

    checks: dict[str, Score] = field(default_factory=dict)
    edits: dict[str, Score] = field(default_factory=dict)

    def add(self, other: Scores) -> None:
        for mine, theirs in ((self.checks, other.checks), (self.edits, other.edits)):
            for name, score in theirs.items():
                mine.setdefault(name, Score()).add(score)


def scores(workspace: Labelled, report: AuditReport) -> Scores:
    """Compare what was found with what is true.

    A pair of a finding's reports is right when both stem from one. A copy is found when it is tied to a
    member of its family, directly or through others.
    """
    result = Scores()
    copies = Score()
    tied: dict[str, set[str]] = {}
    for finding in report.findings:
        if finding.check in COPIES:
            for other in finding.related:
                if workspace.family(finding.token) == workspace.family(other):
                    copies.right += 1
                    tied.setdefault(finding.token, set()).add(other)
                    tied.setdefault(other, set()).add(finding.token)
                else:
                    copies.wrong += 1
    for token, kind in workspace.edits.items():
        score = result.edits.setdefault(kind, Score())
        is_found = token in tied
        score.found += is_found
        score.missed += not is_found
        copies.found += is_found
        copies.missed += not is_found
    result.checks["copies"] = copies
    for check, expected in workspace.expected.items():
        told = {_subject(finding, expected) for finding in report.findings if finding.check == check}
        result.checks[check] = Score(
            right=len(told & expected),
            wrong=len(told - expected),
            found=len(told & expected),
            missed=len(expected - told),
        )
    return result


def _subject(finding, expected: Iterable[object]) -> object:
    if any(isinstance(one, frozenset) for one in expected):
        return frozenset((finding.token, *finding.related))
    return finding.token


def table(measured: Scores) -> str:
    """The scores as lines."""
    lines = [f"{'check':<22}{'told':>7}{'precision':>11}{'there':>8}{'recall':>9}"]
    for name, score in measured.checks.items():
        lines.append(
            f"{name:<22}{score.right + score.wrong:>7}{score.precision:>11.3f}"
            f"{score.found + score.missed:>8}{score.recall:>9.3f}"
        )
    lines += [
        f"  copies, {kind:<12}{'':>7}{'':>11}{score.found + score.missed:>8}{score.recall:>9.3f}"
        for kind, score in sorted(measured.edits.items())
    ]
    return "\n".join(lines)


def wrong_pairs(workspace: Labelled, report: AuditReport) -> Counter[tuple[str, str]]:
    """The wrong pairs, for whoever tunes."""
    return Counter(
        (finding.token, other)
        for finding in report.findings
        if finding.check in COPIES
        for other in finding.related
        if workspace.family(finding.token) != workspace.family(other)
    )
