"""Push a snapshot to Coalesce Catalog."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import timedelta
from functools import cached_property
from typing import Any, NoReturn

from airflow.sdk import BaseNotifier, BaseOperator, Context

from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.catalog.last_push import last_push
from mode_catalog_provider.catalog.push import PushResult, push_snapshot
from mode_catalog_provider.catalog.push_files import push_file, push_folder
from mode_catalog_provider.catalog.push_record import AcceptedShrink
from mode_catalog_provider.catalog.push_target import source_check
from mode_catalog_provider.errors import ConfigurationError, SnapshotShrunkError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.snapshot.layout import StoragePath
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot, open_to_upload
from mode_catalog_provider.storage import location_of
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.announcement import announce, fed
from mode_catalog_provider.tasks.compat import AirflowFailException, await_answer
from mode_catalog_provider.tasks.durations import length_of_time
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.held_lease import give_back, held_lease, retaken_lease, was_given_back
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.links import CatalogSourceLink, ExtractionLink
from mode_catalog_provider.tasks.rendered import (
    given_manifest,
    rendered,
    rendered_number,
    rendered_path,
    rendered_truth,
)
from mode_catalog_provider.tasks.request_meter import metered
from mode_catalog_provider.tasks.shrink_question import APPROVE, REJECT, ShrinkQuestion, accepted_by
from mode_catalog_provider.tasks.sync_summary import (
    COMPLETED_AT,
    SUMMARY,
    SUMMARY_MARKDOWN,
    as_markdown,
    as_table,
    sync_summary,
)

#: XComs of a task that asked whether it may upload a smaller snapshot: the question, and the consent.
QUESTION, CONSENT = "shrink_question", "shrink_consent"


class CatalogUploadOperator(BaseOperator):
    """Push one snapshot to the Mode source in Catalog, after checking all of it.

    Refused, before anything is sent: a set that is incomplete, altered, stale, of another workspace than the
    source was fed with, or with far fewer rows than the last push; and a source that Catalog does not know. A
    task that is tried again goes on where it stopped and sends no file twice. With
    ``outlets=[when_true(catalog_fed())]`` (:mod:`mode_catalog_provider.assets`) an asset is emitted when
    Catalog was fed.

    Give exactly one of ``manifest``, ``directory_path`` and ``file_path``. All arguments are templated.

    :param manifest: what :class:`~mode_catalog_provider.operators.extract.ModeExtractOperator` returned, or
        the path or URL of a manifest.
    :param directory_path: folder of one snapshot; one without a manifest, made by the vendor's extractor, is
        accepted when its newest set is complete. With another ``file_type`` than ``VIZ``: every ``.csv`` and
        ``.json`` file in it.
    :param file_path: a single file, pushed as it is.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, default ``coalesce_catalog_default``.
    :param source_id: UUID of the source in Catalog, default ``None``: the connection's.
    :param zone: ``EU`` or ``US``, default ``None``: the connection's.
    :param file_type: ``VIZ`` (default) for everything that Mode gives.
    :param max_shrink: share of an asset's rows that may be missing against the last push, default 0.3.
    :param accept_shrink: push even so, default ``False``.
    :param approve_shrink: what to do when a snapshot is refused for that. ``fail`` (default), or ``ask``: the
        task shows under "Required Actions" in the UI, with rows before and after and the names of what
        disappears, and goes on when somebody approves. It waits without a worker and without the lock, and
        checks everything again afterwards.
    :param approval_timeout: how long to wait for the answer, and then for the lock, default 12 hours each;
        then the task fails. Not templated.
    :param approval_notifiers: notifiers that are called with the task's context when the question is put, so
        that somebody looks; XCom ``shrink_question`` of the task has its ``subject`` and ``body`` (Markdown).
        Default: none. Not templated.
    :param source_check: what to do when Catalog's API cannot be asked whether the source is right
        (unreachable, failing, its token refused): ``warn`` (default) and go on, for the files go to another
        host; ``require``: fail. What Catalog says clearly (no such source, deleted, not Mode's) always fails.
    :param dry_run: check everything, send nothing; default ``False``.
    :param lease: what the task that acquired the run lock returned, default ``None``: work without a lock.
        The lease is renewed while the task works, and each file is sent only while it is held.
    :param output_conn_id: Airflow connection of the object store that holds the snapshot, default ``None``;
        not needed with what the extracting task returned.
    """

    template_fields: Sequence[str] = (
        "manifest",
        "directory_path",
        "file_path",
        "catalog_conn_id",
        "source_id",
        "zone",
        "file_type",
        "max_shrink",
        "accept_shrink",
        "approve_shrink",
        "source_check",
        "dry_run",
        "lease",
        "output_conn_id",
    )
    operator_extra_links = (CatalogSourceLink(), ExtractionLink())
    ui_color = "#e3f1dc"

    def __init__(
        self,
        *,
        manifest: Mapping[str, Any] | str | None = None,
        directory_path: str | None = None,
        file_path: str | None = None,
        catalog_conn_id: str = CatalogHook.default_conn_name,
        source_id: str | None = None,
        zone: str | None = None,
        file_type: str = "VIZ",
        max_shrink: float | str = 0.3,
        accept_shrink: bool | str = False,
        approve_shrink: str = "fail",
        approval_timeout: timedelta = timedelta(hours=12),
        approval_notifiers: Sequence[BaseNotifier] = (),
        source_check: str = "warn",
        dry_run: bool | str = False,
        lease: Mapping[str, Any] | str | None = None,
        output_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sum(given is not None for given in (manifest, directory_path, file_path)) != 1:
            raise ValueError("Give exactly one of manifest, directory_path and file_path.")
        self.manifest = manifest
        self.directory_path = directory_path
        self.file_path = file_path
        self.catalog_conn_id = catalog_conn_id
        self.source_id = source_id
        self.zone = zone
        self.file_type = file_type
        self.max_shrink = max_shrink
        self.accept_shrink = accept_shrink
        self.approve_shrink = approve_shrink
        self.approval_timeout = length_of_time("approval_timeout", approval_timeout)
        self.approval_notifiers = approval_notifiers
        self.source_check = source_check
        # Hides a method of the base class that nothing calls; the argument's name is worth it.
        self.dry_run = dry_run  # type: ignore[method-assign, assignment]
        self.lease = lease
        self.output_conn_id = output_conn_id
        self._clients: tuple[CatalogIngest | CatalogApi, ...] = ()
        self._lineage: dict[str, Any] = {}
        self._summary: Mapping[str, Any] = {}

    @cached_property
    def hook(self) -> CatalogHook:
        """The hook, made when it is first used."""
        return CatalogHook(self.catalog_conn_id)

    @job("upload", lambda self: f"Uploading to Catalog by {self.catalog_conn_id}.")
    def execute(self, context: Context) -> dict[str, Any]:
        """Check and push.

        :return: ``{"source_id", "snapshot", "pushed": [names], "already_there": [names], "bytes",
            "seconds"}``. Of a snapshot also, as XComs of their own, ``summary`` (rows, change against the
            last push, left-out objects, requests, seconds), ``summary_markdown``, and ``completed_at``, the
            time (ISO, UTC) from which Catalog holds all of it.
        :raises AirflowFailException: when a retry cannot help: set, token or source are refused.
        """
        with airflow_errors(context):
            if self.approve_shrink not in ("fail", "ask"):
                raise ConfigurationError(f"approve_shrink is 'fail' or 'ask', not {self.approve_shrink!r}.")
            source_check(self.source_check)
            if self.approve_shrink == "ask" and was_given_back(self.lease):
                # An earlier try of this task asked, and the answer is in the push record.
                return self._upload(context, self._retaken(context))
            return self._upload(context, held_lease(self.lease, on_lost=self.on_kill))

    @job("upload", lambda self: "Going on after the question about a smaller snapshot.")
    def answered(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the question was answered, or end."""
        with airflow_errors(context):
            question = self._own_xcom(context, QUESTION)
            try:
                consent = accepted_by(event, since=question["since"], timestamp=question["snapshot"])
            except AirflowFailException as error:
                self._close_question(str(error))
                raise
            self.log.info("%s approved the upload of snapshot %s.", consent.by, question["snapshot"])
            context["ti"].xcom_push(key=CONSENT, value=asdict(consent))
            return self._upload(context, self._retaken(context), consent)

    @job("upload", lambda self: "Taking the lock again for the upload that was approved.")
    def lock_seen(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Try to take the lock again after the trigger saw something."""
        with airflow_errors(context):
            consent = self._own_xcom(context, CONSENT)
            return self._upload(
                context, self._retaken(context, event), AcceptedShrink(**consent) if consent else None
            )

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return what was read and written; called by Airflow's OpenLineage provider, on failure as well."""
        from mode_catalog_provider.tasks import lineage

        return lineage.of_upload(**self._lineage) if self._lineage else None

    def on_kill(self) -> None:
        """Stop sending; the task then ends by itself, and a later try goes on from there."""
        for client in self._clients:
            client.cancel()

    def _upload(
        self,
        context: Context,
        lease: AbstractContextManager[Callable[[], None]],
        consent: AcceptedShrink | None = None,
    ) -> dict[str, Any]:
        try:
            with (
                metered(
                    self.hook.get_ingest(
                        source_id=rendered(self.source_id), zone=rendered(self.zone), file_type=self.file_type
                    )
                ) as ingest,
                metered(self.hook.get_api(zone=rendered(self.zone))) as api,
            ):
                self._clients = (ingest, api)
                self._lineage = {
                    "api_url": api.zone.api_url,
                    "source_id": ingest.source_id,
                    "directory": None,
                    "pushed": False,
                }
                CatalogSourceLink().publish(context, api.zone.app_url)
                self._lead_to_extraction(context)
                with lease as fence:
                    result = self._push(context, ingest, api, fence, consent)
        except SnapshotShrunkError as error:
            if self.approve_shrink != "ask" or rendered_truth("dry_run", self.dry_run):  # type: ignore[arg-type]
                raise
            self._ask(context, error)
        self._report(result)
        dry_run = rendered_truth("dry_run", self.dry_run)  # type: ignore[arg-type]
        announce(self, context, fed(result, self._summary, dry_run=dry_run), true=not dry_run)
        return result.to_json()

    def _ask(self, context: Context, error: SnapshotShrunkError) -> NoReturn:
        snapshot = self._snapshot()
        question = ShrinkQuestion.about(snapshot, self.hook.source_id(rendered(self.source_id)), error)
        asked = {**asdict(question), "since": error.since, "snapshot": snapshot.manifest.timestamp}
        context["ti"].xcom_push(key=QUESTION, value=asked)
        self.log.warning(
            'Asking under "Required Actions" whether to go on, for %s: %s', self.approval_timeout, error
        )
        for notifier in self.approval_notifiers:
            notifier(context)
        give_back(self.lease)
        await_answer(
            self,
            context,
            subject=question.subject,
            body=question.body,
            options=(APPROVE, REJECT),
            timeout=self.approval_timeout,
            method_name="answered",
        )

    def _close_question(self, why: str) -> None:
        # So that runs that wait for the same answer end as well.
        snapshot = self._snapshot()
        record = push_record.record_path(snapshot, self.hook.source_id(rendered(self.source_id)))
        push_record.close_question(record, why)

    def _retaken(
        self, context: Context, event: Mapping[str, Any] | None = None
    ) -> AbstractContextManager[Callable[[], None]]:
        return retaken_lease(
            self,
            context,
            self.lease,
            timeout=self.approval_timeout,
            event=event,
            method_name="lock_seen",
            on_lost=self.on_kill,
        )

    def _lead_to_extraction(self, context: Context) -> None:
        ti: Any = context.get("ti")
        if ti is None or self.get_dag() is None:
            return
        for task in self.upstream_list:
            if isinstance(task, ModeExtractOperator):
                # What follows the task's own id, as in tasks/upload/mapped/1, is not the extraction's.
                page = f"{ti.log_url.partition('?')[0].rpartition('/tasks/')[0]}/tasks/{task.task_id}"
                ExtractionLink().publish(context, page)

    def _own_xcom(self, context: Context, key: str) -> Any:
        ti: Any = context["ti"]
        return ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index)

    def _push(
        self,
        context: Context,
        ingest: CatalogIngest,
        api: CatalogApi,
        fence: Callable[[], None],
        consent: AcceptedShrink | None,
    ) -> PushResult:
        dry_run = rendered_truth("dry_run", self.dry_run)  # type: ignore[arg-type]
        if self.file_path is not None:
            return push_file(
                path=self._path(self.file_path),
                ingest=ingest,
                api=api,
                source_check=source_check(self.source_check),
                dry_run=dry_run,
                fence=fence,
            )
        if self.directory_path is not None and ingest.file_type != "VIZ":
            return push_folder(
                folder=self._path(self.directory_path),
                ingest=ingest,
                api=api,
                source_check=source_check(self.source_check),
                dry_run=dry_run,
                fence=fence,
            )
        snapshot = self._snapshot()
        self._lineage |= {
            "directory": location_of(snapshot.directory),
            "files": [entry.to_json() for entry in snapshot.manifest.files],
            "snapshot": snapshot.manifest.timestamp,
        }
        before = last_push(snapshot, ingest.source_id)
        result = push_snapshot(
            snapshot=snapshot,
            ingest=ingest,
            api=api,
            max_shrink=rendered_number("max_shrink", self.max_shrink),
            accept_shrink=rendered_truth("accept_shrink", self.accept_shrink),
            accepted=consent,
            asking_for=self._asking_for(),
            source_check=source_check(self.source_check),
            dry_run=dry_run,
            fence=fence,
        )
        self._lineage["pushed"] = not dry_run
        summary = sync_summary(snapshot.manifest, before[1].rows if before else None, result, dry_run=dry_run)
        self._summary = summary
        self.log.info("Workspace '%s':\n%s", summary["workspace"], as_table(summary))
        if ti := context.get("ti"):
            ti.xcom_push(key=SUMMARY, value=summary)
            ti.xcom_push(key=SUMMARY_MARKDOWN, value=as_markdown(summary))
            if result.completed_at is not None:
                ti.xcom_push(key=COMPLETED_AT, value=result.completed_at)
        return result

    def _asking_for(self) -> timedelta | None:
        # After the answer the task waits for the lock, as long again, and then it works.
        return self.approval_timeout * 2 + timedelta(hours=1) if self.approve_shrink == "ask" else None

    def _snapshot(self) -> Snapshot:
        if self.directory_path is not None:
            return open_to_upload(self._path(self.directory_path))
        return open_snapshot(given_manifest(self.manifest, self.output_conn_id))

    def _path(self, location: str) -> StoragePath:
        return rendered_path(location, self.output_conn_id)

    def _report(self, result: PushResult) -> None:
        lines = [f"  sent           {name}" for name in result.pushed]
        lines += [f"  already there  {name}" for name in result.already_there]
        self.log.info(
            "Catalog source %s, snapshot %s, %d bytes in %.1f s:\n%s",
            result.source_id,
            result.snapshot,
            result.bytes,
            result.seconds,
            "\n".join(lines) or "  nothing sent",
        )
        metrics.gauge(metrics.UPLOAD_FILES, len(result.pushed))
        metrics.gauge(metrics.UPLOAD_BYTES, result.bytes)
        metrics.timing(metrics.UPLOAD_DURATION, result.seconds)
        if self.file_path is None and not rendered_truth("dry_run", self.dry_run):  # type: ignore[arg-type]
            metrics.gauge(metrics.FED_AT, int(time.time()))
            metrics.gauge(metrics.FED_AGE, 0)
