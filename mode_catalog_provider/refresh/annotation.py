"""The caching note: one line at the end of a report's description that says of when its numbers are.

Opt-in, for it is the one thing that this package writes into Mode. Only what the description ends with, and
only if it carries our mark, is replaced; the rest stays as it is, to the character. Mode has no conditional
write, so the description is read again right before it is written and right after: who edits it meanwhile
wins, and whatever goes wrong is told and fails nothing.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.errors import (
    AmbiguousRequestError,
    AuthenticationError,
    RequestRefusedError,
    ServiceError,
)
from mode_catalog_provider.moments import in_utc
from mode_catalog_provider.refresh.progress import Progress
from mode_catalog_provider.refresh.runs import parse_run_path, read_run

if TYPE_CHECKING:
    from mode_catalog_provider.mode.client import ModeClient

log = logging.getLogger(__name__)

#: What became of a note.
WRITTEN, UNCHANGED, CONFLICT, REFUSED, UNKNOWN = "written", "unchanged", "conflict", "refused", "unknown"

# The mark at its end tells our line from one that a person wrote.
_LINE = re.compile(
    r"(?:\A|(?P<before>[\s\S]*?)(?P<gap>\r?\n\r?\n))"
    r"Numbers as of \d{4}-\d\d-\d\d \d\d:\d\d UTC(?:, after the warehouse load)? \[mode-catalog\]\s*\Z"
)
# Mode accepts a change with 202: it may show it some time later. Seconds before each look.
_LOOKS = (0.0, 1.0, 3.0)


@dataclass(frozen=True)
class Note:
    """What became of the note of one report.

    :param report: its token.
    :param state: ``written``, ``unchanged`` (it says so already), ``conflict`` (somebody changed the
        description meanwhile; theirs stays), ``refused``, or ``unknown`` (Mode does not show what it has).
    :param line: what was to be written.
    :param reason: why it is not there; ``None`` when it is.
    """

    report: str
    state: str
    line: str
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it for XCom and for the command line."""
        return {"report": self.report, "state": self.state, "line": self.line, "reason": self.reason}


def line_of(moment: datetime, *, after_load: bool) -> str:
    """Return the line that says of when a report's numbers are.

    :param moment: when the run began that computed them: what came into the warehouse later is not in them.
    :param after_load: whether that is known to be after the last load of the warehouse.
    """
    after = ", after the warehouse load" if after_load else ""
    return f"Numbers as of {in_utc(moment):%Y-%m-%d %H:%M} UTC{after} [mode-catalog]"


def annotated(description: str, line: str) -> str:
    """Return a description with the line at its end, in the place of an earlier one; all else as it was."""
    earlier = _LINE.fullmatch(description)
    if earlier is None:
        return f"{description}\n\n{line}" if description else line
    if earlier["gap"] is None:
        return line
    return f"{earlier['before']}{earlier['gap']}{line}"


def annotate(
    client: ModeClient,
    progress: Iterable[Progress],
    *,
    loaded_at: datetime | None = None,
    sleep: Callable[[float], Any] = time.sleep,
) -> list[Note]:
    """Write the note of each report whose run ended well; datasets have no page that people read.

    Never fails for what Mode answers: what could not be written is in the result and in the log.

    :param client: with a key that may write.
    :param progress: of the refresh, when it is over.
    :param loaded_at: when the warehouse was loaded last, ``None`` when that is not known.
    :param sleep: how to wait some seconds; may raise to stop.
    """
    notes = []
    for one in progress:
        if not one.good or one.run is None or one.run_target.kind != "report":
            continue
        sleep(0)
        note = _note_of(client, one.run, loaded_at, sleep)
        notes.append(note)
        if note.reason is not None:
            log.warning("The caching note of report %s: %s.", note.report, note.reason)
    if notes:
        written = sum(note.reason is None for note in notes)
        log.info("Caching notes: %s of %s reports say of when their numbers are.", written, len(notes))
    return notes


def _note_of(
    client: ModeClient, path: str, loaded_at: datetime | None, sleep: Callable[[float], Any]
) -> Note:
    target, _ = parse_run_path(path)
    line = ""
    try:
        run = read_run(client, path)
        if run is None or run.created_at is None:
            return Note(target.token, UNKNOWN, line, "Mode does not tell when its run began")
        after_load = loaded_at is not None and run.created_at >= in_utc(loaded_at)
        line = line_of(run.created_at, after_load=after_load)
        return _write(client, target.token, line, sleep)
    except (RequestRefusedError, AuthenticationError) as refusal:
        return Note(target.token, REFUSED, line, f"Mode refused it: {str(refusal).rstrip('.')}")
    except ServiceError as error:
        return Note(target.token, UNKNOWN, line, f"Mode could not be asked: {str(error).rstrip('.')}")


def _write(client: ModeClient, token: str, line: str, sleep: Callable[[float], Any]) -> Note:
    found = _description(client, token)
    if found is None:
        return Note(token, UNKNOWN, line, "Mode does not show its description, so nothing is written")
    wanted = annotated(found, line)
    if wanted == found:
        return Note(token, UNCHANGED, line)
    # Nobody can lock a description: a last look, right before it is written, is as near as one gets.
    if _description(client, token) != found:
        return Note(token, CONFLICT, line, "its description is being edited; it stays as it is")
    try:
        client.send_once("PATCH", f"reports/{token}", {"report": {"description": wanted}})
    except AmbiguousRequestError as doubt:
        log.info("Unclear whether the note of report %s was written (%s); looking.", token, doubt)
    for seconds in _LOOKS:
        sleep(seconds)
        now = _description(client, token)
        if now == wanted:
            return Note(token, WRITTEN, line)
        if now != found:
            return Note(
                token, CONFLICT, line, "somebody changed its description at the same time; theirs stays"
            )
    return Note(token, UNKNOWN, line, "Mode does not show the note, although it took it")


def _description(client: ModeClient, token: str) -> str | None:
    """Return the description, ``""`` where there is none, ``None`` where Mode does not tell."""
    row = client.get(f"reports/{token}")
    if "description" not in row:
        return None
    found = row["description"]
    return found if isinstance(found, str) else "" if found is None else None
