"""Extract a Mode workspace into a snapshot."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, NoReturn

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.catalog.coverage import Coverage, covering_snapshot
from mode_catalog_provider.errors import (
    CancelledError,
    ConfigurationError,
    ModeCatalogError,
)
from mode_catalog_provider.extract.capture import CaptureResult, capture
from mode_catalog_provider.extract.extraction import Extraction
from mode_catalog_provider.extract.folder import workspace_layout
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.sight import on_forbidden
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.hosts import web_url
from mode_catalog_provider.moments import parsed, spoken
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.storage import location_of
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowFailException, AirflowSkipException
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.held_lease import give_back, held_lease
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.lineage_switch import tell_reports_of
from mode_catalog_provider.tasks.links import ModeCulpritLink, ModeWorkspaceLink
from mode_catalog_provider.tasks.rendered import (
    rendered,
    rendered_count,
    rendered_days,
    rendered_mapping,
    rendered_path,
    rendered_truth,
    rendered_words,
)
from mode_catalog_provider.tasks.request_meter import metered
from mode_catalog_provider.tasks.run_requests import this_run, waiting_runs

log = logging.getLogger(__name__)

#: XCom of a run that was skipped because it is covered: the snapshot's timestamp, and the lease under which
#: that was decided.
COVERED_BY = "covered_by"

#: How often a run that waits for the answer to a question looks whether it was given.
LOOK_AGAIN = timedelta(minutes=1)

#: Where a message names an object that has a page in Mode: its path is the same there.
_CULPRIT = re.compile(r"\b(reports|datasets|spaces)/(\w+)")


class ModeExtractOperator(BaseOperator):
    """Write one complete snapshot of a Mode workspace, or none.

    The files go to ``{output_dir}/{workspace}/{timestamp}/``, the manifest last. Objects that Mode refuses
    to show, or that vanish meanwhile, are left out and listed in the manifest; every other failure fails the
    task and leaves nothing behind that could be taken for a snapshot.

    :param output_dir: absolute path or object-store URL that the uploading worker sees as well. Templated, as
        is every other argument.
    :param mode_conn_id: connection of type ``mode``, default ``mode_default``.
    :param output_conn_id: Airflow connection of the object store, default ``None``.
    :param strategy: ``auto`` (default), ``rest`` or ``hybrid``.
    :param incremental: take the queries of unchanged reports, and known members, from the last complete
        snapshot in ``output_dir`` instead of reading them again, default ``False``.
    :param full_refresh_after: what was read so long ago is read again all the same; a ``timedelta`` or a
        number of days, default 7 days.
    :param resume: whether an extraction goes on from what one that died has read at most a day ago in
        ``output_dir``, as far as it has not changed, and keeps for the next one what it reads itself, default
        ``True``. The next try of this task, on whichever worker, needs only what was not read yet.
    :param include_collections: names or tokens of the only collections to extract, default ``None``: all.
    :param exclude_collections: names or tokens of collections to leave out, default ``None``.
    :param include_personal: extract personal collections as well, default ``False``.
    :param include_archived: extract archived reports as well, default ``True``.
    :param include_datasets: extract datasets as well, as reports of type ``DatasetReport``, default ``True``.
    :param members: ``full`` (default): with id and creation time, for one request per member; ``lite``:
        without them.
    :param definitions: what becomes of Mode definitions in queries (``{{ @name as alias }}``). ``keep``
        (default): they stay as they were written; ``expand``: their SQL takes the place of their names, as
        when Mode runs the query, so that Catalog can draw lineage; costs one request.
    :param on_forbidden: what to do when Mode refuses (403) objects that it did not refuse at the last
        complete snapshot, or does not show connections or collections any more that it showed there, however
        it hides them: ``ignore``, ``warn`` (default), or ``fail``: make no snapshot.
    :param on_covered: what to do when this run was queued before a snapshot was begun that holds the same and
        was pushed since. ``run`` (default): extract all the same; ``skip``: skip this task, and with it what
        depends on it, and name that snapshot in the log and in the XCom ``covered_by``. Decide it under the
        run lock, and give all runs the same ``output_dir``. When the upload of that snapshot was refused
        because it had shrunk, this run fails at once with the same reason: another would be refused as well.
    :param accept_shrink: whether the upload of this run accepts a smaller snapshot, default ``False``; then
        one that was refused covers nothing.
    :param approve_shrink: whether the upload of this run asks a person about a smaller snapshot (``ask``):
        then one that was refused covers nothing either. Default ``fail``. While a person is being asked
        about a snapshot that covers this run, this task gives the lock back, waits for the answer without a
        worker, and ends as the run that asked: skipped when it was uploaded, failed when it was not.
    :param catalog_conn_id: connection of type ``coalesce_catalog`` that names the source whose pushes count
        for ``on_covered``, default ``coalesce_catalog_default``.
    :param source_id: UUID of that source, default ``None``: the connection's.
    :param lease: what the task that acquired the run lock returned, default ``None``: work without a lock.
        The lease is renewed while the task works, and the manifest is written only while it is held.
    :param keep: how many complete snapshots of the workspace stay; default ``None``, like 0, keeps all.
    """

    template_fields: Sequence[str] = (
        "output_dir",
        "mode_conn_id",
        "output_conn_id",
        "strategy",
        "incremental",
        "full_refresh_after",
        "resume",
        "include_collections",
        "exclude_collections",
        "include_personal",
        "include_archived",
        "include_datasets",
        "members",
        "definitions",
        "on_forbidden",
        "on_covered",
        "accept_shrink",
        "approve_shrink",
        "catalog_conn_id",
        "source_id",
        "lease",
        "keep",
    )
    operator_extra_links = (ModeWorkspaceLink(), ModeCulpritLink())
    ui_color = "#d5e8f6"

    def __init__(
        self,
        *,
        output_dir: str,
        mode_conn_id: str = ModeHook.default_conn_name,
        output_conn_id: str | None = None,
        strategy: str = "auto",
        incremental: bool | str = False,
        full_refresh_after: timedelta | float | str = timedelta(days=7),
        resume: bool | str = True,
        include_collections: Sequence[str] | str | None = None,
        exclude_collections: Sequence[str] | str | None = None,
        include_personal: bool | str = False,
        include_archived: bool | str = True,
        include_datasets: bool | str = True,
        members: str = "full",
        definitions: str = "keep",
        on_forbidden: str = "warn",
        on_covered: str = "run",
        accept_shrink: bool | str = False,
        approve_shrink: str = "fail",
        catalog_conn_id: str = CatalogHook.default_conn_name,
        source_id: str | None = None,
        lease: Mapping[str, Any] | str | None = None,
        keep: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_dir = output_dir
        self.mode_conn_id = mode_conn_id
        self.output_conn_id = output_conn_id
        self.strategy = strategy
        self.incremental = incremental
        self.full_refresh_after = full_refresh_after
        self.resume = resume
        self.include_collections = include_collections
        self.exclude_collections = exclude_collections
        self.include_personal = include_personal
        self.include_archived = include_archived
        self.include_datasets = include_datasets
        self.members = members
        self.definitions = definitions
        self.on_forbidden = on_forbidden
        self.on_covered = on_covered
        self.accept_shrink = accept_shrink
        self.approve_shrink = approve_shrink
        self.catalog_conn_id = catalog_conn_id
        self.source_id = source_id
        self.lease = lease
        self.keep = keep
        self._client: ModeClient | None = None
        self._killed = False
        self._lineage: dict[str, Any] = {}

    @cached_property
    def hook(self) -> ModeHook:
        """The hook, made when it is first used."""
        return ModeHook(self.mode_conn_id)

    @job("extract", lambda self: f"Extracting the workspace of {self.mode_conn_id} to {self.output_dir}.")
    def execute(self, context: Context) -> dict[str, Any]:
        """Extract and stage.

        :return: ``{"manifest": path, "directory", "timestamp", "workspace", "strategy", "rows": {asset: n},
            "left_out": {asset: n}, "requests": n, "seconds": s}``.
        :raises AirflowSkipException: when the run is covered and ``on_covered`` is ``skip``.
        :raises AirflowFailException: when a retry cannot help: credentials, configuration, a lost lock.
        """
        with airflow_errors(context):
            options = self._options()
            if self.on_covered not in ("run", "skip"):
                raise ConfigurationError(f"on_covered is 'skip' or 'run', not {self.on_covered!r}.")
            react = on_forbidden(self.on_forbidden)
            given = rendered(self.keep)
            keep = rendered_count("keep", given or 0) or None
            output_dir = rendered_path(self.output_dir, self.output_conn_id)
            with metered(self.hook.get_client()) as client:
                self._client = client
                self._lineage = {"host": client.host, "workspace": client.workspace, "directory": None}
                ModeWorkspaceLink().publish(context, web_url(client.host, client.workspace))
                layout = workspace_layout(output_dir, workspace=client.workspace, host=client.host)
                coverage = self._coverage(context, layout, client.host, options)
                if coverage is not None and coverage.asked is not None:
                    give_back(self.lease)
                    self._wait_for_answer(coverage)
                with held_lease(self.lease, on_lost=client.cancel) as holds:
                    if coverage is not None:
                        self._skip_if_covered(context, coverage)
                    extraction = Extraction(client=client, options=options)
                    try:
                        captured = capture(
                            client=client,
                            extraction=extraction,
                            layout=layout,
                            fence=lambda: self._may_finish(holds),
                            answers=[run.to_json() for run in waiting_runs(context)],
                            keep=keep,
                            on_forbidden=react,
                            log=log,
                            on_news=_tell_progress,
                        )
                    except ModeCatalogError as error:
                        if (found := _CULPRIT.search(str(error))) is not None:
                            page = web_url(client.host, client.workspace, found[1], found[2])
                            ModeCulpritLink().publish(context, page)
                        raise
        result = _result(captured)
        self._lineage["directory"] = result["directory"]
        self._lineage["files"] = [entry.to_json() for entry in captured.manifest.files]
        self._report(captured, result)
        tell_reports_of(captured.manifest_path, self, context)
        return result

    @job("extract", lambda self: "Looking whether the question about a snapshot was answered.")
    def question_looked_at(self, context: Context, event: Any = None) -> None:
        """Look whether the question that this run waits for was answered, and end as the run that asked."""
        with airflow_errors(context):
            output_dir = rendered_path(self.output_dir, self.output_conn_id)
            with self.hook.get_client() as client:
                layout = workspace_layout(output_dir, workspace=client.workspace, host=client.host)
                coverage = self._coverage(context, layout, client.host, self._options())
            if coverage is not None and coverage.asked is not None:
                self._wait_for_answer(coverage)
            if coverage is not None:
                self._skip_if_covered(context, coverage)
            raise AirflowFailException(
                "Nothing was extracted: a person was being asked about a snapshot that answers this run too, "
                "and it was not uploaded. Clear this run to extract again."
            )

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return what was read and written; called by Airflow's OpenLineage provider, on failure as well."""
        from mode_catalog_provider.tasks import lineage

        return lineage.of_extraction(**self._lineage) if self._lineage else None

    def on_kill(self) -> None:
        """Stop all requests; the task then ends by itself, without a snapshot."""
        self._killed = True
        if self._client is not None:
            self._client.cancel()

    def _coverage(
        self, context: Context, layout: Layout, host: str, options: ExtractionOptions
    ) -> Coverage | None:
        run = this_run(context)
        if self.on_covered == "run" or run is None:
            return None
        return covering_snapshot(
            run,
            layout=layout,
            source_id=CatalogHook(self.catalog_conn_id).source_id(rendered(self.source_id)),
            host=host,
            options=options.to_json(),
            started_at=context["dag_run"].start_date,
        )

    def _wait_for_answer(self, coverage: Coverage) -> NoReturn:
        asked = coverage.asked
        self.log.info(
            "Snapshot %s answers this run too, and a person is being asked whether it may be uploaded. This "
            "run ends as that one does; looking again in %s.",
            coverage.manifest.timestamp,
            LOOK_AGAIN,
        )
        self.log.info("%s", asked.why if asked else "")
        self.defer(trigger=TimeDeltaTrigger(LOOK_AGAIN), method_name="question_looked_at")

    def _skip_if_covered(self, context: Context, coverage: Coverage) -> None:
        covering = coverage.manifest
        if coverage.refused is not None:
            self._fail_if_refused(covering.timestamp, coverage.refused)
            return
        lease = rendered_mapping("lease", self.lease) or {}
        # The lease tells this decision from one of an earlier life of the run.
        covered_by = {"timestamp": covering.timestamp, "lease": lease.get("token")}
        context["ti"].xcom_push(key=COVERED_BY, value=covered_by)
        metrics.count(metrics.EXTRACT_COVERED)
        begun = spoken(parsed(covering.started_at) or covering.timestamp)
        raise AirflowSkipException(
            f"Snapshot {covering.timestamp} of workspace '{covering.workspace}' covers this run: it was "
            f"begun at {begun}, when this run was queued already, and Catalog has it. A Mode "
            "snapshot is of now, so another would say the same. To extract anyway: on_covered='run'."
        )

    def _fail_if_refused(self, timestamp: int, refused: str) -> None:
        # Somebody else's refusal does not answer who accepts, or wants to be asked.
        if rendered_truth("accept_shrink", self.accept_shrink) or self.approve_shrink == "ask":
            return
        raise AirflowFailException(
            f"Nothing was extracted: snapshot {timestamp} was begun when this run was queued already, so it "
            f"answers this run too, and it was not uploaded, as the run that made it says. {refused} When "
            "that is mended, clear this run or backfill it again; to extract anyway: on_covered='run'."
        )

    def _may_finish(self, holds: Callable[[], None]) -> None:
        if self._killed:
            raise CancelledError("The task was told to stop; no snapshot was made.")
        holds()

    def _options(self) -> ExtractionOptions:
        return ExtractionOptions(
            strategy=self.strategy,  # type: ignore[arg-type]  # checked there
            incremental=rendered_truth("incremental", self.incremental),
            full_refresh_after=rendered_days("full_refresh_after", self.full_refresh_after),
            resume=rendered_truth("resume", self.resume, default=True),
            include_collections=rendered_words("include_collections", self.include_collections),
            exclude_collections=rendered_words("exclude_collections", self.exclude_collections),
            include_personal=rendered_truth("include_personal", self.include_personal),
            include_archived=rendered_truth("include_archived", self.include_archived, default=True),
            include_datasets=rendered_truth("include_datasets", self.include_datasets, default=True),
            members=self.members,  # type: ignore[arg-type]  # checked there
            definitions=self.definitions,  # type: ignore[arg-type]  # checked there
        )

    def _report(self, captured: CaptureResult, result: Mapping[str, Any]) -> None:
        rows, left_out = result["rows"], result["left_out"]
        lines = [f"{'asset':<12}{'rows':>10}{'left out':>10}"]
        lines += [f"{asset:<12}{count:>10}{left_out[asset]:>10}" for asset, count in rows.items()]
        self.log.info(
            "Snapshot %s of workspace '%s', %s requests in %.1f s:\n%s",
            result["manifest"],
            result["workspace"],
            result["requests"],
            result["seconds"],
            "\n".join(lines),
        )
        for asset, count in rows.items():
            metrics.gauge(metrics.EXTRACT_ROWS, count, asset=asset)
            metrics.gauge(metrics.EXTRACT_LEFT_OUT, left_out[asset], asset=asset)
        metrics.gauge(metrics.EXTRACT_NEWLY_FORBIDDEN, captured.newly_hidden)
        metrics.gauge(metrics.EXTRACT_REQUESTS, result["requests"])
        metrics.gauge(metrics.EXTRACT_THROTTLED, captured.manifest.figures["throttled_seconds"])
        metrics.timing(metrics.EXTRACT_DURATION, result["seconds"])


def _tell_progress(rows: Mapping[str, int]) -> None:
    for asset, count in rows.items():
        metrics.gauge(metrics.EXTRACT_PROGRESS, count, asset=asset)


def _result(captured: CaptureResult) -> dict[str, Any]:
    manifest = captured.manifest
    return {
        "manifest": location_of(captured.manifest_path),
        "directory": location_of(captured.directory),
        "timestamp": manifest.timestamp,
        "workspace": manifest.workspace,
        "strategy": manifest.strategy,
        "rows": dict(manifest.rows),
        "left_out": dict(manifest.left_out_counts),
        "requests": manifest.figures["requests"],
        "seconds": captured.seconds,
    }
