"""What an audit found, for people: a table, short lines for a log, Markdown for a mail or a chat."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from mode_catalog_provider.audit.finding import CHECKS, AuditReport, Finding
from mode_catalog_provider.moments import spoken
from mode_catalog_provider.text import markdown, visible

#: Characters of a line: what a log page shows without scrolling.
WIDTH = 100

#: Lines of a difference in a log; the record has more.
_DIFFERENCE = 6

#: Findings in one Markdown text.
_NAMED = 20


def head_line(report: AuditReport) -> str:
    """Return what was looked at and compared with; of a part of a workspace, which, before anything else."""
    if report.narrowed:
        return (
            f"NOT THE WHOLE WORKSPACE ({report.narrowed}), so compared with nothing: "
            f"'{visible(report.workspace)}', snapshot {report.timestamp}"
        )
    since = "nothing earlier" if report.compared_with is None else f"snapshot {report.compared_with}"
    return f"Workspace '{visible(report.workspace)}', snapshot {report.timestamp}, compared with {since}"


def as_table(report: AuditReport, *, width: int = WIDTH) -> list[str]:
    """Return the numbers of each check and in all, then the checks that were not made.

    :param width: most characters of a line, default those that a log page shows.
    """
    found, new = report.counts, report.new_counts
    lines = [f"{'check':<18}{'found':>7}{'new':>7}"]
    for check in found:
        lines += _wrapped(f"{check:<18}{found[check]:>7}{new[check]:>7}  ", CHECKS[check], width)
    lines.append(f"{'total':<18}{sum(found.values()):>7}{sum(new.values()):>7}")
    for check, why in report.not_checked.items():
        lines += _wrapped(f"{check:<18}not checked: ", why, width)
    return lines


def as_lines(finding: Finding, *, mark: str = "", width: int = WIDTH) -> Iterator[str]:
    """Yield a finding as short lines: the check and the name, then what is off, what to do, and where.

    :param mark: said behind the check, such as ``new``.
    :param width: most characters of a line, but for the link's; default those that a log page shows.
    """
    check = f"{finding.check}{f' ({mark})' if mark else ''}: "
    yield f"{check}{visible(finding.name, min(70, width - len(check)))}"
    yield from _wrapped("  what  ", finding.what, width)
    shown = finding.difference.splitlines()
    for at, line in enumerate(shown[:_DIFFERENCE]):
        yield _cut(f"{'        ' if at else '  diff  '}{line}", width)
    if len(shown) > _DIFFERENCE:
        yield f"        and {len(shown) - _DIFFERENCE} more lines"
    if finding.advice:
        yield from _wrapped("  do    ", finding.advice, width)
    if finding.url:
        yield f"  link  {finding.url}"


def not_made(report: AuditReport, wanted: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each check that should fail somebody's run, and was not made."""
    for check in wanted:
        if check not in report.counts:
            why = report.not_checked.get(check, "it is not among those that were asked for")
            yield f"Whether there is something new of {check} is not known, so it fails nothing: {why}."


def as_markdown(report: AuditReport) -> str:
    """Return the numbers and the first new findings as Markdown, for notifiers and for XCom in the UI."""
    found, new = report.counts, report.new_counts
    lines = [
        f"**Audit of Mode workspace {markdown(report.workspace)}**, snapshot of {spoken(report.timestamp)}: "
        f"{sum(found.values())} findings, {sum(new.values())} new"
    ]
    if report.narrowed:
        lines += ["", f"Not the whole workspace: {markdown(report.narrowed, 300)}"]
    lines += ["", "| check | found | new |", "| --- | ---: | ---: |"]
    lines += [f"| {markdown(check)} | {found[check]} | {new[check]} |" for check in found]
    fresh = [finding for finding in report.findings if finding.is_new]
    if fresh:
        lines += ["", "New:", ""]
        for finding in fresh[:_NAMED]:
            link = f" <{finding.url}>" if finding.url else ""
            lines.append(f"- {markdown(finding.check)}: {markdown(finding.message, 600)}{link}")
        if len(fresh) > _NAMED:
            lines.append(f"- and {len(fresh) - _NAMED} more")
    return "\n".join(lines)


def new_first(findings: Iterable[Finding], most: int) -> list[Finding]:
    """Return the first findings, the new ones before the others, a few of each check before many of one."""
    ranked, seen = [], dict[tuple[bool, str], int]()
    for at, finding in enumerate(findings):
        key = (finding.is_new, finding.check)
        seen[key] = seen.get(key, 0) + 1
        ranked.append((not finding.is_new, (seen[key] - 1) // 10, at, finding))
    return [finding for *_, finding in sorted(ranked, key=lambda one: one[:3])[:most]]


def _wrapped(first: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=" " * len(first), break_long_words=True
    )


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
