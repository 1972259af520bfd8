"""Members: who they are from the lists of members, their id and creation time from one user record each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from mode_catalog_provider.contract import KEYS
from mode_catalog_provider.errors import RequestRefusedError, ServiceError
from mode_catalog_provider.extract.facts import Facts, member_facts
from mode_catalog_provider.extract.known import EarlierReadings, member_mark
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.pipeline import Call, Lane, Pipeline, Row
from mode_catalog_provider.extract.rows import Wire, completed_member, member_row
from mode_catalog_provider.mode.discovery import Discovery
from mode_catalog_provider.mode.hosts import path_part
from mode_catalog_provider.mode.pages import count_of, embedded_rows
from mode_catalog_provider.text import visible

#: The two lists of members that REST has, and not every key may read both. The first has names and e-mails;
#: nobody says that it has everybody, so where the other can be read too, who is only there is added.
LISTS = ("memberships/lite", "memberships")

#: Besides a 403 or 404, what says that a list is not for this key.
_NOT_FOR_THIS_KEY = "unsupported for use with Api Keys"


class MemberReading:
    """Read members through a pipeline, beside everything else.

    :param pipeline: gets the calls.
    :param ledger: is told what was left out.
    :param known: what earlier extractions read.
    :param facts: is told what the lists say beyond the contract.
    :param options: what is wanted.
    :param discovery: lists members where REST refuses to. It is not asked before that: it has nothing that
        the short REST list does not have, and lacks names.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        ledger: Ledger,
        known: EarlierReadings,
        facts: Facts,
        options: ExtractionOptions,
        discovery: Discovery | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._known = known
        self._facts = facts
        self._discovery = discovery
        self._full = options.members == "full"
        self._at_once = options.max_in_flight
        # A whole list comes in one answer, so all must wait here; as bare tuples they are small.
        self._incomplete: deque[tuple[tuple[Any, ...], dict[str, Any]]] = deque()
        self._seen: set[str] = set()
        self._read_a_list = False
        self._profiles_under_way = 0

    def start(self) -> None:
        """Queue the call for the first list; the other follows from its answer."""
        self._ask_list(0)

    def _ask_list(self, number: int, *, again: bool = False) -> None:
        if number == len(LISTS):
            return
        refused = partial(self._list_refused, number)

        def failed(error: ServiceError) -> Iterable[Row]:
            if isinstance(error, RequestRefusedError) and _NOT_FOR_THIS_KEY in str(error):
                return refused(error)
            raise error

        then = partial(self._listed, number, again)
        # Early: the user records that it leads to fill what would lie idle while the last walks end.
        self._pipeline.ask(Lane.NEXT_PAGES, LISTS[number], then, refused, failed=failed)

    def _listed(self, number: int, again: bool, answer: Wire) -> Iterable[Row]:
        self._read_a_list = True
        rows = embedded_rows(answer, "memberships", what="the list of members", required=LISTS[number])
        if not rows and not again:
            # Whose key this is is a member.
            self._ask_list(number, again=True)
            return ()
        self._ask_list(number + 1)
        return self._take(rows)

    def _list_refused(self, number: int, refusal: RequestRefusedError) -> Iterable[Row]:
        if number + 1 < len(LISTS):
            self._ask_list(number + 1)
            return ()
        if self._read_a_list:
            return ()
        if self._discovery is not None:
            return self._ask_batch(self._discovery, 1, lambda _: self._listed_nowhere(refusal))
        return self._listed_nowhere(refusal)

    def _listed_nowhere(self, refusal: RequestRefusedError) -> Iterable[Row]:
        what = "The members could not be listed, neither by memberships/lite nor by memberships"
        self._ledger.refused("member", token=None, name=None, what=what, refusal=refusal)
        return ()

    def _ask_batch(
        self, discovery: Discovery, page: int, failed: Callable[[ServiceError], Iterable[Row]]
    ) -> Iterable[Row]:
        def listed(answer: Wire) -> Iterator[Row]:
            members = answer.get("members")
            yield from self._take(members if isinstance(members, list) else [])
            block = answer.get("pagination")
            pages = block.get("total_pages") if isinstance(block, dict) else None
            if members and page < (count_of(pages) or 0):
                yield from self._ask_batch(discovery, page + 1, failed)

        request = partial(discovery.page, "members", page)
        self._pipeline.add(Call(Lane.MEMBERS, request, listed, failed=failed))
        return ()

    def _take(self, memberships: Iterable[Any]) -> Iterator[Row]:
        for membership in memberships:
            if not isinstance(membership, dict):
                continue
            row = member_row(membership)
            facts = member_facts(membership)
            keys = {key for key in (row["token"], row["username"]) if isinstance(key, str) and key}
            if keys & self._seen:
                # Listed twice, or in the other list, which says other things of the same person.
                self._note_facts(row["token"], facts)
                continue
            self._seen |= keys
            if not self._full or not _has_profile(row["username"]):
                yield from self._finished(row, facts)
            elif known := self._known.member(row["token"], member_mark(row)):
                yield from self._finished(known, facts)
            else:
                self._incomplete.append((tuple(row.values()), facts))
        while self._incomplete and self._profiles_under_way < self._at_once:
            self._ask_next_profile()

    def _profile_settled(self) -> None:
        self._profiles_under_way -= 1
        if self._incomplete:
            self._ask_next_profile()

    def _ask_next_profile(self) -> None:
        self._profiles_under_way += 1
        values, facts = self._incomplete.popleft()
        row = dict(zip(KEYS["member"], values, strict=True))
        path = f"/api/{path_part(row['username'])}"
        then, refused = partial(self._profile, row, facts), partial(self._no_profile, row, facts)
        self._pipeline.ask(Lane.MEMBERS, path, then, refused)

    def _profile(self, row: dict[str, Any], facts: Wire, answer: Wire) -> Iterable[Row]:
        self._profile_settled()
        completed = completed_member(row, answer)
        # Under the token of the list, for that is what the next extraction knows before it reads the profile.
        # An answer that says nothing is no profile.
        if answer and row["token"] and row["token"] == completed["token"]:
            self._known.note("member", completed["token"], member_mark(row), rows=[completed])
        return self._finished(completed, facts)

    def _no_profile(self, row: dict[str, Any], facts: Wire, refusal: RequestRefusedError) -> Iterable[Row]:
        self._profile_settled()
        what = f"The profile of member '{visible(row['username'])}' could not be read, so its id is missing"
        name = row["name"] or row["username"]
        self._ledger.refused("member", token=row["token"], name=name, what=what, refusal=refusal)
        return self._finished(row, facts)

    def _finished(self, row: dict[str, Any], facts: Wire) -> Iterable[Row]:
        if isinstance(row["token"], str) and row["token"]:
            self._note_facts(row["token"], facts)
            return (("member", row),)
        name = row["name"] or row["username"] or row["email"]
        self._ledger.without_token("member", name=name, listing="the list of members")
        return ()

    def _note_facts(self, token: Any, facts: Wire) -> None:
        if isinstance(token, str):
            self._facts("member", token, facts)


def _has_profile(username: Any) -> bool:
    # Somebody invited has no username yet. Names of dots alone would climb up the path instead.
    return isinstance(username, str) and bool(username.strip("."))
