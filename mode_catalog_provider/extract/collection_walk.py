"""A walk over what is in one collection, and what it has shown so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mode_catalog_provider.mode.pages import PageWalk
from mode_catalog_provider.text import visible


@dataclass(slots=True)
class CollectionWalk:
    """A walk over the reports, or the datasets, of one collection.

    ``reports`` counts those that nobody had seen; ``again`` how often the collection was looked over again.
    ``seen`` are the tokens of all, ``unwanted`` counts those that the options leave out, ``flawed`` says that
    a row could not be used. ``first``: of datasets, the walk over the reports of the same collection.
    ``has_datasets_read``: they come after the reports, but before the page that proves where those end.
    ``doubted``: it showed nothing, and is made a second time.
    """

    collection: dict[str, Any]
    walk: PageWalk
    reports: int = 0
    again: int = 0
    seen: set[str] = field(default_factory=set)
    unwanted: Counter[str] = field(default_factory=Counter)
    flawed: bool = False
    first: CollectionWalk | None = None
    has_datasets_read: bool = False
    doubted: bool = False

    @property
    def empty(self) -> bool:
        """Whether the walk, which is over, has shown nothing."""
        return not self.walk.tokens

    @property
    def token(self) -> str:
        """Of the collection."""
        return str(self.collection["token"])

    @property
    def whole(self) -> CollectionWalk:
        """The walk over the reports of the collection, which stands for all of it."""
        return self.first or self

    def misses(self, *expected: Iterable[str] | None) -> bool:
        """Return whether something should be in the collection that no walk over it has seen.

        :param expected: tokens of what should be there, whoever tells.
        """
        seen = self.whole.seen
        return any(token not in seen for tokens in expected for token in tokens or ())

    def __str__(self) -> str:
        return f"collection '{visible(self.collection['name'])}' ({self.collection['token']})"
