"""Where the snapshot lies that an earlier task made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.staging import staging_path
from mode_catalog_provider.storage import StoragePath
from mode_catalog_provider.tasks.rendered import rendered_mapping


def given_manifest(manifest: Mapping[str, Any] | str | None, output_conn_id: str | None) -> StoragePath:
    """Return the path of a manifest.

    :param manifest: what :class:`~mode_catalog_provider.operators.extract.ModeExtractOperator` returned, the
        text of that as Jinja renders it, or the path or URL itself.
    :param output_conn_id: Airflow connection of the object store; ``None``, or empty: the one in the URL.
    :raises ConfigurationError: it is neither.
    """
    location = manifest
    if not isinstance(location, str) or location.lstrip().startswith("{"):
        location = (rendered_mapping("manifest", location) or {}).get("manifest")
    if not isinstance(location, str):
        raise ConfigurationError(
            "manifest is neither what ModeExtractOperator returned nor the path of a manifest."
        )
    return staging_path(location, output_conn_id or None)
