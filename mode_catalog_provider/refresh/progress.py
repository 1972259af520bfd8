"""How far a refresh has come, target by target: what is stored, carried along, and told in the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mode_catalog_provider.refresh.runs import GOOD_STATES, RunTarget
from mode_catalog_provider.text import first_of

# States of ours, beside Mode's own.
WAITING = "waiting"
NOT_STARTED = "not_started"
REFUSED = "refused"
VANISHED = "vanished"
SKIPPED = "skipped"

#: Seconds after which a run that Mode has accepted must be readable, or it is gone: more than lie between two
#: looks (30 by default), for else the first look would be the last.
VISIBLE_WITHIN = 90.0

_MEMORY_VERSION = 1
_REASONS_SHOWN = 10


@dataclass(frozen=True)
class Progress:
    """How far one target has come.

    :param target: its path below the workspace (``reports/0a1b2c3d4e5f``).
    :param run: the path of its run, ``None`` before there is one.
    :param ours: we started that run; a run we only joined is never cancelled.
    :param state: Mode's last word, or one of ours: ``waiting``, ``not_started``, ``refused``, ``vanished``,
        ``skipped``.
    :param seconds: how long the run took.
    :param error: why it did not end well.
    :param over: nothing more will happen to it.
    :param newest_before: token of the newest run when we asked for another, ``""`` when there was none,
        ``None`` when we have not asked yet.
    :param newest_at: when that newest run began, by Mode's clock: it may be gone when we look again.
    :param recovered: known from an earlier try only; not looked at since.
    :param unseen_since: when we started its run (seconds since the epoch), until Mode shows that run.
    """

    target: str
    run: str | None = None
    ours: bool = False
    state: str = WAITING
    seconds: float | None = None
    error: str | None = None
    over: bool = False
    newest_before: str | None = None
    newest_at: str | None = None
    recovered: bool = False
    unseen_since: float | None = None

    @property
    def good(self) -> bool:
        """It ended well."""
        return self.over and self.state in GOOD_STATES

    @property
    def in_flight(self) -> bool:
        """It has a run that may still go on."""
        return self.run is not None and not self.over

    def not_visible_yet(self, now: float) -> bool:
        """Mode accepted its run moments ago and has not shown it since: that it is not there says nothing."""
        return self.unseen_since is not None and now - self.unseen_since < VISIBLE_WITHIN

    @property
    def run_target(self) -> RunTarget:
        """What is to be run."""
        kind, token = self.target.split("/")
        return RunTarget("dataset" if kind == "datasets" else "report", token)

    def __str__(self) -> str:
        return str(self.run_target)


_USUAL = {one.name: one.default for one in fields(Progress) if one.name != "target"}


def plan(
    *,
    reports: Iterable[str] = (),
    datasets: Iterable[str] = (),
    memory: Mapping[str, Any] | None = None,
    skipped: Iterable[RunTarget] = (),
) -> list[Progress]:
    """Lay out what is to be run, datasets first, nothing twice.

    :param reports: report tokens.
    :param datasets: dataset tokens.
    :param memory: from :func:`memory_of` in an earlier try; its runs are found, not started again.
    :param skipped: what was asked for as well but needs no run; only counted. Whoever carries progress from
        process to process carries their number instead, since they may be a whole workspace.
    :raises ConfigurationError: a token cannot be one.
    """
    targets = [RunTarget("dataset", token) for token in datasets]
    targets += [RunTarget("report", token) for token in reports]
    known = memory["targets"] if memory and memory.get("version") == _MEMORY_VERSION else {}
    return [
        Progress(target=path, **known.get(path, {}), recovered=path in known)
        for path in dict.fromkeys(target.path for target in targets)
    ] + [Progress(target=target.path, state=SKIPPED, over=True) for target in skipped]


def memory_of(progress: Iterable[Progress]) -> dict[str, Any]:
    """Return what is worth knowing after a crash: each run, and each start of which no run is known yet.

    How a run ended is asked again, unless it ended well: that keeps the memory small.
    """
    return {
        "version": _MEMORY_VERSION,
        "targets": {
            one.target: _memory_of(one) for one in progress if one.run or one.newest_before is not None
        },
    }


def _memory_of(one: Progress) -> dict[str, Any]:
    if not one.run:
        return {"newest_before": one.newest_before, "newest_at": one.newest_at}
    kept: dict[str, Any] = {"run": one.run, "ours": one.ours}
    if one.good:
        kept |= {"state": one.state, "seconds": one.seconds, "over": True}
    return kept


def to_json(progress: Iterable[Progress]) -> list[dict[str, Any]]:
    """Return everything known, for :func:`from_json` in another process; what is usual is left out."""
    return [
        {name: value for name, value in asdict(one).items() if value != _USUAL.get(name)} for one in progress
    ]


def from_json(progress: Iterable[Mapping[str, Any]]) -> list[Progress]:
    """Read what :func:`to_json` wrote."""
    return [Progress(**one) for one in progress]


def result_of(progress: Iterable[Progress], *, skipped: int = 0) -> dict[str, Any]:
    """Return what the refresh came to.

    :param skipped: how much was asked for as well but needed no run.
    :return: ``runs``: per target ``report`` (token of the report or dataset), ``run`` (token or ``None``),
        ``state``, ``seconds`` (or ``None``), ``error`` (or ``None``); and the counts ``started``, ``joined``,
        ``skipped`` (asked for, but no run needed: not among ``runs``), ``failed``.
    """
    everything = list(progress)
    rows = [one for one in everything if one.state != SKIPPED]
    return {
        "runs": [
            {
                "report": one.run_target.token,
                "run": one.run and one.run.rpartition("/")[2],
                "state": one.state,
                "seconds": one.seconds,
                "error": one.error,
            }
            for one in rows
        ],
        "started": sum(one.run is not None and one.ours for one in rows),
        "joined": sum(one.run is not None and not one.ours for one in rows),
        "skipped": skipped + len(everything) - len(rows),
        "failed": sum(one.error is not None for one in rows),
    }


def failure_sentence(result: Mapping[str, Any], *, failure: str, max_failed: int) -> str | None:
    """Judge a result.

    :param result: from :func:`result_of`.
    :param failure: ``fail`` (no run may fail), ``threshold`` (up to ``max_failed`` may), ``warn`` (all may).
    :param max_failed: failed targets that ``threshold`` lets pass.
    :return: the sentence to fail with, ``None`` when the result is good enough.
    """
    allowed = {"fail": 0, "threshold": max_failed, "warn": len(result["runs"])}[failure]
    if result["failed"] <= allowed:
        return None
    failed = [row for row in result["runs"] if row["error"]]
    reasons = [f"{row['report']} (run {row['run'] or 'none'}): {row['error']}" for row in failed]
    told = first_of(reasons, _REASONS_SHOWN, separator="; ", length=3000)
    limit = f" (allowed: {max_failed})" if failure == "threshold" else ""
    return f"{len(failed)} of {len(result['runs'])} refreshes in Mode failed{limit}: {told}."
