"""Which collections an extraction is about: personal ones, and the names or tokens a user asks for."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.text import visible

#: Keys under which a dropped collection is counted.
PERSONAL, NOT_INCLUDED, EXCLUDED = "personal", "not_included", "excluded"

_NAMES_IN_A_MESSAGE = 8


class CollectionFilter:
    """Decide collection by collection, and say at the end whether the patterns made sense.

    A pattern is a token, a name, or a glob (``*``, ``?``, ``[...]``) on the name; names are compared without
    regard to case.

    :param include: patterns; only collections that match one are wanted. ``None``: all.
    :param exclude: patterns; collections that match one are not wanted, even if included. ``None``: none.
    :param include_personal: whether personal collections (``space_type`` private) are wanted.
    """

    def __init__(
        self, *, include: Sequence[str] | None, exclude: Sequence[str] | None, include_personal: bool
    ) -> None:
        self._include = include
        self._exclude = exclude or ()
        self._include_personal = include_personal
        self._unmatched = set(include or ())
        self._unmatched_exclude = set(self._exclude)
        self._matched_personal: set[str] = set()
        self._names: list[str] = []
        self._wanted = 0
        self._excluded = 0

    @property
    def needs_all(self) -> bool:
        """Whether :meth:`check` must come before any report is read: else a typo shows only after hours."""
        return self._include is not None

    def reason_to_drop(self, collection: Mapping[str, Any]) -> str | None:
        """Return why a collection is not wanted (the key to count it under), ``None`` when it is wanted.

        :param collection: ``token``, ``name`` and ``space_type`` as Mode gave them.
        """
        if collection.get("space_type") == "private" and not self._include_personal:
            self._matched_personal |= self._matches(self._include or (), collection)
            return PERSONAL
        if len(self._names) < _NAMES_IN_A_MESSAGE and (name := collection.get("name")):
            self._names.append(str(name))
        if self._include is not None:
            matched = self._matches(self._include, collection)
            self._unmatched -= matched
            if not matched:
                return NOT_INCLUDED
        if matched := self._matches(self._exclude, collection):
            self._unmatched_exclude -= matched
            self._excluded += 1
            return EXCLUDED
        self._wanted += 1
        return None

    def check(self) -> None:
        """Refuse, once all collections were seen, patterns that would make an empty upload of a typo.

        :raises ConfigurationError: an include pattern matched nothing, or nothing is left.
        """
        shown = (f"'{visible(name)}'" for name in sorted(self._names))
        existing = ", ".join(shown) or "none that this API token can see"
        for pattern in self._include or ():
            if pattern not in self._unmatched:
                continue
            if pattern in self._matched_personal:
                raise ConfigurationError(
                    f"include_collections: {pattern!r} matches only personal collections, which are left "
                    "out. Set include_personal=True to extract them."
                )
            raise ConfigurationError(
                f"include_collections: no collection's name or token matches {pattern!r}. Mend the pattern, "
                "or give the API token's owner access to the collection. Collections that exist, for "
                f"example: {existing}."
            )
        if self._excluded and not self._wanted:
            raise ConfigurationError(
                "exclude_collections leaves no collection to extract: every one that was wanted matches "
                f"{', '.join(map(repr, self._exclude))}. Collections that exist, for example: {existing}."
            )

    @property
    def idle_exclusions(self) -> list[str]:
        """Exclude patterns that matched nothing (so far): likely typos, so what they meant is extracted."""
        return sorted(self._unmatched_exclude)

    @staticmethod
    def _matches(patterns: Sequence[str], collection: Mapping[str, Any]) -> set[str]:
        token, name = collection.get("token"), collection.get("name")
        return {pattern for pattern in patterns if pattern == token or name_matches(pattern, name)}


def name_matches(pattern: str, name: Any) -> bool:
    """Whether a name is the one asked for, without regard to case, or matches the glob.

    :param pattern: a name or a glob.
    :param name: as Mode gave it; ``None`` for an untitled object.
    """
    wanted, given = folded(pattern), folded(str(name or ""))
    # A name may hold brackets or stars of its own, so equality counts as well as the glob.
    return wanted == given or fnmatchcase(given, wanted)


def folded(text: str) -> str:
    """Return a name in the form in which two spellings of it are equal."""
    # The same letter can be written as one character or two, depending on who typed it.
    return unicodedata.normalize("NFC", text).strip().casefold()
