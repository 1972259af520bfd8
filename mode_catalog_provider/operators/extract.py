"""Extract a Mode workspace into a snapshot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.airflow_errors import airflow_errors
from mode_catalog_provider.compat import Stats
from mode_catalog_provider.errors import CancelledError
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.links import ModeWorkspaceLink
from mode_catalog_provider.mode.client import ModeClient, web_url
from mode_catalog_provider.mode.extraction import Extraction
from mode_catalog_provider.mode.extraction_options import ExtractionOptions
from mode_catalog_provider.operators.held_lease import held_lease
from mode_catalog_provider.operators.rendered import rendered_number, rendered_truth, rendered_words
from mode_catalog_provider.snapshot.capture import CaptureResult, capture
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.staging import location_of, staging_path

log = logging.getLogger(__name__)


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
    :param incremental: read only what changed since the last snapshot, default ``False``.
    :param include_collections: names or tokens of the only collections to extract, default ``None``: all.
    :param exclude_collections: names or tokens of collections to leave out, default ``None``.
    :param include_personal: extract personal collections as well, default ``False``.
    :param include_archived: extract archived reports as well, default ``True``.
    :param members: ``full`` (default): with id and creation time, for one request per member; ``lite``:
        without them.
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
        "include_collections",
        "exclude_collections",
        "include_personal",
        "include_archived",
        "members",
        "lease",
        "keep",
    )
    operator_extra_links = (ModeWorkspaceLink(),)
    ui_color = "#d5e8f6"

    def __init__(
        self,
        *,
        output_dir: str,
        mode_conn_id: str = ModeHook.default_conn_name,
        output_conn_id: str | None = None,
        strategy: str = "auto",
        incremental: bool | str = False,
        include_collections: Sequence[str] | str | None = None,
        exclude_collections: Sequence[str] | str | None = None,
        include_personal: bool | str = False,
        include_archived: bool | str = True,
        members: str = "full",
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
        self.include_collections = include_collections
        self.exclude_collections = exclude_collections
        self.include_personal = include_personal
        self.include_archived = include_archived
        self.members = members
        self.lease = lease
        self.keep = keep
        self._client: ModeClient | None = None
        self._killed = False

    @cached_property
    def hook(self) -> ModeHook:
        """The hook, made when it is first used."""
        return ModeHook(self.mode_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Extract and stage.

        :return: ``{"manifest": path, "directory", "timestamp", "workspace", "strategy", "rows": {asset: n},
            "left_out": {asset: n}, "requests": n, "seconds": s}``.
        :raises AirflowFailException: when a retry cannot help: credentials, configuration, a lost lock.
        """
        with airflow_errors():
            options = self._options()
            keep = int(rendered_number("keep", self.keep or 0)) or None
            output_dir = staging_path(self.output_dir, self.output_conn_id or None)
            with self.hook.get_client() as client:
                self._client = client
                ModeWorkspaceLink().publish(context, web_url(client.host, client.workspace))
                with held_lease(self.lease, on_lost=client.cancel) as holds:
                    captured = capture(
                        client=client,
                        extraction=Extraction(client=client, options=options),
                        layout=Layout.nested(output_dir, client.workspace),
                        fence=lambda: self._may_finish(holds),
                        keep=keep,
                        log=log,
                    )
        result = _result(captured)
        self._report(captured, result)
        return result

    def on_kill(self) -> None:
        """Stop all requests; the task then ends by itself, without a snapshot."""
        self._killed = True
        if self._client is not None:
            self._client.cancel()

    def _may_finish(self, holds: Callable[[], None]) -> None:
        if self._killed:
            raise CancelledError("The task was told to stop; no snapshot was made.")
        holds()

    def _options(self) -> ExtractionOptions:
        return ExtractionOptions(
            strategy=self.strategy,  # type: ignore[arg-type]  # checked there
            incremental=rendered_truth("incremental", self.incremental),
            include_collections=rendered_words("include_collections", self.include_collections),
            exclude_collections=rendered_words("exclude_collections", self.exclude_collections),
            include_personal=rendered_truth("include_personal", self.include_personal),
            include_archived=rendered_truth("include_archived", self.include_archived),
            members=self.members,  # type: ignore[arg-type]  # checked there
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
            Stats.gauge("mode_catalog.extract.rows", count, tags={"asset": asset})
            Stats.gauge("mode_catalog.extract.left_out", left_out[asset], tags={"asset": asset})
        Stats.gauge("mode_catalog.extract.requests", result["requests"])
        Stats.gauge("mode_catalog.extract.throttled_seconds", captured.manifest.figures["throttled_seconds"])
        Stats.timing("mode_catalog.extract.duration", result["seconds"] * 1000)


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
