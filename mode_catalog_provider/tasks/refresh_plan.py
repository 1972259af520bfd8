"""What a refresh is going to start, found out before it starts anything, and left where people see it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.hosts import web_url
from mode_catalog_provider.refresh.limit import refuse_more, refuse_too_many
from mode_catalog_provider.refresh.progress import Progress, plan
from mode_catalog_provider.refresh.refresh import goes_on
from mode_catalog_provider.refresh.targets import Row, Selection, find_data_sources, find_targets
from mode_catalog_provider.tasks.links import ModeRunLink
from mode_catalog_provider.tasks.refresh_policy import RefreshPolicy
from mode_catalog_provider.text import first_of

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

#: Entries of the XComs ``plan`` and ``runs``, and lines of the log, at most.
SHOWN = 200


def plan_runs(
    context: Context,
    client: ModeClient,
    policy: RefreshPolicy,
    selection: Selection,
    memory: Mapping[str, Any] | None,
) -> tuple[list[Progress], int]:
    """Find the reports and datasets to run; push the first of them, and why, as XCom ``plan``.

    :param memory: what an earlier try of the task has left.
    :return: what is to be run, and how much of the selection needs no run.
    :raises TooManyRunsError: it would start more than ``max_runs``; a dry run may.
    """
    begun = {path for path, known in (memory or {}).get("targets", {}).items() if known.get("run")}
    choices = find_targets(client, selection, begun=begun)
    # What is skipped may be a whole workspace; what runs comes first.
    shown = sorted(choices, key=lambda choice: not choice.run)[:SHOWN]
    context["ti"].xcom_push(key="plan", value=[choice.to_json() for choice in shown])
    for choice in shown:
        log.info("Plan: %s.", choice)
    if len(choices) > len(shown):
        log.info("Plan: and %s more.", len(choices) - len(shown))
    if not policy.dry_run:
        refuse_too_many(
            choices,
            max_runs=policy.max_runs,
            begun=begun,
            going_on=lambda target: goes_on(client, target, policy.parameters),
        )
    runs = [choice.target for choice in choices if choice.run]
    progress = plan(
        datasets=[target.token for target in runs if target.kind == "dataset"],
        reports=[target.token for target in runs if target.kind == "report"],
        memory=memory,
    )
    return progress, len(choices) - len(runs)


def plan_schema_updates(
    context: Context, client: ModeClient, policy: RefreshPolicy, selection: Selection
) -> list[Row]:
    """Find the connections whose schema is to be updated; push them as XCom ``plan``.

    :raises TooManyRunsError: there are more than ``max_runs``; in a dry run there may be.
    """
    sources = find_data_sources(client, selection.data_sources)
    rows = [
        {"target": f"data_sources/{one['token']}", "name": one.get("name"), "run": True, "why": "selected"}
        for one in sources
    ]
    context["ti"].xcom_push(key="plan", value=rows[:SHOWN])
    log.info("Plan: update the schemas of %s.", first_of((str(one["name"]) for one in rows), SHOWN))
    if not policy.dry_run:
        refuse_more(len(sources), max_runs=policy.max_runs, what="schema updates")
    return sources


def publish_runs(context: Context, client: ModeClient, progress: list[Progress]) -> None:
    """Push the paths of the runs as XCom ``runs``, those that failed first; the link leads to the first."""
    with_run = sorted((one for one in progress if one.run), key=lambda one: one.error is None)
    runs = [one.run for one in with_run if one.run][:SHOWN]
    if runs:
        context["ti"].xcom_push(key="runs", value=runs)
        # A dataset's runs have no page that is known; the dataset has.
        page = runs[0] if runs[0].startswith("reports/") else runs[0].partition("/runs/")[0]
        ModeRunLink().publish(context, web_url(client.host, client.workspace, *page.split("/")))
