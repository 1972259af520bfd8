"""`mode-catalog refresh`: runs of reports and datasets, waited for."""

from __future__ import annotations

import argparse
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

from mode_catalog_provider.catalog.ingestion import moment_or_ingestion
from mode_catalog_provider.catalog.sources import ListedSources
from mode_catalog_provider.cli.connections import add_catalog, add_mode, catalog_api, mode_client
from mode_catalog_provider.cli.environment import UsageError
from mode_catalog_provider.cli.output import DONE, SERVICE, Output
from mode_catalog_provider.cli.values import assignment, count, positive
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.refresh.annotation import annotate
from mode_catalog_provider.refresh.cancel import cancel_quietly
from mode_catalog_provider.refresh.endpoint import checked_path, invalidate_cache
from mode_catalog_provider.refresh.limit import refuse_more, refuse_too_many
from mode_catalog_provider.refresh.progress import failure_sentence, plan, result_of
from mode_catalog_provider.refresh.refresh import Refresh, goes_on
from mode_catalog_provider.refresh.schema_updates import update_schemas
from mode_catalog_provider.refresh.targets import Choice, Selection, find_data_sources, find_targets
from mode_catalog_provider.text import visible

log = logging.getLogger(__name__)


LEFT_BEHIND = "The runs that this command started were cancelled, unless --keep-running was given."


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what is refreshed and how, and both services."""
    add_mode(command)
    add_catalog(command, title="Catalog, where --stale-since names a source")
    what = command.add_argument_group("what is refreshed (each repeatable)")
    for flag, text in (
        ("--report", "token or name of a report"),
        ("--dataset", "token or name of a dataset; run before the reports"),
        ("--collection", "token, name or glob: its reports and datasets"),
        ("--data-source", "token, name or glob of a connection: the reports and datasets on it"),
    ):
        what.add_argument(flag, action="append", default=[], metavar="NAME", help=text)
    what.add_argument(
        "--stale-since",
        metavar="TIME|SOURCE",
        help="only what has no good run since this ISO time (UTC unless it says otherwise), or since Catalog "
        "last ingested this warehouse source (id or name)",
    )
    what.add_argument("--include-archived", action="store_true", help="archived reports as well")
    how = command.add_argument_group("how")
    how.add_argument(
        "--refresh",
        choices=("results", "schema", "endpoint"),
        default="results",
        help="run reports (default); read tables of connections anew; or call a private cache endpoint",
    )
    how.add_argument(
        "--endpoint",
        default="/api/cache_invalidate",
        metavar="PATH",
        help="for --refresh endpoint (default /api/cache_invalidate; Mode's cloud has none)",
    )
    how.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=assignment,
        metavar="NAME=VALUE",
        help="value of a report's parameter; repeatable",
    )
    how.add_argument(
        "--max-concurrent-runs", type=count, default=4, metavar="N", help="runs at a time (default 4)"
    )
    how.add_argument(
        "--max-runs", type=count, metavar="N", help="refuse a refresh that could start more runs"
    )
    how.add_argument("--dry-run", action="store_true", help="list what would be run and why, start nothing")
    how.add_argument("--no-wait", action="store_true", help="start everything and end")
    how.add_argument(
        "--wait-timeout",
        type=positive,
        default=10800.0,
        metavar="SECONDS",
        help="wait so long for all runs together (default 3 hours)",
    )
    how.add_argument(
        "--check-interval",
        type=positive,
        default=30.0,
        metavar="SECONDS",
        help="time between two looks (default 30)",
    )
    how.add_argument(
        "--max-failed", type=count, default=0, metavar="N", help="so many runs may fail (default 0)"
    )
    how.add_argument(
        "--annotate",
        action="store_true",
        help="say at the end of each refreshed report's description of when its numbers are; needs a key "
        "that may write",
    )
    how.add_argument(
        "--keep-running", action="store_true", help="do not cancel our runs on Ctrl-C or out of time"
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Refresh what the arguments select; the result goes to stdout also when runs failed."""
    selection = Selection(
        reports=tuple(arguments.report),
        datasets=tuple(arguments.dataset),
        collections=tuple(arguments.collection),
        data_sources=tuple(arguments.data_source),
        include_archived=arguments.include_archived,
    )
    if arguments.refresh == "schema" and not (arguments.data_source and _only_data_sources(selection)):
        raise UsageError("--refresh schema takes --data-source, and nothing else to refresh.")
    if arguments.annotate and (arguments.no_wait or arguments.refresh != "results"):
        raise UsageError(
            "--annotate needs runs that are waited for: not with --no-wait or another --refresh."
        )
    if arguments.refresh == "results" and selection.empty:
        raise UsageError("Nothing to refresh: give --report, --dataset, --collection or --data-source.")
    with mode_client(arguments) as client:
        client.verify()
        if arguments.refresh == "endpoint":
            return _call_endpoint(client, arguments, output)
        if arguments.refresh == "schema":
            result = _update_schemas(client, selection, arguments, output)
        else:
            result = _run(client, selection, arguments, output)
    sentence = failure_sentence(result, failure="threshold", max_failed=arguments.max_failed)
    if sentence is None:
        return DONE
    log.error("%s", sentence)
    return SERVICE


