"""Refresh the results that Mode keeps, by running reports and datasets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from mode_catalog_provider.errors import ConfigurationError, RefreshFailedError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.refresh.endpoint import DEFAULT_PATH
from mode_catalog_provider.refresh.progress import (
    Progress,
    failure_sentence,
    from_json,
    memory_of,
    result_of,
    to_json,
)
from mode_catalog_provider.refresh.refresh import Refresh
from mode_catalog_provider.refresh.targets import Selection
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.announcement import announce, refreshed
from mode_catalog_provider.tasks.caching_notes import write_notes
from mode_catalog_provider.tasks.compat import AirflowSkipException, conf
from mode_catalog_provider.tasks.deferral import defer_until
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.kill_switch import KillSwitch, killable_client
from mode_catalog_provider.tasks.links import ModeRunLink
from mode_catalog_provider.tasks.other_refreshes import call_endpoint, update_connections
from mode_catalog_provider.tasks.refresh_news import RefreshNews
from mode_catalog_provider.tasks.refresh_plan import plan_runs, publish_runs
from mode_catalog_provider.tasks.refresh_policy import ENDPOINT, SCHEMA, RefreshPolicy, selection_of
from mode_catalog_provider.tasks.try_memory import TryMemory
from mode_catalog_provider.triggers.mode_runs import ModeRunsTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

# Never to be renamed: tasks in progress during an upgrade look for it.
_MEMORY = "mode_runs"
# XCom in which a task that waits keeps how far it has come.
_SO_FAR = "refresh_so_far"

_FIGURES = (
    (metrics.REFRESH_STARTED, "started"),
    (metrics.REFRESH_JOINED, "joined"),
    (metrics.REFRESH_SKIPPED, "skipped"),
    (metrics.REFRESH_FAILED, "failed"),
)


class ModeCacheRefreshOperator(BaseOperator):
    """Run reports and datasets in Mode, so that who opens them sees numbers computed after now.

    Mode has no call that empties a cache: a refresh is a run of the report. Datasets are run before reports.
    A run that is going on already is joined instead of started again, and never cancelled.

    On Airflow 3.3+ the runs are remembered across tries: a repeated try goes on with the runs of the one
    before (only what failed or was cancelled is run again), and clearing the task runs everything anew. Below
    3.3 a repeated try joins what is still running and starts the rest again.

    With ``outlets=[when_true(mode_fresh())]`` an asset is emitted when all was waited for and nothing failed.
    With nothing selected the task is skipped. What was chosen, and why, is pushed as XCom ``plan`` (200
    entries at most, what is run first), the paths of the runs as XCom ``runs``, before the task waits.

    :param reports: tokens or names of reports: a list, or text with commas or line ends between them. A name
        must be that of one report only; names are looked up in all collections but personal ones.
    :param datasets: tokens or names of datasets, likewise. A report reads the stored results of the datasets
        it uses; they are run only if they are selected too.
    :param collections: tokens, names or globs (``Finance*``) of collections: all their reports and datasets.
    :param data_sources: tokens, names or globs of Mode's connections: all reports and datasets on them.
    :param refresh: ``results`` (default) runs reports and datasets; ``schema`` lets Mode read the tables of
        ``data_sources`` anew; ``endpoint`` sends one POST to ``endpoint``.
    :param stale_since: run only what has no good run that began and ended after this: a time that has passed
        (datetime, ISO text, seconds since 1970), or id or name of a warehouse source in Catalog, for its last
        ingestion. Default ``None``: run everything. A run in progress is joined even if it began before.
    :param include_archived: archived reports as well, default ``False``. What is given by its token is run in
        any case.
    :param parameters: values for the parameters of the reports, as a mapping. A run in progress with other
        values is not joined. For ``refresh="endpoint"``: the JSON body.
    :param max_runs: refuse, before anything is started, a refresh that would start more runs (or schema
        updates); default ``None``: no limit. Runs that are joined do not count.
    :param dry_run: find and log what would be run, and why; start nothing. Default ``False``.
    :param endpoint: path for ``refresh="endpoint"``, below ``/api/``, for private installations that have
        such a call; default ``/api/cache_invalidate``. Mode's cloud has none.
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
    :param cancel_on_kill: cancel the runs this task started when it is killed, marked (as failed or as
        success) or cleared (while deferred: on Airflow 3.3+), or out of time; default ``True``.
    :param annotate: keep one marked line at the end of each refreshed report's description that says of when
        its numbers are; default ``False``. Needs a key that may write. What cannot be written is told in the
        log and in ``notes``, and fails nothing.
    :param mode_conn_id: Airflow connection of type ``mode``, default ``mode_default``.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, used when ``stale_since`` names a source;
        default ``coalesce_catalog_default``.
    :return: ``runs`` (per target ``report``: token of the report or dataset; ``run``: token or ``None``;
        ``state``: Mode's last word, or ``not_started``, ``refused``, ``vanished``, ``waiting`` in a dry run,
        ``accepted`` for a connection's schema; ``seconds``, ``error``: or ``None``), and the counts
        ``started``, ``joined``, ``skipped`` (chosen, but archived or fresh), ``failed``; with ``annotate``
        also ``notes`` (``report``, ``state``, ``line``, ``reason``; at most 200). Pushed also on failure.
    :raises RefreshFailedError: more runs failed than allowed; with the reasons Mode gave. May be repeated.
    :raises AirflowFailException: what no repetition can mend (credential, configuration).
    """

    template_fields: Sequence[str] = (
        "reports",
        "datasets",
        "collections",
        "data_sources",
        "refresh",
        "stale_since",
        "include_archived",
        "parameters",
        "max_runs",
        "dry_run",
        "endpoint",
        "max_concurrent_runs",
        "wait_for_completion",
        "timeout",
        "check_interval",
        "failure",
        "max_failed",
        "cancel_on_kill",
        "annotate",
        "mode_conn_id",
        "catalog_conn_id",
    )
    operator_extra_links = (ModeRunLink(),)
    ui_color = "#d9ead3"

    def __init__(
        self,
        *,
        reports: Iterable[str] | str | None = None,
        datasets: Iterable[str] | str | None = None,
        collections: Iterable[str] | str | None = None,
        data_sources: Iterable[str] | str | None = None,
        refresh: str = "results",
        stale_since: datetime | float | str | None = None,
        include_archived: bool | str = False,
        parameters: Mapping[str, Any] | str | None = None,
        max_runs: int | str | None = None,
        dry_run: bool | str = False,
        endpoint: str = DEFAULT_PATH,
        max_concurrent_runs: int | str = 4,
        wait_for_completion: bool | str = True,
        timeout: timedelta | float | str = timedelta(hours=3),
        check_interval: timedelta | float | str = timedelta(seconds=30),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        failure: str = "fail",
        max_failed: int | str = 0,
        cancel_on_kill: bool | str = True,
        annotate: bool | str = False,
        mode_conn_id: str = ModeHook.default_conn_name,
        catalog_conn_id: str = CatalogHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reports = reports
        self.datasets = datasets
        self.collections = collections
        self.data_sources = data_sources
        self.refresh = refresh
        self.stale_since = stale_since
        self.include_archived = include_archived
        self.parameters = parameters
        self.max_runs = max_runs
        # Hides a method of the base class that nothing calls; the argument's name is worth it.
        self.dry_run = dry_run  # type: ignore[method-assign, assignment]
        self.endpoint = endpoint
        self.max_concurrent_runs = max_concurrent_runs
        self.wait_for_completion = wait_for_completion
        self.timeout = timeout
        self.check_interval = check_interval
        self.deferrable = deferrable
        self.failure = failure
        self.max_failed = max_failed
        self.cancel_on_kill = cancel_on_kill
        self.annotate = annotate
        self.mode_conn_id = mode_conn_id
        self.catalog_conn_id = catalog_conn_id
        self._switch: KillSwitch | None = None
        self._skipped = 0
        self._lineage: dict[str, Any] = {}

    @cached_property
    def hook(self) -> ModeHook:
        """The hook of the connection."""
        return ModeHook(self.mode_conn_id)

    @job("refresh", lambda self: f"Refreshing Mode's {self.refresh} by {self.mode_conn_id}.")
    def execute(self, context: Context) -> dict[str, Any]:
        """Start what is needed, and wait for it unless told otherwise."""
        begun = time.time()
        self._switch = switch = KillSwitch()
        with airflow_errors():
            policy, selection = self._policy(), self._selection()
            if selection.empty and policy.refresh != ENDPOINT:
                raise AirflowSkipException(
                    "There is nothing to refresh: nothing was selected. Give reports, datasets, collections "
                    "or data_sources. For the ready DAGs they stand in the form, and in Airflow's section "
                    "[mode_catalog] as reports, datasets, refresh_collections and refresh_data_sources."
                )
            with killable_client(self.hook, switch, cancel=policy.cancel_on_kill) as client:
                if policy.refresh == ENDPOINT:
                    return call_endpoint(client, policy)
                if policy.refresh == SCHEMA:
                    return self._judge(
                        context, policy, update_connections(context, client, policy, selection, switch)
                    )
                memory = TryMemory(context, _MEMORY)
                progress, self._skipped = plan_runs(context, client, policy, selection, memory.load())
                if policy.dry_run:
                    return result_of(progress, skipped=self._skipped)
                return self._go_on(context, client, policy, switch, progress, begun + policy.timeout, memory)

    @job("refresh", lambda self: "Looking at the Mode runs again.")
    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger saw something happen; it is looked at once more here."""
        self._switch = switch = KillSwitch()
        with airflow_errors():
            match event:
                case {
                    "status": "changed" | "timeout" | "error" as status,
                    "message": str(message),
                    "progress": list(carried),
                    "deadline": int() | float() as deadline,
                }:
                    self.log.info(message)
                case _:
                    raise ConfigurationError(f"The trigger sent an event that is not understood: {event!r}.")
            if status == "timeout":
                # By the triggerer's clock; this machine's may be behind, and would wait on and on.
                deadline = min(deadline, time.time())
            policy = self._policy()
            progress = self._known(context, (event or {}).get("kept_in"), carried)
            memory = TryMemory(context, _MEMORY, known=memory_of(progress))
            with killable_client(self.hook, switch, cancel=policy.cancel_on_kill) as client:
                return self._go_on(context, client, policy, switch, progress, deadline, memory)

    def _known(self, context: Context, kept_in: str | None, carried: list[dict[str, Any]]) -> list[Progress]:
        """What was known before the wait: what the trigger carried, or more than that."""
        ti: Any = context["ti"]
        so_far: dict[str, Any] = {}
        if kept_in is not None:
            so_far = ti.xcom_pull(task_ids=ti.task_id, key=kept_in, map_indexes=ti.map_index) or {}
        self._skipped = so_far.get("skipped", 0)
        return from_json(so_far.get("progress", carried))

    def _policy(self) -> RefreshPolicy:
        return RefreshPolicy.of(
            refresh=self.refresh,
            failure=self.failure,
            max_concurrent_runs=self.max_concurrent_runs,
            max_runs=self.max_runs,
            max_failed=self.max_failed,
            wait_for_completion=self.wait_for_completion,
            dry_run=self.dry_run,  # type: ignore[arg-type]
            cancel_on_kill=self.cancel_on_kill,
            annotate=self.annotate,
            timeout=self.timeout,
            execution_timeout=self.execution_timeout,
            check_interval=self.check_interval,
            parameters=self.parameters,
            endpoint=self.endpoint,
        )

    def _selection(self) -> Selection:
        return selection_of(
            refresh=self.refresh,
            reports=self.reports,
            datasets=self.datasets,
            collections=self.collections,
            data_sources=self.data_sources,
            include_archived=self.include_archived,
            stale_since=self.stale_since,
            catalog_conn_id=self.catalog_conn_id,
        )

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return what was read and written; called by Airflow's OpenLineage provider, on failure as well."""
        from mode_catalog_provider.tasks import lineage

        return lineage.of_refresh(**self._lineage) if self._lineage else None

    def on_kill(self) -> None:
        """Stop working, and cancel the runs that this task started."""
        if self._switch is not None:
            self._switch.pull()

    def _go_on(
        self,
        context: Context,
        client: ModeClient,
        policy: RefreshPolicy,
        switch: KillSwitch,
        progress: list[Progress],
        deadline: float,
        memory: TryMemory,
    ) -> dict[str, Any]:
        refresh = Refresh(
            client=client,
            progress=progress,
            limit=policy.limit,
            parameters=policy.parameters,
            remember=memory.save,
            sleep=switch.sleep,
        )
        switch.started = lambda: refresh.started_runs
        news = RefreshNews()
        while True:
            try:
                refresh.step()
            finally:
                publish_runs(context, client, refresh.progress)
                self._lineage = {
                    "host": client.host,
                    "workspace": client.workspace,
                    "runs": [
                        {"target": one.target, "run": one.run and one.run.rpartition("/")[2]}
                        for one in refresh.progress
                        if one.good
                    ],
                }
                news.tell(refresh.progress)
            if refresh.over or not policy.wait:
                break
            left = deadline - time.time()
            if left <= 0:
                refresh.give_up("when the time allowed was over", cancel=switch.cancel)
                break
            if self.deferrable:
                switch.check()
                self._wait_in_triggerer(context, policy, refresh, deadline)
            switch.sleep(min(left, policy.check_interval))
        result = result_of(refresh.progress, skipped=self._skipped)
        if policy.annotate:
            result["notes"] = write_notes(client, refresh.progress, switch, loaded=self._selection)
        try:
            judged = self._judge(context, policy, result)
        except RefreshFailedError:
            refresh.forget_failed()
            raise
        extra = refreshed(result, connection=self.mode_conn_id, workspace=client.workspace)
        announce(self, context, extra, true=policy.wait and not result["failed"])
        return judged

    def _wait_in_triggerer(
        self, context: Context, policy: RefreshPolicy, refresh: Refresh, deadline: float
    ) -> None:
        self.log.info("Waiting for %s Mode runs.", len(refresh.in_flight))
        # The trigger gets what it watches: its arguments are stored in a column of 64 kB on MySQL.
        more_is_known = self._skipped or len(refresh.progress) > len(refresh.in_flight)
        if more_is_known:
            so_far = {"progress": to_json(refresh.progress), "skipped": self._skipped}
            context["ti"].xcom_push(key=_SO_FAR, value=so_far)
        defer_until(
            deadline,
            self,
            trigger=ModeRunsTrigger(
                mode_conn_id=self.mode_conn_id,
                progress=to_json(refresh.in_flight),
                each=refresh.each_end_counts,
                deadline=deadline,
                check_interval=policy.check_interval,
                cancel_on_kill=policy.cancel_on_kill,
                kept_in=_SO_FAR if more_is_known else None,
            ),
            method_name="execute_complete",
        )

    def _judge(self, context: Context, policy: RefreshPolicy, result: dict[str, Any]) -> dict[str, Any]:
        for metric, key in _FIGURES:
            metrics.gauge(metric, result[key])
        sentence = failure_sentence(result, failure=policy.failure, max_failed=policy.max_failed)
        if sentence is not None:
            if self.do_xcom_push:
                context["ti"].xcom_push(key="return_value", value=result)
            raise RefreshFailedError(sentence, result=result)
        self.log.info(
            "%s refreshes: %s runs started, %s joined, %s failed; %s needed none.",
            *(len(result["runs"]), result["started"], result["joined"], result["failed"], result["skipped"]),
        )
        return result
