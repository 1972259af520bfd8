"""Refresh the results that Mode keeps, by running reports and datasets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from mode_catalog_provider.airflow_errors import airflow_errors
from mode_catalog_provider.compat import AirflowSkipException, conf
from mode_catalog_provider.errors import ConfigurationError, RefreshFailedError
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.links import ModeRunLink
from mode_catalog_provider.mode.client import ModeClient, web_url
from mode_catalog_provider.mode.refresh import Refresh, cancel_quietly
from mode_catalog_provider.mode.refresh_progress import (
    Progress,
    failure_sentence,
    from_json,
    plan,
    result_of,
    to_json,
)
from mode_catalog_provider.operators.kill_switch import KillSwitch
from mode_catalog_provider.operators.rendered import rendered_number, rendered_truth, rendered_words
from mode_catalog_provider.operators.try_memory import TryMemory
from mode_catalog_provider.triggers.mode_runs import ModeRunsTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

# Never to be renamed: tasks in progress during an upgrade look for it.
_MEMORY = "mode_runs"
# The trigger ends the wait itself; Airflow's own limit is for a triggerer that is not there.
_TRIGGER_GRACE = timedelta(minutes=15)
# What a task needs at the end to cancel its runs and to say so, before `execution_timeout` cuts it off.
_CLOSING_SECONDS = 15.0


class ModeCacheRefreshOperator(BaseOperator):
    """Run reports and datasets in Mode, so that who opens them sees numbers computed after now.

    Mode has no call that empties a cache: a refresh is a run of the report. Datasets are run before reports.
    A run that is going on already is joined instead of started again, and never cancelled.

    On Airflow 3.3+ the runs are remembered across tries: a repeated try goes on with the runs of the one
    before (only what failed or was cancelled is run again), and clearing the task runs everything anew. Below
    3.3 a repeated try joins what is still running and starts the rest again.

    With nothing to refresh the task is skipped. The paths of its runs are pushed as XCom ``runs`` before it
    waits.

    :param reports: tokens of the reports: a list, or text with commas or line ends between them.
    :param datasets: tokens of the datasets, likewise.
    :param refresh: what to refresh; ``results`` is the only choice so far.
    :param max_concurrent_runs: runs in flight at most, joined ones included, default 4.
    :param wait_for_completion: default ``True``. ``False`` starts everything at once, in order, without
        regard to ``max_concurrent_runs``, and succeeds when Mode has accepted the runs.
    :param timeout: how long to wait for all runs together, as ``timedelta`` or in seconds, default 3 hours. A
        shorter ``execution_timeout`` takes its place, also while deferred.
    :param check_interval: time between two looks, as ``timedelta`` or in seconds, default 30 seconds.
    :param deferrable: wait in the triggerer; default is ``[operators] default_deferrable``. Not a template.
    :param failure: what failed runs mean: ``fail`` (default) the task fails when any did, ``threshold`` when
        more than ``max_failed`` did, ``warn`` never.
    :param max_failed: for ``failure="threshold"``, default 0.
    :param cancel_on_kill: cancel the runs this task started when it is killed, marked as failed (while
        deferred: on Airflow 3.3+), or out of time; default ``True``.
    :param mode_conn_id: Airflow connection of type ``mode``, default ``mode_default``.
    :return: ``runs`` (per target ``report``: token of the report or dataset; ``run``: token or ``None``;
        ``state``: Mode's last word, or ``not_started``, ``refused``, ``vanished``; ``seconds`` or ``None``;
        ``error`` or ``None``), and the counts ``started``, ``joined``, ``skipped``, ``failed``. Pushed also
        when the task fails.
    :raises RefreshFailedError: more runs failed than allowed; with the reasons Mode gave. May be repeated.
    :raises AirflowFailException: what no repetition can mend (credential, configuration).
    """

    template_fields: Sequence[str] = (
        "reports",
        "datasets",
        "refresh",
        "max_concurrent_runs",
        "wait_for_completion",
        "timeout",
        "check_interval",
        "failure",
        "max_failed",
        "cancel_on_kill",
        "mode_conn_id",
    )
    operator_extra_links = (ModeRunLink(),)
    ui_color = "#d9ead3"

    def __init__(
        self,
        *,
        reports: Iterable[str] | str | None = None,
        datasets: Iterable[str] | str | None = None,
        refresh: str = "results",
        max_concurrent_runs: int | str = 4,
        wait_for_completion: bool | str = True,
        timeout: timedelta | float | str = timedelta(hours=3),
        check_interval: timedelta | float | str = timedelta(seconds=30),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        failure: str = "fail",
        max_failed: int | str = 0,
        cancel_on_kill: bool | str = True,
        mode_conn_id: str = ModeHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reports = reports
        self.datasets = datasets
        self.refresh = refresh
        self.max_concurrent_runs = max_concurrent_runs
        self.wait_for_completion = wait_for_completion
        self.timeout = timeout
        self.check_interval = check_interval
        self.deferrable = deferrable
        self.failure = failure
        self.max_failed = max_failed
        self.cancel_on_kill = cancel_on_kill
        self.mode_conn_id = mode_conn_id
        self._switch: KillSwitch | None = None

    @cached_property
    def hook(self) -> ModeHook:
        """The hook of the connection."""
        return ModeHook(self.mode_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the runs, and wait for them unless told otherwise."""
        with airflow_errors():
            policy = _Policy.of(self)
            targets = plan(
                reports=rendered_words("reports", self.reports),
                datasets=rendered_words("datasets", self.datasets),
                memory=TryMemory(context, _MEMORY).load(),
            )
        if not targets:
            raise AirflowSkipException("There is nothing to refresh: no reports and no datasets were given.")
        return self._go_on(context, policy, targets, deadline=time.time() + policy.timeout)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger saw something happen; it is looked at once more here."""
        with airflow_errors():
            if not event or event.get("status") not in {"changed", "timeout", "error"}:
                raise ConfigurationError(f"The trigger sent an event that is not understood: {event!r}.")
            policy = _Policy.of(self)
        self.log.info(event["message"])
        return self._go_on(context, policy, from_json(event["progress"]), deadline=event["deadline"])

    def on_kill(self) -> None:
        """Stop working, and cancel the runs that this task started."""
        if self._switch is not None:
            self._switch.pull()

    def _go_on(
        self, context: Context, policy: _Policy, progress: list[Progress], deadline: float
    ) -> dict[str, Any]:
        with airflow_errors(), self.hook.get_client() as client:
            cancel = partial(cancel_quietly, self._get_kill_client()) if policy.cancel_on_kill else _leave
            self._switch = switch = KillSwitch(
                started=lambda: refresh.started_runs, cancel=cancel, abort=client.cancel
            )
            refresh = Refresh(
                client=client,
                progress=progress,
                limit=policy.limit,
                remember=TryMemory(context, _MEMORY).save,
                sleep=switch.sleep,
            )
            with switch:
                # First of all: a POST must not be what finds out that Mode has moved to another of its hosts.
                client.verify()
                while not self._step(context, policy, refresh, client):
                    left = deadline - time.time()
                    if left <= 0:
                        refresh.give_up("when the time allowed was over", cancel=cancel)
                        break
                    if self.deferrable:
                        self._wait_in_triggerer(policy, refresh, deadline)
                    switch.sleep(min(left, policy.check_interval))
            return self._conclude(context, policy, refresh)

    def _step(self, context: Context, policy: _Policy, refresh: Refresh, client: ModeClient) -> bool:
        """Do what can be done now, and leave ids and link where people find them.

        :return: whether that was all.
        """
        try:
            refresh.step()
        finally:
            if runs := _runs_of(refresh.progress):
                context["ti"].xcom_push(key="runs", value=runs)
                # A dataset's runs have no page that is known; the dataset has.
                page = runs[0] if runs[0].startswith("reports/") else runs[0].partition("/runs/")[0]
                ModeRunLink().publish(context, web_url(client.host, client.workspace, *page.split("/")))
        return refresh.over or not policy.wait

    def _wait_in_triggerer(self, policy: _Policy, refresh: Refresh, deadline: float) -> None:
        self.log.info("Waiting for %s Mode runs.", len(refresh.in_flight))
        self.defer(
            trigger=ModeRunsTrigger(
                mode_conn_id=self.mode_conn_id,
                progress=to_json(refresh.progress),
                each=refresh.each_end_counts,
                deadline=deadline,
                check_interval=policy.check_interval,
                cancel_on_kill=policy.cancel_on_kill,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, deadline - time.time())) + _TRIGGER_GRACE,
        )

    def _conclude(self, context: Context, policy: _Policy, refresh: Refresh) -> dict[str, Any]:
        result = result_of(refresh.progress)
        sentence = failure_sentence(result, failure=policy.failure, max_failed=policy.max_failed)
        if sentence is not None:
            refresh.forget_failed()
            if self.do_xcom_push:
                context["ti"].xcom_push(key="return_value", value=result)
            raise RefreshFailedError(sentence, result=result)
        self.log.info(
            "%s refreshes: %s runs started, %s joined, %s failed.",
            *(len(result["runs"]), result["started"], result["joined"], result["failed"]),
        )
        return result

    def _get_kill_client(self) -> ModeClient:
        """Make a client for cancelling: quick to give up, and with nothing to ask of Airflow any more.

        It is not closed with the other: `on_kill` comes after the end of `execute` when that took too long.
        """
        credentials = self.hook.credentials()
        return self.hook.get_client(credentials=lambda: credentials, timeout=3.0, retry_budget=3.0)


@dataclass(frozen=True)
class _Policy:
    """The operator's rendered arguments as values."""

    limit: int | None
    wait: bool
    timeout: float
    check_interval: float
    failure: str
    max_failed: int
    cancel_on_kill: bool

    @classmethod
    def of(cls, operator: ModeCacheRefreshOperator) -> _Policy:
        if operator.refresh != "results":
            raise ConfigurationError(f"refresh={operator.refresh!r} is not known; use 'results'.")
        if operator.failure not in {"fail", "warn", "threshold"}:
            raise ConfigurationError(
                f"failure={operator.failure!r} is not known; use 'fail', 'warn' or 'threshold'."
            )
        wait = rendered_truth("wait_for_completion", operator.wait_for_completion)
        timeout = _seconds("timeout", operator.timeout)
        if operator.execution_timeout is not None:
            hard = operator.execution_timeout.total_seconds()
            timeout = min(timeout, max(hard - _CLOSING_SECONDS, hard / 2))
        return cls(
            limit=int(rendered_number("max_concurrent_runs", operator.max_concurrent_runs)) if wait else None,
            wait=wait,
            timeout=timeout,
            check_interval=_seconds("check_interval", operator.check_interval),
            failure=operator.failure,
            max_failed=int(rendered_number("max_failed", operator.max_failed)),
            cancel_on_kill=rendered_truth("cancel_on_kill", operator.cancel_on_kill),
        )


def _runs_of(progress: list[Progress]) -> list[str]:
    """Paths of all runs, those that failed first: the link leads to the first."""
    with_run = sorted((one for one in progress if one.run), key=lambda one: one.error is None)
    return [one.run for one in with_run if one.run]


def _leave(run: str) -> bool:
    """Cancel nothing."""
    return False


def _seconds(name: str, value: timedelta | float | str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else rendered_number(name, value)
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"{name}={value!r} must be more than zero.")
    return seconds
