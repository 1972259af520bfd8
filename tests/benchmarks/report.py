"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.benchmarks.extraction import Row
from tests.benchmarks.goals import Goal
from tests.benchmarks.sizes import LATENCY, SIZES

_COLUMNS = (
    "requests",
    "real s",
    "times",
    "service s",
    "rate used",
    "429",
    "peak MB",
    "CPU s",
    "rows lost",
    "runs",
)
HEAD = (f"| workspace | route | {' | '.join(_COLUMNS)} |", f"| --- | --- |{' ---: |' * len(_COLUMNS)}")
GOALS_HEAD = ("| figure | measured | goal | reached |", "| --- | --- | --- | --- |")

NOTES = """\
Every row was measured in the same run of `make bench`: each run in a process of its own, against a sandbox
of Mode in another process; figures are medians of the runs. The sandbox allows 40 requests in any 10 s and
answers after {latency:.0f} ms. Its time is compressed where "times" is more than 1, the machine's is not:
"real s" is what the clock said, "service s" what that is at Mode's own pace, so that a second of our CPU
counts as that many there. "Rate used" is requests over what the limit allows from the first request to the
last answer. "Peak MB" is the whole process with the interpreter, "CPU s" without its start. "Rows lost" is
against all rows of the workspace, those in personal collections not counted. All clients read members'
records one by one; `incremental` builds on a complete snapshot. Tools of others, if there are any on this
machine, run uncompressed, for their own pauses are in real time; their figures are those of the whole
command."""


def line(row: Row) -> str:
    """One line of the table."""
    lost = "not comparable" if row.lost is None else f"{row.lost:,.0f}"
    title = f"{row.route.title}: **{row.failure}**" if row.failure else row.route.title
    cells = (
        row.size.name,
        title,
        f"{row.requests:,.0f}",
        f"{row.seconds:,.1f}",
        f"{row.size.compression:g}",
        f"{row.service_seconds:,.0f}",
        f"{row.share:.1%}",
        f"{row.refused:,.0f}",
        f"{row.peak:,.0f}",
        f"{row.cpu:,.1f}",
        lost,
        str(row.runs),
    )
    return f"| {' | '.join(cells)} |"


def goal_line(goal: Goal) -> str:
    """One line of the table of goals."""
    unknown = "not measured" if goal.goal else ""
    reached = {True: "yes", False: "**no**", None: unknown}[goal.reached]
    return f"| {goal.figure} | {goal.measured} | {goal.goal} | {reached} |"


def document(
    *,
    machine: Sequence[str],
    rows: Sequence[Row],
    goals: Sequence[Goal],
    absent: Sequence[str],
    pictures: Mapping[str, str],
) -> str:
    """Put everything together.

    :param machine: lines about the machine.
    :param absent: clients of others that were not found.
    :param pictures: what each shows, by the names of the pictures beside the document.
    """
    sizes = [size for size in SIZES.values() if any(row.size.name == size.name for row in rows)]
    parts = ["# Benchmarks", "\n".join(machine)]
    if rows:
        parts.append(NOTES.format(latency=LATENCY * 1000))
        parts.append("\n".join(f"- {size}" for size in sizes))
        parts.append("\n".join([*HEAD, *map(line, rows)]))
    if absent:
        parts.append(f"Not found on this machine's path, so not measured: {', '.join(absent)}.")
    parts += [f"![{shown}]({name})" for name, shown in pictures.items()]
    if goals:
        parts += ["## Goals", "\n".join([*GOALS_HEAD, *map(goal_line, goals)])]
    return "\n\n".join(parts) + "\n"
