"""What one try of a task leaves for the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context


class TryMemory:
    """One JSON value that outlives a try, where Airflow has a place for it (3.3+); elsewhere nothing is kept.

    The store outlives a clear as well, after which everything must be done anew: ``max_tries`` changes with a
    clear, and only with a clear.

    :param context: of the task.
    :param key: name of the value; people see it in the task's "Storage" tab.
    """

    def __init__(self, context: Context, key: str) -> None:
        self._store: Any = context.get("task_state_store")
        self._max_tries = context["ti"].max_tries
        self._key = key

    def load(self) -> Any:
        """Return what an earlier try of this task saved last; ``None`` when there is none."""
        kept = self._store.get(self._key) if self._store is not None else None
        return (
            kept.get("value") if isinstance(kept, dict) and kept.get("max_tries") == self._max_tries else None
        )

    def save(self, value: Any) -> None:
        """Keep a JSON value for the next try."""
        if self._store is not None:
            self._store.set(self._key, {"max_tries": self._max_tries, "value": value})
