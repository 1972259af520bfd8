"""The refreshes that are not runs: schema updates, and the cache endpoint of a private installation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.refresh.endpoint import invalidate_cache
from mode_catalog_provider.refresh.progress import result_of
from mode_catalog_provider.refresh.schema_updates import update_schemas
from mode_catalog_provider.refresh.targets import Selection
from mode_catalog_provider.tasks.kill_switch import KillSwitch
from mode_catalog_provider.tasks.refresh_plan import plan_schema_updates
from mode_catalog_provider.tasks.refresh_policy import RefreshPolicy
from mode_catalog_provider.tasks.try_memory import TryMemory

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

# Never to be renamed: tasks in progress during an upgrade look for it.
_MEMORY = "mode_schema_updates"


def call_endpoint(client: ModeClient, policy: RefreshPolicy) -> dict[str, Any]:
    """Send the one POST, unless it is a dry run.

    :return: like :func:`~mode_catalog_provider.refresh.progress.result_of`, of nothing.
    """
    if policy.dry_run:
        log.info("Would send a POST to %s%s.", client.host, policy.endpoint)
    else:
        invalidate_cache(client, policy.endpoint, policy.parameters)
        log.info("%s accepted POST %s.", client.host, policy.endpoint)
    return result_of([])


def update_connections(
    context: Context, client: ModeClient, policy: RefreshPolicy, selection: Selection, switch: KillSwitch
) -> dict[str, Any]:
    """Ask for a schema update of each selected connection that no earlier try has asked for.

    :return: see :func:`~mode_catalog_provider.refresh.schema_updates.update_schemas`.
    """
    sources = plan_schema_updates(context, client, policy, selection)
    if policy.dry_run:
        return result_of([])
    memory = TryMemory(context, _MEMORY)
    return update_schemas(client, sources, memory=memory.load(), remember=memory.save, check=switch.check)
