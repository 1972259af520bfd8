"""The caching note: what is told of each, by a Mode whose answers are laid out word by word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mode_catalog_provider.errors import ForbiddenError, NotFoundError, ServiceUnavailableError
from mode_catalog_provider.refresh.annotation import annotate
from mode_catalog_provider.refresh.progress import Progress

BEGUN = datetime(2026, 11, 20, 5, 41, tzinfo=UTC)
LINE = "Numbers as of 2026-11-20 05:41 UTC [mode-catalog]"
LINE_AFTER_LOAD = "Numbers as of 2026-11-20 05:41 UTC, after the warehouse load [mode-catalog]"
RUN = {"token": "r1", "state": "succeeded", "created_at": "2026-11-20T06:41:00+01:00"}
DONE = Progress(target="reports/aaa", run="reports/aaa/runs/r1", state="succeeded", over=True)


class Mode:
    """One report ``aaa`` with one run ``r1``.

    :param run: what is answered about the run, or raised.
    :param shown_after: pauses after a change until it is shown.
    :param refuses: what a change raises.
    """

    def __init__(self, *, run=RUN, shown_after=0, refuses=None):
        self.run = run
        self.refuses = refuses
        self.description = "About revenue"
        self.asked = []
        self.pauses = []
        self._shown_after = shown_after
        self._changed = None

    def get(self, path):
        self.asked.append(path)
        if path == "reports/aaa":
            return {"description": self.description}
        if path == "reports/aaa/runs/r1" and isinstance(self.run, dict):
            return self.run
        raise self.run if isinstance(self.run, Exception) else NotFoundError("404", status=404)

    def send_once(self, method, path, body):
        assert (method, path) == ("PATCH", "reports/aaa")
        if self.refuses is not None:
            raise self.refuses
        self._changed = body["report"]["description"]
        self._show()

    def sleep(self, seconds):
        self.pauses.append(seconds)
        if seconds:
            self._shown_after -= 1
            self._show()

    def _show(self):
        if self._changed is not None and self._shown_after <= 0:
            self.description = self._changed

    def annotated(self, *progress, **options):
        return [note.to_json() for note in annotate(self, progress, sleep=self.sleep, **options)]


def note(state, line, reason=None):
    return {"report": "aaa", "state": state, "line": line, "reason": reason}


@pytest.mark.parametrize(
    ("loaded_at", "line"),
    [
        (None, LINE),
        (BEGUN, LINE_AFTER_LOAD),
        (BEGUN + timedelta(seconds=1), LINE),
        (BEGUN.replace(tzinfo=None), LINE_AFTER_LOAD),
        (BEGUN.astimezone(timezone(timedelta(hours=9))), LINE_AFTER_LOAD),
    ],
    ids=["not known", "that very moment", "a second later", "without a zone", "in another zone"],
)
def test_a_note_says_whether_its_run_began_after_the_load_whatever_the_zone(loaded_at, line):
    mode = Mode()
    assert mode.annotated(DONE, loaded_at=loaded_at) == [note("written", line)]
    assert mode.description == f"About revenue\n\n{line}"


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (None, "Mode does not tell when its run began"),
        ({"token": "r1", "state": "succeeded"}, "Mode does not tell when its run began"),
        (ServiceUnavailableError("503 from Mode.", status=503), "Mode could not be asked: 503 from Mode"),
    ],
    ids=["gone", "without a beginning", "not answered"],
)
def test_of_a_run_that_cannot_be_looked_at_nothing_is_written(run, reason):
    mode = Mode(run=run)
    assert mode.annotated(DONE) == [note("unknown", "", reason)]
    assert mode.description == "About revenue"


def test_a_note_that_mode_shows_some_time_later_is_found():
    assert Mode(shown_after=2).annotated(DONE) == [note("written", LINE)]
    assert Mode(shown_after=9).annotated(DONE) == [
        note("unknown", LINE, "Mode does not show the note, although it took it")
    ]


def test_what_could_not_be_written_is_in_the_log_and_so_is_how_many_were(caplog):
    caplog.set_level("INFO")
    refusing = Mode(refuses=ForbiddenError("403: this key may not write.", status=403))
    reason = "Mode refused it: 403: this key may not write"
    assert refusing.annotated(DONE, DONE) == [note("refused", LINE, reason)] * 2
    warning = f"The caching note of report aaa: {reason}."
    assert caplog.messages == [
        warning,
        warning,
        "Caching notes: 0 of 2 reports say of when their numbers are.",
    ]
    caplog.clear()
    assert len(Mode().annotated(DONE, DONE)) == 2
    assert caplog.messages == ["Caching notes: 2 of 2 reports say of when their numbers are."]


def test_where_no_report_gets_a_note_nothing_is_asked_or_told(caplog):
    caplog.set_level("INFO")
    mode = Mode()
    dataset = Progress(target="datasets/ddd", run="datasets/ddd/runs/r1", state="succeeded", over=True)
    without_run = Progress(target="reports/aaa", state="succeeded", over=True)
    assert mode.annotated(dataset, without_run, Progress(target="reports/aaa")) == []
    assert (mode.asked, caplog.messages) == ([], [])


def test_before_each_report_the_caller_may_stop():
    mode = Mode()

    def stop(seconds):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        annotate(mode, [DONE], sleep=stop)
    assert mode.asked == []
