"""The reports of a snapshot as far as schedules concern them, and who is still a member."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from mode_catalog_provider.audit.values import folded
from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.mode.pages import count_of
from mode_catalog_provider.moments import parsed
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import rows_of


@dataclass(frozen=True, kw_only=True)
class KnownReport:
    """A report or dataset that is not archived.

    :param token: Mode's token.
    :param name: its title, the token where it has none.
    :param dataset: it is a dataset.
    :param creator: username.
    :param views: how often it was viewed, ``None``: unknown.
    :param schedules: how many it has, ``None``: unknown.
    :param last_good_run: when it last ran well, ``None``: never, or unknown.
    :param notebook: it has one.
    """

    token: str
    name: str
    dataset: bool
    creator: str | None
    views: int | None
    schedules: int | None
    last_good_run: datetime | None
    notebook: bool

    @property
    def path(self) -> str:
        """Its route below the workspace."""
        return f"{'datasets' if self.dataset else 'reports'}/{self.token}"


def known_reports(snapshot: Snapshot) -> Iterator[KnownReport]:
    """Yield the reports by token, each joined with its facts; both files are sorted alike."""
    facts = read_facts(snapshot, "report")
    fact = next(facts, None)
    for row in rows_of(snapshot, "report"):
        token = str(row.get("token"))
        while fact is not None and str(fact["token"]) < token:
            fact = next(facts, None)
        more = fact if fact is not None and fact["token"] == token else {}
        if row.get("archived") is True:
            continue
        creator = row.get("creator")
        yield KnownReport(
            token=token,
            name=str(row.get("name") or token),
            dataset=row.get("type") == DATASET,
            creator=creator if isinstance(creator, str) else None,
            views=count_of(row.get("view_count")),
            schedules=count_of(more.get("schedules_count")),
            last_good_run=parsed(more.get("last_successfully_run_at")),
            notebook="python_notebook" in more,
        )


def inactive_members(snapshot: Snapshot) -> tuple[frozenset[str], frozenset[str]]:
    """Return the usernames, folded, of all members, and of those who are not active.

    Only a snapshot with side files tells who is deactivated.
    """
    states = {str(fact["token"]): fact.get("state") for fact in read_facts(snapshot, "member")}
    everybody, gone = set(), set()
    for row in rows_of(snapshot, "member"):
        if isinstance(username := row.get("username"), str) and username:
            everybody.add(folded(username))
            state = states.get(str(row.get("token")))
            if isinstance(state, str) and state.lower() not in ("active", "confirmed", ""):
                gone.add(folded(username))
    return frozenset(everybody), frozenset(gone)
