"""The frame of a task's log: what it is about to do first, its outcome last; and the same as metrics."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from mode_catalog_provider.moments import in_words
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowSkipException

log = logging.getLogger(__name__)

Method = TypeVar("Method", bound=Callable[..., Any])

#: What Airflow raises when a task leaves its worker and will be back: no outcome yet.
_WILL_BE_BACK = frozenset({"TaskDeferred", "TaskAwaitingInput", "AirflowRescheduleException"})


def job(name: str, about: Callable[[Any], str]) -> Callable[[Method], Method]:
    """Decorate a method of an operator that Airflow calls.

    :param name: one of :data:`~mode_catalog_provider.tasks.metrics.JOBS`.
    :param about: given the operator, says what it is about to do, as the first line of the log.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def framed(self: Any, *args: Any, **kwargs: Any) -> Any:
            with _framed(name, about(self)):
                return method(self, *args, **kwargs)

        return cast(Method, framed)

    return decorate


@contextmanager
def _framed(name: str, about: str) -> Iterator[None]:
    log.info("%s", about)
    begun = time.monotonic()
    try:
        yield
    except AirflowSkipException:
        _ended(name, "skipped", begun)
        raise
    except BaseException as error:
        if type(error).__name__ not in _WILL_BE_BACK:
            _ended(name, "failed", begun, because=type(error).__name__)
        raise
    _ended(name, "succeeded", begun)


def _ended(name: str, outcome: str, begun: float, because: str | None = None) -> None:
    seconds = time.monotonic() - begun
    log.log(
        logging.INFO if because is None else logging.ERROR,
        "Outcome: %s %s in %s%s.",
        name.replace("_", " "),
        outcome,
        f"{seconds:.1f} s" if seconds < 60 else in_words(seconds),
        f" ({because})" if because else "",
    )
    metrics.count(metrics.JOB_ENDED, job=name, outcome=outcome)
    if outcome != "skipped":
        metrics.gauge(metrics.JOB_FAILING, int(outcome == "failed"), job=name)
    metrics.timing(metrics.JOB_DURATION, seconds, job=name)
