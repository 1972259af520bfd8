"""Whether a record that could be read holds what is shown of it; one that does not is damaged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mode_catalog_provider.audit.finding import AuditReport
from mode_catalog_provider.catalog.arrival_report import ArrivalReport
from mode_catalog_provider.moments import spoken
from mode_catalog_provider.snapshot.changes import Change

_OF_A_RIGHT = ("member", "change", "before", "after", "name", "through")


def audit(found: AuditReport) -> AuditReport:
    """Return an audit as it is; raises an error of arithmetic for a moment that is none."""
    spoken(found.timestamp)
    return found


def changes(head: Mapping[str, Any], found: Iterable[Change]) -> None:
    """Raise ``TypeError``, ``LookupError`` or an error of arithmetic for what no difference says."""
    spoken(head["from"]), spoken(head["to"])
    options = head.get("options", {})
    _require(Mapping, options)
    _require(list, *options.values())
    if any(len(values) != 2 for values in options.values()):
        raise TypeError("an option has two values")
    for one in found:
        _require(str, one.asset, one.name, one.change)
        _require(str | None, one.token, one.before_name, one.after_name)


def arrival(found: ArrivalReport) -> ArrivalReport:
    """Return a reconciliation as it is; raises as :func:`changes` does."""
    spoken(found.timestamp)
    _require(int, found.reports, found.arrived, found.with_lineage)
    _require(Mapping, found.not_checked)
    _require(str, *(item.finding.difference for items in found.items.values() for item in items))
    return found


def rights(found: Mapping[str, Any]) -> None:
    """Raise as :func:`changes` does."""
    spoken(found["timestamp"])
    _require(Mapping, found["subjects"])
    _require(int, *found["subjects"].values())
    _require(list, found["changes"], found["findings"], found["not_read"])
    _require(Mapping, *found["changes"], *found["findings"])
    for one in found["changes"]:
        _require(str, one["asset"])
        _require(str | None, one["object"])
        [one[key] for key in _OF_A_RIGHT]
    for one in found["findings"]:
        [one[key] for key in ("message", "is_new")]


def _require(kind: Any, *values: object) -> None:
    if not all(isinstance(value, kind) for value in values):
        raise TypeError(f"not all are of {kind}")
