"""What one try of a task leaves for the next."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Entries that one value of the store holds; more are spread, so that a change rewrites few of them.
_TOGETHER = 50
_PAGES = 64
_ENTRIES = "targets"


class TryMemory:
    """A JSON object that outlives a try, where Airflow has a place for it (3.3+); elsewhere nothing is kept.

    The store outlives a clear as well, after which everything must be done anew: ``max_tries`` changes with a
    clear, and only with a clear.

    An object with many entries under ``targets`` is spread over several values of the store, of which only
    those that changed are written: a thousand runs are a thousand small changes.

    :param context: of the task.
    :param key: name of the value; people see it in the task's "Storage" tab.
    :param known: what this try has saved already in another process, as far as it is known: only what differs
        from it is written. Default ``None``: nothing.
    """

    def __init__(self, context: Context, key: str, *, known: Mapping[str, Any] | None = None) -> None:
        self._store: Any = context.get("task_state_store")
        self._max_tries = context["ti"].max_tries
        self._key = key
        self._written = self._spread(known) if known else {}

    def load(self) -> Any:
        """Return what an earlier try of this task saved last; ``None`` when there is none."""
        kept = self._get(self._key)
        if kept is None:
            return None
        self._written = {self._key: kept}
        value = kept["value"]
        for page in kept.get("pages", ()):
            name = f"{self._key}.{page}"
            found = self._get(name)
            if found is not None:
                self._written[name] = found
                value = value | {_ENTRIES: value[_ENTRIES] | found["value"]}
        return value

    def save(self, value: Mapping[str, Any]) -> None:
        """Keep a JSON object for the next try."""
        if self._store is None:
            return
        spread = self._spread(value)
        # The pages first: a head that names one finds it.
        for name in sorted(spread, reverse=True):
            if self._written.get(name) != spread[name]:
                self._store.set(name, spread[name])
        self._written = spread

    def _spread(self, value: Mapping[str, Any]) -> dict[str, Any]:
        entries = value.get(_ENTRIES)
        if not isinstance(entries, Mapping) or len(entries) <= _TOGETHER:
            return {self._key: self._stamped(value)}
        pages: dict[int, dict[str, Any]] = {}
        for name, entry in entries.items():
            pages.setdefault(zlib.crc32(name.encode()) % _PAGES, {})[name] = entry
        head = self._stamped({**value, _ENTRIES: {}}) | {"pages": sorted(pages)}
        return {self._key: head} | {f"{self._key}.{n}": self._stamped(page) for n, page in pages.items()}

    def _stamped(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {"max_tries": self._max_tries, "value": dict(value)}

    def _get(self, name: str) -> dict[str, Any] | None:
        kept = self._store.get(name) if self._store is not None else None
        return kept if isinstance(kept, dict) and kept.get("max_tries") == self._max_tries else None
