"""Tell what changed in Mode since an earlier snapshot."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.errors import SnapshotNotFoundError
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.hosts import web_url
from mode_catalog_provider.report.kept import keep_report
from mode_catalog_provider.snapshot.change_texts import SQL_LINES, as_markdown, log_lines, sql_difference
from mode_catalog_provider.snapshot.changes import Change
from mode_catalog_provider.snapshot.choice import (
    LATEST,
    PREVIOUS,
    chosen_snapshot,
    kept_snapshots,
    snapshots_beside,
)
from mode_catalog_provider.snapshot.diff import SnapshotDiff, since_previous
from mode_catalog_provider.snapshot.layout import parse_directory_name
from mode_catalog_provider.snapshot.reader import Snapshot, open_or_adopt
from mode_catalog_provider.storage import location_of
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowSkipException
from mode_catalog_provider.tasks.errors import WIDTH, airflow_errors
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.links import ModeWorkspaceLink, PageLink
from mode_catalog_provider.tasks.read_snapshot import given_or_newest, needs_a_place
from mode_catalog_provider.tasks.rendered import given_manifest, rendered, rendered_truth
from mode_catalog_provider.tasks.sync_summary import SUMMARY_MARKDOWN
from mode_catalog_provider.text import visible

#: Changes in XCom; the kept file has them all.
SHOWN = 50


class ModeSnapshotDiffOperator(BaseOperator):
    """Tell what changed between two snapshots of a Mode workspace: created, renamed, moved, SQL changed.

    Reads files only; Mode is not asked. What changed is kept in the workspace's folder of the staging area
    (``{timestamp}.changes``, JSON; the last 20), in the task's log, and as Markdown in XCom.

    :param manifest: the later snapshot: what
        :class:`~mode_catalog_provider.operators.extract.ModeExtractOperator` returned, or the path of a
        manifest or of a folder with one set of files. Default ``None``: the newest complete snapshot of the
        connection's workspace in ``output_dir``. Templated, as is every other argument.
    :param before: the earlier snapshot: ``"previous"`` (default: the last complete one before the later one),
        a timestamp, or a path as ``manifest``.
    :param output_dir: absolute path or object-store URL of the snapshots; needed without ``manifest``.
    :param mode_conn_id: connection of type ``mode`` that names the workspace, default ``mode_default``; asked
        for only without ``manifest``.
    :param output_conn_id: Airflow connection of the object store, default ``None``.
    :param soft_fail: skip the task, with the reason in its log, where the comparison cannot be made; default
        ``False``: fail. For a report that must not make a run fail.
    :param keep_report: write the report of the workspace, ``{timestamp}.report.html``, beside the snapshots;
        default ``False``. The last 20 stay. That it could not be written is a warning, and no failure.
    """

    template_fields: Sequence[str] = (
        "manifest",
        "before",
        "output_dir",
        "mode_conn_id",
        "output_conn_id",
        "soft_fail",
        "keep_report",
    )
    operator_extra_links = (ModeWorkspaceLink(), PageLink("changes"))
    ui_color = "#e3d5f6"

    def __init__(
        self,
        *,
        manifest: Mapping[str, Any] | str | None = None,
        before: Mapping[str, Any] | str | int = PREVIOUS,
        output_dir: str | None = None,
        mode_conn_id: str = ModeHook.default_conn_name,
        output_conn_id: str | None = None,
        soft_fail: bool | str = False,
        keep_report: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        needs_a_place(manifest, output_dir)
        self.manifest = manifest
        self.before = before
        self.output_dir = output_dir
        self.mode_conn_id = mode_conn_id
        self.output_conn_id = output_conn_id
        self.soft_fail = soft_fail
        self.keep_report = keep_report

    @job("changes", lambda self: "Comparing two snapshots.")
    def execute(self, context: Context) -> dict[str, Any]:
        """Compare.

        :return: ``{"snapshot": path of the later manifest, "changes": path of what is kept or None,
            "timestamp", "workspace", "compared_with": timestamp or None, "counts": {asset: {word: n}},
            "options": {filter: [before, after]}, "first": [changes, at most 50]}``; of a changed query
            ``first`` has the difference, not the texts. Under the key ``summary_markdown`` lies a short text.
            The first snapshot of all has nothing to be compared with, and that is no failure.
        :raises AirflowFailException: when a snapshot is gone or altered, or of another workspace.
        :raises AirflowSkipException: the same with ``soft_fail``.
        """
        with airflow_errors(context):
            try:
                return self._compared(context)
            except Exception as error:
                if not rendered_truth("soft_fail", self.soft_fail):
                    raise
                self.log.debug("Why nothing is told", exc_info=True)
                raise AirflowSkipException(
                    f"What changed cannot be told; nothing else depends on that. {error}"
                ) from error

    def _compared(self, context: Context) -> dict[str, Any]:
        after = self._after()
        try:
            return self._told(context, after)
        finally:
            self._keep_report(after)

    def _told(self, context: Context, after: Snapshot) -> dict[str, Any]:
        manifest = after.manifest
        if manifest.host and manifest.workspace:
            ModeWorkspaceLink().publish(context, web_url(manifest.host, manifest.workspace))
        result: dict[str, Any] = {
            "snapshot": location_of(after.place),
            "changes": None,
            "timestamp": manifest.timestamp,
            "workspace": manifest.workspace,
            "compared_with": None,
            "counts": {},
            "options": {},
            "first": [],
        }
        difference = self._difference(after)
        if difference is None:
            self.log.info(
                "Snapshot %s is the first one here: what changes is told from the next on.",
                manifest.timestamp,
            )
            return result
        with difference as diff:
            kept = diff.keep()
            for line in log_lines(diff):
                for part in textwrap.wrap(line, WIDTH, subsequent_indent="    ") or [""]:
                    self.log.info("%s", part)
            self._count(diff)
            if ti := context.get("ti"):
                ti.xcom_push(key=SUMMARY_MARKDOWN, value=as_markdown(diff))
            return {
                **result,
                "changes": kept and location_of(kept),
                "compared_with": diff.before.timestamp,
                "counts": diff.counts,
                "options": {name: list(values) for name, values in diff.options.items()},
                "first": list(_first(diff)),
            }

    def _keep_report(self, after: Snapshot) -> None:
        if not rendered_truth("keep_report", self.keep_report):
            return
        try:
            if (path := keep_report(after)) is not None:
                self.log.info("The report of the workspace is in %s", location_of(path))
        except Exception as error:
            # Nothing depends on it, whatever it is that a store or a record did.
            self.log.warning("The report of the workspace could not be kept: %s", error)

    def _after(self) -> Snapshot:
        return given_or_newest(
            self.manifest,
            output_dir=self.output_dir,
            output_conn_id=self.output_conn_id,
            mode_conn_id=self.mode_conn_id,
            newest=lambda layout, workspace: chosen_snapshot(LATEST, kept_snapshots(layout.home)),
        )

    def _difference(self, after: Snapshot) -> SnapshotDiff | None:
        before = rendered(self.before) or PREVIOUS
        if isinstance(before, str | int):
            # The timestamp of a snapshot, by a parameter of the DAG or native rendering.
            before = str(before).strip()
        if before != PREVIOUS and not (isinstance(before, str) and parse_directory_name(before) is not None):
            return SnapshotDiff(
                open_or_adopt(given_manifest(before, self.output_conn_id, name="before")), after
            )
        beside = snapshots_beside(after)
        timestamp = after.manifest.timestamp
        if before == PREVIOUS and not any(each < timestamp for each in beside):
            return None
        if not beside:
            raise SnapshotNotFoundError(f"There is no snapshot {visible(before)} beside {after.directory}.")
        if before == PREVIOUS:
            return since_previous(after, beside)
        return SnapshotDiff(chosen_snapshot(str(before), beside), after)

    def _count(self, diff: SnapshotDiff) -> None:
        for asset, words in diff.counts.items():
            metrics.gauge(metrics.CHANGES, sum(words.values()), asset=asset)


def _first(diff: SnapshotDiff) -> Iterator[dict[str, Any]]:
    for change in diff.changes(limit=SHOWN):
        yield _shown(change)


def _shown(change: Change) -> dict[str, Any]:
    document = change.to_json()
    if change.change == "sql_changed":
        # The whole texts are in the kept file; XCom is a row of a database.
        told = "\n".join(sql_difference(change, SQL_LINES))
        return {**document, "before": None, "after": None, "difference": told}
    values = {key: value for key, value in document.items() if isinstance(value, str)}
    return {**document, **{key: value[:500] for key, value in values.items()}}
