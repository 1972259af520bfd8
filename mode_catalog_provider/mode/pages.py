"""Walking a listing page by page without believing what the server says about where it ends.

Mode's listings disagree with each other: some count their rows and some do not, some ignore ``page``, and
after the last page comes an empty one, one without the key, or the last one again. So a walk ends when a page
shows nothing new.

And rows move while pages are read. Most moves leave evidence: a row on a page that was not read yet slides
forward only if another one slides back, and is then shown twice; a row that comes or goes changes the
counters, where there are any. One move leaves none: a report deleted from a page that was read pulls one from
a page that was not read into its place, where nobody looks. So a pass is made again when there is evidence,
and, unless something outside the listing can tell that a row is missing, also without: then a single change,
whatever it is and whenever it happens, cannot hide a row. What fits on one short page needs neither.

Where it is known what the listing held before, the first pass goes from the last page to the first. A row
deleted meanwhile then pulls the others towards pages yet to come. To push one past, unseen, another row must
come into the listing, and shows on a page yet to come. So a pass that shows just the known rows, each once,
saw all there was. One case is left: the row that came in is itself a known one, which had been moved away in
the meantime and is moved back in these very seconds, and the row that it hides is new.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Mapping
from math import ceil
from typing import Any

from mode_catalog_provider.errors import MalformedResponseError
from mode_catalog_provider.http.response import whole_number
from mode_catalog_provider.text import visible

SHORTEST_FULL_PAGE = 30
"""No listing of Mode has been seen to cut off at fewer rows."""

MOST_PASSES = 6
BARREN_PAGES_BEFORE_COUNTED_ONES = 2


class PageWalk:
    """The state of one walk; it asks for nothing itself.

    .. code-block:: python

        walk = PageWalk("spaces", "spaces", params={"filter": "all"})
        while not walk.done:
            new_rows = walk.take(client.get(walk.path, params=walk.params))

    :param path: the listing, as :meth:`ModeClient.get` takes it.
    :param key: name of the rows under ``_embedded``.
    :param params: query parameters sent with each page.
    :param confirm: look over listings of more than a short page until a pass shows nothing new, default true,
        unless constant counters prove that nothing is missing. With false this is done only on evidence that
        rows moved. What then stays hidden is one row for each that was deleted, during the walk, from a page
        already read: see :attr:`unproven`.
    :param known: tokens of the rows that the listing held before; if that is more than a short page, and it
        still holds just these, one pass is enough. Default ``None``: nobody knows.
    :param repeats: pages in a row that may show nothing new before the walk believes that it is over, default
        0. ``data_sources/{t}/reports`` has a row per report *and query*, so that one report of 160 queries
        fills several identical pages: 6 there.
    :param most_pages: give up beyond so many pages in one pass, default 5,000 (150,000 rows).
    """

    def __init__(
        self,
        path: str,
        key: str,
        *,
        params: Mapping[str, Any] | None = None,
        confirm: bool = True,
        known: Collection[str] | None = None,
        repeats: int = 0,
        most_pages: int = 5_000,
    ) -> None:
        self.path = path
        self.key = key
        self.done = False
        self._params = dict(params or {})
        self._confirm = confirm
        self._repeats = repeats
        self._most_pages = most_pages
        self._seen: set[Hashable] = set()
        self._passes = 0
        self._pages_before = 0
        self._longest_before = 0
        # Whether the pass before was over where no rows were left, as far as its last answers tell: after a
        # full page, one that is empty may be a slip.
        self._end_seen = True
        self._asked = False
        self._latest = 0
        #: Whether a row may be hidden that was there all the time: there was more than one short page, it was
        #: looked over once, without evidence of a move, and no counters prove it complete.
        self.unproven = False
        self._begin_pass()
        self._known = {("token", token) for token in known or ()}
        self._known_pages = ceil(len(self._known) / SHORTEST_FULL_PAGE)
        self._backward = len(self._known) >= SHORTEST_FULL_PAGE
        if self._backward:
            self._number = self._known_pages

    @property
    def pages(self) -> int:
        """How many pages there were, at the latest pass, the proving one not counted."""
        return self._last_page_with_rows

    @property
    def claimed(self) -> int | None:
        """How many rows the listing says that it has, ``None`` where it does not count them."""
        return self._claimed

    @property
    def params(self) -> dict[str, Any]:
        """Query parameters of the next page; ``page`` is always sent, it turns counting on in places."""
        return {**self._params, "page": self._number}

    def shows_just(self, tokens: Collection[str]) -> bool:
        """Return whether the first pass, seen up to a page that is not full, shows these rows and no others.

        Nothing moved meanwhile, as far as can be seen. Whoever knows from elsewhere that these are all rows
        may then :meth:`end` the walk.

        :param tokens: of the rows.
        """
        settled = self._passes == 1 and not self._backward and not self._moved
        return settled and self._in_pass == {("token", token) for token in tokens}

    @property
    def on_short_page(self) -> bool:
        """Whether the latest page is not full, so that no other one is to be expected."""
        return self._latest < SHORTEST_FULL_PAGE

    @property
    def tokens(self) -> set[str]:
        """The tokens that this pass has shown so far."""
        return {str(identity[1]) for identity in self._in_pass if isinstance(identity, tuple)}

    def end(self) -> None:
        """Take note that there is nothing more, for something else proves it."""
        self.done, self.unproven = True, False

    def take(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Take in the answer for :attr:`params`, and set :attr:`done` or move on to the next page.

        :return: the rows that no page has shown before.
        :raises MalformedResponseError: not a listing, or one that does not come to an end.
        """
        rows = embedded_rows(body, self.key, what=self.path, required=None if self._asked else self.path)
        self._asked = True
        self._latest = len(rows)
        block = body.get("pagination")
        counters = block if isinstance(block, Mapping) else {}
        new = self._note(rows, counters)
        if self._backward:
            self._step_back()
        elif self._pass_is_over(rows, counters):
            self._end_pass(ended_empty=not rows)
        elif self._number >= self._most_pages:
            raise MalformedResponseError(
                f"Mode's listing {self.path} does not end after {self._number} pages."
            )
        else:
            self._number += 1
        return new

    def _step_back(self) -> None:
        self._number -= 1
        if not self._number:
            self._backward, self._barren, self._number = False, 0, self._known_pages + 1

    def _begin_pass(self) -> None:
        self._passes += 1
        self._number = 1
        self._in_pass: set[Hashable] = set()
        self._new_rows = 0
        self._rows = 0
        self._last_page_with_rows = 0
        self._barren = 0
        self._claimed: int | None = None
        self._claims: set[int | None] = set()
        self._first_page: list[Hashable] = []
        self._last_page: list[Hashable] = []
        self._longest = 0
        self._odd_end = False
        self._shrank = False
        self._moved = False
        self._asked = False

    def _note(self, rows: list[dict[str, Any]], counters: Mapping[str, Any]) -> list[dict[str, Any]]:
        before = len(self._in_pass)
        page = [_identity(row) for row in rows]
        new = []
        for identity, row in zip(page, rows, strict=True):
            self._in_pass.add(identity)
            if identity not in self._seen:
                self._seen.add(identity)
                new.append(row)
        self._new_rows += len(new)
        self._look_for_moves(page, unseen=len(self._in_pass) - before)
        if len(self._in_pass) > before:
            self._last_page_with_rows = max(self._last_page_with_rows, self._number)
            self._barren = 0
        else:
            self._barren += 1
        # A page shown again after the last one is not what the server counted.
        if not self._barren or self._number <= (count_of(counters.get("total_pages")) or 0):
            self._rows += len(rows)
        claimed = count_of(counters.get("total_count"))
        self._claims.add(claimed)
        self._claimed = self._claimed if claimed is None else claimed
        return new

    def _look_for_moves(self, page: list[Hashable], *, unseen: int) -> None:
        # Pages that get longer or shorter meanwhile leave rows out, or show them again.
        self._moved |= not self._backward and 0 < self._longest < len(page)
        self._longest = max(self._longest, len(page))
        self._odd_end = False
        if self._backward:
            self._moved |= unseen < len(page)
            self._first_page, self._last_page = page, self._last_page or page
            return
        if not unseen:
            # After the end, the last page or the first may be shown again; anything else slid back.
            self._odd_end = bool(page) and page not in (self._first_page, self._last_page)
            self._moved |= self._odd_end
            return
        # Rows on a full page again, and a page that was short although it was not the last.
        self._moved |= unseen < len(page) or self._shrank
        self._first_page = self._first_page or page
        self._shrank = len(page) < len(self._first_page)
        self._last_page = page

    def _pass_is_over(self, rows: list[dict[str, Any]], counters: Mapping[str, Any]) -> bool:
        as_far = self._number >= self._pages_before and self._longest >= self._longest_before
        if self._passes > 1 and not self._new_rows and as_far and self._end_seen:
            # Rows that the counters promise beyond these pages repeat others, but they must be there.
            return not self._missing() or self._barren > 0
        tolerated = self._repeats if rows else 0
        # Counters may keep a walk going past a page without rows, never end it.
        if (count_of(counters.get("total_pages")) or 0) > self._number:
            tolerated = max(tolerated, BARREN_PAGES_BEFORE_COUNTED_ONES)
        return self._barren > tolerated

    def _missing(self) -> bool:
        return (self._claimed or 0) > self._rows

    def _end_pass(self, *, ended_empty: bool) -> None:
        missing = self._missing()
        if self._passes == 1:
            short = ended_empty and self._last_page_with_rows <= 1 and self._rows < SHORTEST_FULL_PAGE
            as_before = self._in_pass == self._known and not self._moved
            proven = short or as_before or self._claims == {len(self._in_pass)}
            evidence = self._moved or len(self._claims) > 1
            self.done = not missing and (proven or not (self._confirm or evidence))
            self.unproven = self.done and not proven
        elif not self._new_rows:
            # Once may be a row that was deleted while this very pass was made.
            if missing and self._passes > 2:
                raise MalformedResponseError(
                    f"Mode's listing {self.path} counts {self._claimed} rows but shows only {self._rows}."
                )
            self.done = not missing
        if self.done:
            return
        if self._passes == MOST_PASSES:
            raise MalformedResponseError(
                f"Mode's listing {self.path} kept changing: pass {MOST_PASSES} over it still shows new rows."
            )
        self._pages_before, self._longest_before = self._last_page_with_rows, self._longest
        full = len(self._last_page) == self._longest
        self._end_seen = not self._odd_end and not (ended_empty and full)
        self._begin_pass()


