"""Refresh what Mode keeps of reports and datasets: one run each, never two, none lost.

Mode has no call that invalidates stored results; a refresh *is* a run, and a run costs warehouse time. So
before a run is asked for, what Mode is doing already is looked at (a run in progress is joined), and the
intention is remembered; after it, the run's id. Whoever comes back with that memory goes on where it ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.errors import (
    AmbiguousRequestError,
    ConfigurationError,
    MalformedResponseError,
    RequestRefusedError,
)
from mode_catalog_provider.moments import parsed
from mode_catalog_provider.refresh.progress import (
    NOT_STARTED,
    REFUSED,
    VANISHED,
    WAITING,
    Progress,
    memory_of,
)
from mode_catalog_provider.refresh.runs import (
    GOOD_STATES,
    ModeRun,
    RunTarget,
    failure_reason,
    read_run,
    recent_runs,
    start_run,
)

if TYPE_CHECKING:
    from mode_catalog_provider.mode.client import ModeClient

logger = logging.getLogger(__name__)

# After an ambiguous answer the run may still be on its way into the list: seconds before each look.
_LOOKS = (0.0, 2.0, 5.0)
# Mode may show a run some time after it has accepted it.
_LOOKS_FOR_NEW = (2.0, 3.0, 5.0, 10.0, 10.0)
_ATTEMPTS = 2


class Refresh:
    """Runs of many reports and datasets, datasets first, a bounded number at a time.

    Call :meth:`step` from time to time until :attr:`over`; what comes in between (a sleep, a deferral,
    another process) is the caller's affair, as long as it carries :attr:`progress` across.

    :param client: talks to Mode.
    :param progress: where to begin; see :func:`~mode_catalog_provider.refresh.progress.plan`.
    :param limit: runs in flight at most, joined ones included; ``None`` for no limit and no order.
    :param remember: called with a JSON dict before and after each start; to be given to ``plan`` by whoever
        has to repeat this work after a crash.
    :param parameters: values of report parameters for the runs that are started; a run in progress with other
        values is not joined.
    :param sleep: how to wait some seconds; asked for none between two targets, so that it can raise to stop.
    """

    def __init__(
        self,
        *,
        client: ModeClient,
        progress: Iterable[Progress],
        limit: int | None = 4,
        parameters: Mapping[str, Any] | None = None,
        remember: Callable[[dict[str, Any]], None] = lambda memory: None,
        sleep: Callable[[float], Any] = time.sleep,
    ) -> None:
        if limit is not None and limit < 1:
            raise ConfigurationError(f"max_concurrent_runs is {limit}; at least one run must be allowed.")
        self._client = client
        self._limit = limit
        self._parameters = dict(parameters or {})
        self._remember = remember
        self._sleep = sleep
        self._progress = {one.target: one for one in progress}

    @property
    def progress(self) -> list[Progress]:
        """How far each target has come."""
        return list(self._progress.values())

    @property
    def over(self) -> bool:
        """Nothing is left to start or to wait for."""
        return all(one.over for one in self.progress)

    @property
    def in_flight(self) -> list[Progress]:
        """What has a run that may still go on."""
        return [one for one in self.progress if one.in_flight]

    @property
    def started_runs(self) -> list[str]:
        """Paths of the runs in flight that are ours to cancel."""
        return [one.run for one in self.in_flight if one.run and one.ours]

    @property
    def each_end_counts(self) -> bool:
        """The end of any one run lets another start; else only the end of all of them changes anything."""
        return self._next(freed=1) is not None

    def step(self) -> None:
        """Look at the runs in flight, then start as many as there is room for.

        A target that Mode refuses to run or to show ends with that as its error; the others go on.

        :raises ModeCatalogError: nothing can be done at all (credential, rate limit, Mode not answering).
            What was started is remembered.
        """
        for one in self.in_flight:
            if one.run is not None:
                self._sleep(0)
                self._look(one, one.run)
        while (one_more := self._next()) is not None:
            self._sleep(0)
            self._begin(one_more)

    def give_up(self, why: str, *, cancel: Callable[[str], bool]) -> None:
        """End everything that is not over, as failed.

        :param why: completes the sentence "it was still enqueued ...".
        :param cancel: called with the path of each run that we started; cancels it and says whether it could.
        """
        for one in self.progress:
            if one.over:
                continue
            if one.run is None:
                self._end(one, NOT_STARTED, f"was not started {why}")
                continue
            cancelled = one.ours and cancel(one.run)
            ending = "; the run was cancelled" if cancelled else ""
            self._end(one, one.state, f"was still {one.state!r} {why}{ending}")

    def forget_failed(self) -> None:
        """Take the runs that failed out of the memory, so that a repetition runs their targets once more."""
        self._remember(
            memory_of(one for one in self.progress if one.run is None or one.good or one.in_flight)
        )

    def _next(self, *, freed: int = 0) -> Progress | None:
        """The next target that may start: datasets first, because reports read what they leave.

        :param freed: suppose that so many runs have just ended.
        """
        first = next((one for one in self.progress if one.run is None and not one.over), None)
        if first is None or self._limit is None:
            return first
        in_flight = self.in_flight
        if len(in_flight) - freed >= self._limit:
            return None
        datasets_first = any(one.run_target.kind == "dataset" for one in in_flight)
        return None if first.run_target.kind == "report" and datasets_first else first

    def _look(self, one: Progress, path: str) -> None:
        try:
            run = self._read(one, path)
        except RequestRefusedError as refusal:
            self._end(one, REFUSED, str(refusal).rstrip("."))
            return
        if one.recovered and (run is None or run.state == "cancelled"):
            # It ended with the try that started it (its kill cancels it): this try needs one of its own.
            logger.info("The earlier run of %s is gone or cancelled; starting another.", one)
            self._set(one, run=None, ours=False, state=WAITING, newest_before=None, recovered=False)
        elif run is None:
            self._end(one, VANISHED, "the run is not there any more; it, or what it ran, was deleted")
        else:
            self._see(replace(one, recovered=False, unseen_since=None), run)

    def _read(self, one: Progress, path: str) -> ModeRun | None:
        """Look at a run; one that was accepted moments ago may not be shown yet."""
        run = read_run(self._client, path)
        for seconds in _LOOKS_FOR_NEW:
            if run is not None or not one.not_visible_yet(time.time()):
                break
            logger.info("Mode does not show the run of %s yet; looking again.", one)
            self._sleep(seconds)
            run = read_run(self._client, path)
        return run

    def _begin(self, one: Progress) -> None:
        """Find the run asked for earlier, or join the one that is going on, or start one."""
        try:
            runs = recent_runs(self._client, one.run_target)
            if one.newest_before is not None and self._adopt(one, runs):
                return
            if (active := _to_join(runs, self._parameters)) is not None:
                logger.info("Joining run %s of %s, which is %s.", active.token, one, active.state)
                self._follow(one, active, ours=False)
                return
            newest, at = (runs[0].token, runs[0].created_at) if runs else ("", None)
            one = self._set(
                one, newest_before=newest, newest_at=at.isoformat() if at else None, recovered=False
            )
            self._keep()
            self._start(one)
        except RequestRefusedError as refusal:
            self._end(one, REFUSED, str(refusal).rstrip("."))

    def _start(self, one: Progress) -> None:
        for _ in range(_ATTEMPTS):
            try:
                run = start_run(self._client, one.run_target, self._parameters)
            except (AmbiguousRequestError, MalformedResponseError) as doubt:
                logger.warning("Unclear whether a run of %s was started (%s); looking for it.", one, doubt)
                if self._find(one):
                    return
                continue
            logger.info("Started run %s of %s.", run.token, one)
            self._follow(replace(one, unseen_since=time.time()), run, ours=True)
            return
        self._end(one, NOT_STARTED, "Mode did not say whether it started a run, and none appeared")

    def _find(self, one: Progress) -> bool:
        for seconds in _LOOKS:
            self._sleep(seconds)
            if self._adopt(one, recent_runs(self._client, one.run_target)):
                return True
        return False

    def _adopt(self, one: Progress, runs: list[ModeRun]) -> bool:
        """Take over the run that appeared since we asked for one.

        When several did, nobody can tell which is ours: the newest is followed, and none will be cancelled.
        """
        appeared = [run for run in _since(one, runs) if _may_be_asked_for(run, self._parameters)]
        if not appeared:
            return False
        ours = len(appeared) == 1
        logger.info("Found run %s of %s%s.", appeared[0].token, one, "" if ours else ", perhaps not ours")
        self._follow(one, appeared[0], ours=ours)
        return True

    def _follow(self, one: Progress, run: ModeRun, *, ours: bool) -> None:
        self._see(replace(one, run=run.path, ours=ours, recovered=False), run)
        self._keep()

    def _see(self, one: Progress, run: ModeRun) -> None:
        if run.over and run.state not in GOOD_STATES:
            self._end(one, run.state, failure_reason(self._client, run), seconds=run.seconds)
            return
        self._set(one, state=run.state, seconds=run.seconds, over=run.over)
        if run.over:
            logger.info("The run of %s %s.", one, run.state)
            self._keep()

    def _end(self, one: Progress, state: str, error: str, *, seconds: float | None = None) -> None:
        logger.warning("Refresh of %s: %s.", one, error)
        self._set(one, state=state, error=error, seconds=seconds, over=True, recovered=False)

    def _set(self, one: Progress, **changes: Any) -> Progress:
        self._progress[one.target] = replace(one, **changes)
        return self._progress[one.target]

    def _keep(self) -> None:
        self._remember(memory_of(self.progress))


def goes_on(client: ModeClient, target: RunTarget, parameters: Mapping[str, Any]) -> bool:
    """Whether a run of the target is in progress that :class:`Refresh` would join instead of starting one."""
    try:
        return _to_join(recent_runs(client, target), parameters) is not None
    except RequestRefusedError:
        return False


def _to_join(runs: Iterable[ModeRun], parameters: Mapping[str, Any]) -> ModeRun | None:
    wanted = (run for run in runs if run.target.kind == "dataset" or run.has(parameters))
    return next((run for run in wanted if run.active), None)


def _may_be_asked_for(run: ModeRun, parameters: Mapping[str, Any]) -> bool:
    """Missing a run of ours would start a second one, so what says nothing against it is taken for it."""
    return run.target.kind == "dataset" or run.may_have(parameters)


def _since(one: Progress, runs: Iterable[ModeRun]) -> Iterator[ModeRun]:
    """The runs that appeared since we asked for one, even if the newest of then is gone by now."""
    at = parsed(one.newest_at)
    for run in runs:
        if run.token == one.newest_before or (at and run.created_at and run.created_at <= at):
            return
        yield run
