"""The snapshot that a task reads: the given one, or the newest of its workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.extract.folder import workspace_layout
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import Snapshot, open_or_adopt
from mode_catalog_provider.tasks.rendered import given_manifest, rendered, rendered_path
from mode_catalog_provider.tasks.request_meter import metered


def needs_a_place(manifest: object, output_dir: str | None) -> None:
    """Refuse, when the DAG is parsed, an operator that was told neither of the two places.

    :raises ValueError: both are ``None``.
    """
    if manifest is None and output_dir is None:
        raise ValueError("Give manifest or output_dir.")


def given_or_newest(
    manifest: Mapping[str, Any] | str | None,
    *,
    output_dir: str | None,
    output_conn_id: str | None,
    mode_conn_id: str,
    newest: Callable[[Layout, str], Snapshot],
) -> Snapshot:
    """Return the snapshot that a task reads.

    :param manifest: what :class:`~mode_catalog_provider.operators.extract.ModeExtractOperator` returned, or a
        path; empty: the newest one.
    :param output_dir: absolute path or object-store URL of the snapshots; needed without ``manifest``.
    :param output_conn_id: Airflow connection of the object store.
    :param mode_conn_id: connection that names the workspace whose newest snapshot is looked for; asked for
        only without ``manifest``.
    :param newest: finds it, from the layout of the workspace's folder and the workspace's name; raises what
        tells people what to do when there is none.
    :raises ConfigurationError: both places are empty when the task runs.
    """
    if manifest and rendered(manifest) is not None:
        return open_or_adopt(given_manifest(manifest, output_conn_id))
    if not output_dir or rendered(output_dir) is None:
        raise ConfigurationError("manifest is empty, and there is no output_dir to look into.")
    with metered(ModeHook(mode_conn_id).get_client()) as client:
        workspace, host = client.workspace, client.host
    home = rendered_path(output_dir, output_conn_id)
    return newest(workspace_layout(home, workspace=workspace, host=host), workspace)