def embedded_rows(
    body: Mapping[str, Any], key: str, *, what: str, required: str | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a listing; a missing key, or ``null``, is an empty page, unless others hold rows.

    One odd row, ``null`` or a text, does not spoil a listing, nor is it "nothing there" where it is the only
    one: it is a row without a token. Several of which none is an object are no listing.

    :param body: the answer.
    :param key: name of the rows under ``_embedded``.
    :param what: what was asked for, for messages.
    :param required: path of the listing: refuse a body without ``_embedded``, unless it counts its rows or
        says by its own link that it is this listing, so that any other JSON (an error page, the record of the
        key) is not read as "nothing there". Default ``None``: a page after others, which may lack it.
    :raises MalformedResponseError: the answer is not shaped like a listing.
    """
    embedded = body.get("_embedded")
    rows = embedded.get(key) if isinstance(embedded, Mapping) else None
    wrong = embedded is not None and not isinstance(embedded, Mapping)
    if wrong or (required and "_embedded" not in body and not _is_listing(body, required)):
        raise MalformedResponseError(f"Mode answered {what} with JSON that is not a listing.")
    if rows is None:
        if isinstance(embedded, Mapping) and (other := _rows_elsewhere(embedded)) is not None:
            raise MalformedResponseError(
                f"Mode answered {what} with rows under '{visible(other)}' instead of '{key}'."
            )
        return []
    if not isinstance(rows, list) or (len(rows) > 1 and not any(isinstance(row, dict) for row in rows)):
        raise MalformedResponseError(f"Mode answered {what} with '{key}' that are not rows.")
    return [row if isinstance(row, dict) else {"not_an_object": row} for row in rows]


def _rows_elsewhere(embedded: Mapping[str, Any]) -> str | None:
    rows = (name for name, value in embedded.items() if isinstance(value, list) and value)
    return next(rows, None)


def _is_listing(body: Mapping[str, Any], path: str) -> bool:
    if isinstance(body.get("pagination"), Mapping):
        return True
    links = body.get("_links")
    link = links.get("self") if isinstance(links, Mapping) else None
    href = link.get("href") if isinstance(link, Mapping) else None
    # Mode's links call a space a collection.
    own = href.partition("?")[0].rstrip("/").rpartition("/")[2] if isinstance(href, str) else ""
    return own in {path.rpartition("/")[2], *({"collections"} if path == "spaces" else ())}


def _identity(row: Mapping[str, Any]) -> Hashable:
    for name in ("token", "id"):
        value = row.get(name)
        if isinstance(value, str | int):
            return name, str(value)
    return "row", json.dumps(row, sort_keys=True)


def count_of(value: Any) -> int | None:
    """Read a counter; documentation and wire disagree on numbers or strings. ``None``: it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return whole_number(value) if isinstance(value, str) else None
