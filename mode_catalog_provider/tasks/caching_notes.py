"""The caching notes of a refresh task: written when its runs are over, and never its failure."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.refresh.annotation import annotate
from mode_catalog_provider.refresh.progress import Progress
from mode_catalog_provider.refresh.targets import Selection
from mode_catalog_provider.tasks.kill_switch import KillSwitch
from mode_catalog_provider.tasks.refresh_plan import SHOWN

log = logging.getLogger(__name__)


def write_notes(
    client: ModeClient, progress: list[Progress], switch: KillSwitch, *, loaded: Callable[[], Selection]
) -> list[dict[str, Any]]:
    """Write the notes of what was refreshed.

    :param loaded: the selection of the task, whose ``stale_since`` says when the warehouse was loaded; may
        ask Catalog. A load that nobody can tell is left out of the notes.
    :return: the first 200, as JSON.
    """
    try:
        loaded_at = loaded().stale_since
    except ModeCatalogError as error:
        log.warning("The caching notes do not speak of the warehouse load: %s", error)
        loaded_at = None
    notes = annotate(client, progress, loaded_at=loaded_at, sleep=switch.sleep)
    return [note.to_json() for note in notes[:SHOWN]]
