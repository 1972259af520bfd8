"""The border between our errors and Airflow's vocabulary, crossed in one place.

Airflow's page of a task's log does not wrap its lines, and puts a stack after an error. So what happened and
what to do stands before it, in lines that fit.
"""

from __future__ import annotations

import errno
import logging
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from airflow.sdk import Context

from mode_catalog_provider.errors import AuthenticationError, ModeCatalogError
from mode_catalog_provider.tasks.compat import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from mode_catalog_provider.text import printable, visible

log = logging.getLogger(__name__)

#: Characters of a line that are seen without scrolling.
WIDTH = 100

#: Where one sentence ends and the next begins, which may be that of the next of several faults.
_SENTENCE = re.compile(r"(?<=[.!?;:]) (?=[A-Z'\"]|\(\d+\) )")

#: Schedules by name that have no days to bring back; the same kinds as timetables.
_WITHOUT_DAYS = {"@once", "@continuous"}
_TIMETABLES_WITHOUT_DAYS = ("Null", "Once", "Continuous", "Asset", "Partition")


@contextmanager
def airflow_errors(context: Context | None = None) -> Iterator[None]:
    """Fail the task at once on a permanent error; let everything else pass, so that Airflow retries it.

    Permanent is also what the disk says of a path that cannot be used: no right, or a file for a folder.

    What ends the task, also as skipped, is told in the log before it is raised, once and without the errors
    that led to it. Errors that may pass stay what they are: a retry policy reads their type and, on a rate
    limit, ``retry_after``.

    :param context: of the running task; with it a refused credential is answered with the commands that bring
        back what was missed, as far as the DAG's schedule knows them. Default ``None``.
    :raises AirflowFailException: with the same sentence, when a retry cannot help.
    """
    try:
        yield
    except ModeCatalogError as error:
        message, commands = str(error), []
        if context is not None and isinstance(error, AuthenticationError):
            commands = _recovery(context)
        if not error.permanent:
            tell_failure(error)
            raise error.with_traceback(None) from None
        failure = AirflowFailException(" ".join([message, *(f"{why}: {how}" for why, how in commands)]))
        tell_failure(failure, message=message, commands=commands)
        raise failure from None
    except (AirflowFailException, AirflowSensorTimeout) as error:
        tell_failure(error)
        raise error.with_traceback(None) from None
    except OSError as error:
        if (advice := _about_a_place(error)) is None:
            raise
        reason = f"{visible(str(error.filename), 300)} cannot be used ({error.strerror}). {advice}"
        failure = AirflowFailException(reason)
        tell_failure(failure)
        raise failure from None
    except AirflowSkipException as skip:
        tell_skip(skip)
        raise skip.with_traceback(None) from None


def _about_a_place(error: OSError) -> str | None:
    """Return what to do about a path of the disk that no repetition makes usable; ``None``: not that."""
    if error.filename is None:
        return None
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return (
            "The user that runs Airflow's tasks may not read or write there: correct the rights or the path."
        )
    if isinstance(error, NotADirectoryError | FileExistsError):
        return "The path, or a part of it, is a file where a folder is meant: correct the path."
    if isinstance(error, IsADirectoryError):
        return "It is a folder where a file is meant: correct the path."
    return None


def tell_failure(
    error: BaseException, *, message: str | None = None, commands: Sequence[tuple[str, str]] = ()
) -> None:
    """Log what ends a task: each sentence, and each command, on lines of their own.

    :param error: what will be raised; told once, however many doors it goes through.
    :param message: what to tell, default the error's own.
    :param commands: what can be typed, each with the words that lead to it.
    """
    if getattr(error, "was_told", False):
        return
    error.was_told = True  # type: ignore[attr-defined]
    for line in lines_of(message if message is not None else str(error), commands):
        log.error("%s", line)


def tell_skip(skip: AirflowSkipException) -> None:
    """Log why a task is skipped."""
    if getattr(skip, "was_told", False):
        return
    skip.was_told = True  # type: ignore[attr-defined]
    for line in lines_of(str(skip)):
        log.warning("%s", line)


def lines_of(message: str, commands: Sequence[tuple[str, str]] = ()) -> list[str]:
    """Return a message as lines that fit on the page of a log."""
    lines: list[str] = []
    for sentence in _SENTENCE.split(" ".join(message.split())):
        lines += textwrap.wrap(printable(sentence), WIDTH, break_on_hyphens=False)
    for why, how in commands:
        lines += [*textwrap.wrap(f"{why}:", WIDTH), *_typed(how)]
    return lines


def _typed(command: str) -> list[str]:
    """Return a command as lines that a shell takes as one, each with whole flags."""
    lines, line = [], ""
    for part in re.split(r" (?=--)", command):
        # Two characters for the backslash, as many for the indent.
        if line and len(line) + 1 + len(part) > WIDTH - 4:
            lines.append(f"{line} \\")
            line = f"  {part}"
        else:
            line = f"{line} {part}" if line else part
    return [f"  {one}" for one in [*lines, line]]


def _recovery(context: Context) -> list[tuple[str, str]]:
    dag_run = context.get("dag_run")
    if dag_run is None:
        return []
    trigger = f"airflow dags trigger {dag_run.dag_id}"
    if not _has_days(getattr(context.get("dag"), "schedule", None)):
        return [("Then start one run of now", trigger)]
    first = dag_run.logical_date or dag_run.run_after
    try:
        succeeded = context["ti"].get_previous_dagrun(state="success")
    except Exception:
        # Airflow has several classes for this; the sentence is right without that day too.
        succeeded = None
    if succeeded is not None and succeeded.logical_date is not None:
        first = succeeded.logical_date
    backfill = (
        f"airflow backfill create --dag-id {dag_run.dag_id} --from-date {_minute(first)} "
        f"--to-date {_minute(datetime.now(UTC) + timedelta(minutes=1))} --reprocess-behavior failed"
    )
    return [
        ("Then bring back the days that were missed (one snapshot serves them all)", backfill),
        ("Or start one run of now", trigger),
    ]


def _minute(moment: datetime) -> str:
    """Return a time for Airflow's command: of a date alone it takes the midnight, in a zone of its own."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _has_days(schedule: object) -> bool:
    """Return whether Airflow takes a backfill for a schedule: it refuses those that have no period."""
    if isinstance(schedule, str):
        return schedule not in _WITHOUT_DAYS
    if isinstance(schedule, timedelta) or type(schedule).__name__ == "relativedelta":
        return True
    name = type(schedule).__name__
    return name.endswith(("Timetable", "Schedule")) and not name.startswith(_TIMETABLES_WITHOUT_DAYS)
