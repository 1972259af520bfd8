"""Members: who they are from one list, their id and creation time from one user record each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from mode_catalog_provider.contract import KEYS
from mode_catalog_provider.errors import ServiceError
from mode_catalog_provider.extract.facts import member_facts
from mode_catalog_provider.extract.known import member_mark
from mode_catalog_provider.extract.left_out import LeftOut
from mode_catalog_provider.extract.pipeline import Call, Lane, Refusal, Row
from mode_catalog_provider.extract.reading import Reading
from mode_catalog_provider.extract.rows import Wire, completed_member, member_row
from mode_catalog_provider.mode.discovery import Discovery
from mode_catalog_provider.mode.hosts import path_part
from mode_catalog_provider.mode.pages import count_of, embedded_rows
from mode_catalog_provider.text import visible


class MemberReading:
    """Read members through a pipeline, beside everything else.

    :param reading: of which this is a part.
    :param discovery: lists members where REST refuses to. It is not asked before that: it has nothing that
        the short REST list does not have, and lacks names.
    """

    def __init__(self, *, reading: Reading, discovery: Discovery | None = None) -> None:
        self._reading = reading
        self._ledger = reading.ledger
        self._recollection = reading.recollection
        self._discovery = discovery
        self._full = reading.options.members == "full"
        self._at_once = reading.options.max_in_flight
        # The whole list comes in one answer, so all must wait here; as bare tuples they are small.
        self._incomplete: deque[tuple[tuple[Any, ...], dict[str, Any]]] = deque()
        self._seen: set[str] = set()

    def start(self) -> None:
        """Queue the call for the list, preferring the route that has names and e-mails."""
        self._ask_list("memberships/lite", refused=lambda _: self._ask_list("memberships", self._refused))

    def _ask_list(self, path: str, refused: Callable[[Refusal], Iterable[Row]]) -> Iterable[Row]:
        self._reading.ask(Lane.MEMBERS, path, self._listed, refused)
        return ()

    def _refused(self, refusal: Refusal) -> Iterable[Row]:
        if self._discovery is not None:
            return self._ask_batch(self._discovery, 1, lambda _: self._listed_nowhere(refusal))
        return self._listed_nowhere(refusal)

    def _listed_nowhere(self, refusal: Refusal) -> Iterable[Row]:
        what = "The members could not be listed, neither by memberships/lite nor by memberships"
        self._ledger.refused("member", token=None, name=None, what=what, refusal=refusal)
        return ()

    def _ask_batch(
        self, discovery: Discovery, page: int, failed: Callable[[ServiceError], Iterable[Row]]
    ) -> Iterable[Row]:
        def listed(answer: Wire) -> Iterator[Row]:
            members = answer.get("members")
            yield from self._take(members if isinstance(members, list) else [])
            pages = answer["pagination"].get("total_pages") if answer.get("pagination") else None
            if members and page < (count_of(pages) or 0):
                yield from self._ask_batch(discovery, page + 1, failed)

        request = partial(discovery.page, "members", page)
        self._reading.pipeline.add(Call(Lane.MEMBERS, request, listed, failed=failed))
        return ()

    def _listed(self, answer: Wire) -> Iterator[Row]:
        return self._take(embedded_rows(answer, "memberships", what="the list of members", required=True))

    def _take(self, memberships: Iterable[Wire]) -> Iterator[Row]:
        for membership in memberships:
            row = member_row(membership)
            keys = {key for key in (row["token"], row["username"]) if key}
            if keys & self._seen:
                continue
            self._seen |= keys
            facts = member_facts(membership)
            if not self._full or not _has_profile(row["username"]):
                yield from self._finished(row, facts)
            elif known := self._recollection.recall_member(row["token"], member_mark(row)):
                yield from self._finished(known, facts)
            else:
                self._incomplete.append((tuple(row.values()), facts))
        for _ in range(self._at_once):
            self._ask_next_profile()

    def _ask_next_profile(self) -> None:
        if not self._incomplete:
            return
        values, facts = self._incomplete.popleft()
        row = dict(zip(KEYS["member"], values, strict=True))
        path = f"/api/{path_part(row['username'])}"
        self._reading.ask(
            Lane.MEMBERS, path, partial(self._profile, row, facts), partial(self._no_profile, row, facts)
        )

    def _profile(self, row: dict[str, Any], facts: Wire, answer: Wire) -> Iterable[Row]:
        self._ask_next_profile()
        completed = completed_member(row, answer)
        # Under the token of the list, for that is what the next extraction knows before it reads the profile.
        if row["token"] == completed["token"]:
            self._recollection.note("member", completed["token"], member_mark(row))
        return self._finished(completed, facts)

    def _no_profile(self, row: dict[str, Any], facts: Wire, refusal: Refusal) -> Iterable[Row]:
        self._ask_next_profile()
        what = f"The profile of member '{visible(row['username'])}' could not be read, so its id is missing"
        name = row["name"] or row["username"]
        self._ledger.refused("member", token=row["token"], name=name, what=what, refusal=refusal)
        return self._finished(row, facts)

    def _finished(self, row: dict[str, Any], facts: Wire) -> Iterable[Row]:
        if row["token"]:
            self._reading.facts("member", row["token"], facts)
            return (("member", row),)
        name = row["name"] or row["username"] or row["email"]
        self._ledger.left_out.append(
            LeftOut("member", None, name, "no_token", f"Mode lists member '{visible(name)}' without a token.")
        )
        return ()


def _has_profile(username: str | None) -> bool:
    # Somebody invited has no username yet. Names of dots alone would climb up the path instead.
    return bool(username and username.strip("."))
