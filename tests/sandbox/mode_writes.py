"""The one route of Mode that changes what people wrote: the description of a report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.mode_answers import TOKEN, Route, mode_error
from tests.sandbox.mode_listings import ModeListings

if TYPE_CHECKING:
    from tests.sandbox.mode import ModeSandbox


class ModeWrites:
    """Handlers of a report's description, and of whoever edits it at the same time."""

    def __init__(self, mode: ModeSandbox, listings: ModeListings) -> None:
        self._mode = mode
        self._listings = listings
        self._looks: Counter[str] = Counter()

    def routes(self) -> list[Route]:
        report = f"/api/{self._mode.workspace}/reports/{TOKEN}"
        return [("GET", report, self._look), ("PATCH", report, self._patch)]

    def _look(self, request: Request, token: str) -> Answer:
        found = self._listings.readable(token)
        if isinstance(found, Answer):
            return found
        self._looks[token] += 1
        if self._mode.switches.description_conflict == "before" and self._looks[token] > 1:
            found.description = "Edited by a person"
        row = self._listings.report_row(found, request.params)
        if not self._mode.switches.description_shown:
            del row["description"]
        return json_answer(row)

    def _patch(self, request: Request, token: str) -> Answer:
        status = self._mode.switches.report_writes
        if status != "ok":
            return mode_error(status)
        found = self._listings.readable(token)
        if isinstance(found, Answer):
            return found
        try:
            description = request.json()["report"]["description"]
        except (ValueError, TypeError, KeyError):
            return mode_error(400, "malformed body")
        if self._mode.switches.description_conflict == "lost":
            return json_answer({}, 202)
        found.description = description
        if self._mode.switches.description_conflict == "after":
            found.description = "Edited by a person"
        return json_answer(self._listings.report_row(found, {}), 202)
