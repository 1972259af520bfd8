"""What the other checks should find in a labelled workspace, and what looks like it and is fine."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.contract import contract_row
from tests.audit_workspaces.queries import STYLES, spelled

if TYPE_CHECKING:
    from tests.audit_workspaces.workspace import Maker

_LONG_AGO = 500


def add_others(make: Maker) -> None:
    """Add reports for each check, and say which of them it should name."""
    for add in (_owners, _names, _unused, _access, _canonical):
        add(make)


def _lone(make: Maker, **values: Any) -> str:
    report = make.lone([make.query(make.author.plan())], **values)
    return report.token


def _member(make: Maker, username: str, state: str) -> None:
    row = contract_row("member", {"token": f"m-{username}", "username": username})
    make.made.rows.append(("member", row))
    make.made.facts["member"][f"m-{username}"] = {"state": state}


def _owners(make: Maker) -> None:
    _member(make, "invited-one", "invited")
    _member(make, "Banned.One", "banned")
    _member(make, "left-one", "deactivated")
    expected = make.made.expected["owner_gone"]
    for creator in ("gone1", "gone2", "gone2", "Banned.One", "left-one", None, None):
        expected.add(_lone(make, creator=creator))
    for creator in ("acme", "ACME", "USER3", "User4", "invited-one"):
        _lone(make, creator=creator)


def _names(make: Maker) -> None:
    for name in (None, "", "Untitled Report", "untitled report (copy)", "New Report"):
        make.made.expected["unnamed"].add(_lone(make, name=name))
    for name in ("New customers", "Untitled works", "Reports 1"):
        _lone(make, name=name)
    for name in ("revenue by hand 1", "churn 2", "Margin Version 3", "Margin ver. 12"):
        make.made.expected["naming"].add(_lone(make, name=name))
    for name in ("Margin v3", "Version history", "Vendors 2026"):
        _lone(make, name=name)
    for name in ("Weekly KPIs", "WEEKLY KPIs", "Board pack", "Board pack", "Board pack "):
        _lone(make, name=name)


def _unused(make: Maker) -> None:
    old = make.stamp(_LONG_AGO, 1200)
    recent = make.stamp(5, 90)
    for _ in range(5):
        token = _lone(make, created_at=_text(old), edited=old, ran=old)
        make.made.facts["report"][token] |= {"schedules_count": 0, "last_viewed_at": _text(old)}
        make.made.expected["stale"].add(token)
    for use in ({"last_viewed_at": _text(recent)}, {"schedules_count": 3}):
        # Whoever views a report, and each schedule, makes it run.
        token = _lone(make, created_at=_text(old), edited=old, ran=recent)
        make.made.facts["report"][token] |= use
    edited = make.stamp(10, 100)
    _lone(make, created_at=_text(old), edited=edited, ran=old + timedelta(days=1))


def _access(make: Maker) -> None:
    for token, reason in (("hidden1", "forbidden"), ("hidden2", "gone"), ("hidden3", "forbidden")):
        make.made.left_out.append(
            {"asset": "report", "token": token, "name": token, "reason": reason, "detail": ""}
        )
        make.made.expected["refused"].add(token)
    for number in range(4):
        query = make.query(make.author.plan())
        query.connection = 77 + number % 2
        make.made.expected["unknown_connection"].add(make.lone([query]).token)
    for name in ("orders_clean", "fx"):
        for _ in range(2):
            query = make.query(make.author.plan())
            asked = spelled(query.plan, STYLES[0])
            query.text = f"{asked} -- not @none\n union all select 1 from {{{{ @{name} as d }}}}"
            make.lone([query])
        make.made.expected["definition"].add(name)


def _canonical(make: Maker) -> None:
    make.made.rows.append(("collection", contract_row("collection", {"token": "gold", "name": "Gold"})))
    for _ in range(3):
        original = make.lone([make.query(make.author.plan(size=2))], space_token="gold")
        copies = [make.copied(original, kind).token for kind in ("literals", "columns")]
        make.made.expected["canonical"].add(frozenset((original.token, *copies)))


def _text(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"))


def label_shared_names(make: Maker) -> None:
    """Say which names are shared, when all reports are there."""
    called: defaultdict[str, set[str]] = defaultdict(set)
    unnamed = make.made.expected["unnamed"]
    for asset, row in make.made.rows:
        if asset == "report" and row["token"] not in unnamed:
            called[" ".join(row["name"].split()).casefold()].add(row["token"])
    make.made.expected["same_name"] |= {frozenset(tokens) for tokens in called.values() if len(tokens) > 1}