def _only_data_sources(selection: Selection) -> bool:
    return not (selection.reports or selection.datasets or selection.collections)


def _call_endpoint(client: ModeClient, arguments: argparse.Namespace, output: Output) -> int:
    path = checked_path(arguments.endpoint)
    if not arguments.dry_run:
        invalidate_cache(client, path, dict(arguments.parameter))
    did = "Would send" if arguments.dry_run else "Sent"
    output.result({"endpoint": path, "sent": not arguments.dry_run}, [f"{did} POST {path}."])
    return DONE


def _update_schemas(
    client: ModeClient, selection: Selection, arguments: argparse.Namespace, output: Output
) -> dict[str, Any]:
    sources = find_data_sources(client, selection.data_sources)
    if arguments.dry_run:
        names = [source["name"] for source in sources]
        output.result(
            {"data_sources": names},
            [f"Would update the schema of connection '{visible(name)}'." for name in names],
        )
        return result_of([])
    refuse_more(len(sources), max_runs=arguments.max_runs, what="schema updates")
    result = update_schemas(client, sources)
    output.result(result, [f"{result['started']} schema updates accepted, {result['failed']} not."])
    return result


def _run(
    client: ModeClient, selection: Selection, arguments: argparse.Namespace, output: Output
) -> dict[str, Any]:
    since = moment_or_ingestion(
        "--stale-since", arguments.stale_since, sources=lambda: _catalog_sources(arguments)
    )
    choices = find_targets(client, replace(selection, stale_since=since))
    if arguments.dry_run:
        runs = sum(choice.run for choice in choices)
        lines = [str(choice) for choice in choices]
        lines.append(f"{runs} would be run, {len(choices) - runs} not.")
        result: dict[str, Any] = {"plan": [choice.to_json() for choice in choices], "runs": runs}
        if arguments.max_runs is not None:
            result["refused"] = runs > arguments.max_runs
            if result["refused"]:
                lines.append(
                    f"More than --max-runs {arguments.max_runs}: unless some of them run already, this "
                    "refresh would be refused, and none started."
                )
        output.result(result, lines)
        return result_of([])
    parameters = dict(arguments.parameter)
    refuse_too_many(
        choices,
        max_runs=arguments.max_runs,
        going_on=lambda target: goes_on(client, target, parameters),
    )
    work = _refresh_of(client, choices, arguments)
    cancel = _leave if arguments.keep_running else partial(cancel_quietly, client)
    try:
        _wait(work, arguments, cancel)
    except BaseException:
        for run in work.started_runs:
            cancel(run)
        raise
    result = result_of(work.progress)
    counts = ("started", "joined", "skipped", "failed")
    lines = [", ".join(f"{result[name]} {name}" for name in counts) + "."]
    if arguments.annotate:
        notes = annotate(client, work.progress, loaded_at=since)
        result["notes"] = [note.to_json() for note in notes]
        lines += [f"{note.report}: {note.reason or note.line}" for note in notes]
    output.result(result, lines)
    return result


def _catalog_sources(arguments: argparse.Namespace) -> ListedSources:
    with catalog_api(arguments) as api:
        return api.listed_sources()


def _refresh_of(client: ModeClient, choices: list[Choice], arguments: argparse.Namespace) -> Refresh:
    runs = [choice.target for choice in choices if choice.run]
    return Refresh(
        client=client,
        progress=plan(
            datasets=[target.token for target in runs if target.kind == "dataset"],
            reports=[target.token for target in runs if target.kind == "report"],
            skipped=[choice.target for choice in choices if not choice.run],
        ),
        limit=None if arguments.no_wait else arguments.max_concurrent_runs,
        parameters=dict(arguments.parameter),
    )


def _wait(work: Refresh, arguments: argparse.Namespace, cancel: Any) -> None:
    deadline = time.monotonic() + arguments.wait_timeout
    while True:
        with _interrupted_afterwards():
            work.step()
        left = deadline - time.monotonic()
        if work.over or arguments.no_wait:
            return
        if left <= 0:
            work.give_up("when the time allowed was over", cancel=cancel)
            return
        time.sleep(min(left, arguments.check_interval))


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Let a first interrupt wait for the end of the block, a second one not.

    A run that is just being started could not be cancelled if nobody were there for the answer that names it.
    """
    caught: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        raise KeyboardInterrupt


def _leave(run: str) -> bool:
    """Cancel nothing."""
    return False
