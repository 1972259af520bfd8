"""Mode's REST API as far as a test writes it down, behind a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mode_catalog_provider.errors import NotFoundError
from mode_catalog_provider.extract.pipeline import Pipeline


class Answers:
    """Answers by path, or by path and page (``"spaces 2"``); an exception is raised, all else is a 404.

    What can be called is called when it is asked for, in the thread that asks.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        #: Paths in the order of asking.
        self.asked: list[str] = []

    def pipeline(self, *, at_once: int = 1) -> Pipeline:
        return Pipeline(max_in_flight=at_once, cancel=lambda: None, get=self._get)

    def _get(self, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        self.asked.append(path)
        paged = f"{path} {(params or {}).get('page')}"
        answer = self.answers.get(paged, self.answers.get(path))
        if answer is None:
            raise NotFoundError("Mode answered 404.", status=404)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


def listing(key: str, *rows: Any, **counters: int) -> dict[str, Any]:
    """A page of a listing, with counters if it has any."""
    return {"_embedded": {key: list(rows)}, **({"pagination": counters} if counters else {})}
