"""`mode-catalog check`: one line for each thing that must be right."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.push_target import check_push_target
from mode_catalog_provider.cli.airflow_connections import airflow_connection
from mode_catalog_provider.cli.connections import (
    CHECK_BUDGET,
    add_catalog,
    add_mode,
    catalog_api,
    mode_client,
)
from mode_catalog_provider.cli.environment import UsageError
from mode_catalog_provider.cli.output import DONE, Output, exit_code
from mode_catalog_provider.cli.sentences import sentence
from mode_catalog_provider.errors import ForbiddenError, ModeCatalogError, NotFoundError
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.pages import embedded_rows
from mode_catalog_provider.text import visible

LEFT_BEHIND = "Nothing was changed."

_MARKS = {"fine": "ok  ", "wrong": "FAIL", "unknown": "?   "}


@dataclass(frozen=True)
class Finding:
    """One thing that was tried.

    :param what: what was tried.
    :param state: ``fine``, ``wrong``, or ``unknown`` when it cannot be told.
    :param text: what was found, and what to do about it.
    :param code: the exit code that a ``wrong`` finding leads to.
    """

    what: str
    state: Literal["fine", "wrong", "unknown"]
    text: str
    code: int = DONE


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add both services."""
    add_mode(
        command, token=("-t", "--mode-token"), secret=("--mode-secret",), secret_file=("--mode-secret-file",)
    )
    add_catalog(command, pushes=True)
    command.add_argument(
        "--conn-id",
        action="append",
        metavar="ID",
        help="check this connection of the Airflow that is installed here, instead of flags and variables; "
        "repeatable",
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Try the services whose credentials are given; the exit code is that of the first failure."""
    findings = [finding for side in _sides(arguments) for finding in side]
    output.result(
        {"findings": [asdict(finding) for finding in findings]},
        [f"{_MARKS[finding.state]} {finding.what}: {finding.text}" for finding in findings],
    )
    return next((finding.code for finding in findings if finding.state == "wrong"), DONE)


def _sides(arguments: argparse.Namespace) -> Iterator[Iterator[Finding]]:
    if arguments.conn_id:
        for conn_id in arguments.conn_id:
            yield _check_connection(conn_id)
        return
    is_mode = arguments.workspace or arguments.mode_token
    is_catalog = arguments.source_id or arguments.catalog_token or arguments.catalog_token_file
    if not (is_mode or is_catalog):
        raise UsageError(
            "Nothing to check: give Mode's workspace and token, or Catalog's token and source id, or "
            "--conn-id."
        )
    if is_mode:
        yield _check_mode(lambda: mode_client(arguments))
    if is_catalog:
        yield _check_catalog(lambda: catalog_api(arguments), arguments.source_id)


def _check_connection(conn_id: str) -> Iterator[Finding]:
    try:
        kind, connect, source_id = airflow_connection(conn_id, retry_budget=CHECK_BUDGET)
    except ModeCatalogError as error:
        yield Finding(f"Airflow connection '{conn_id}'", "wrong", sentence(error), exit_code(error))
        return
    yield Finding(f"Airflow connection '{conn_id}'", "fine", f"found, of type {kind}.")
    yield from _check_mode(connect) if kind == "mode" else _check_catalog(connect, source_id)


def _check_mode(connect: Callable[[], ModeClient]) -> Iterator[Finding]:
    try:
        client = connect()
    except ModeCatalogError as error:
        yield Finding("Mode settings", "wrong", sentence(error), exit_code(error))
        return
    with client:
        try:
            verified = client.verify()
        except ModeCatalogError as error:
            yield Finding("Mode credentials", "wrong", sentence(error), exit_code(error))
            return
        yield Finding("Mode host", "fine", f"{client.host} answers as Mode.")
        scope = verified.get("api_key_scope")
        kind = f"accepted (scope: {visible(scope)})." if scope else "accepted."
        yield Finding("Mode credentials", "fine", kind)
        yield Finding("Mode workspace", "fine", f"{client.workspace}.")
        yield _listing(client, "connections", "data_sources", "data_sources")
        yield _listing(client, "collections", "spaces", "spaces", {"filter": "all", "page": 1})
        yield _members(client)


def _listing(
    client: ModeClient, what: str, path: str, key: str, params: dict[str, str | int] | None = None
) -> Finding:
    try:
        rows = embedded_rows(client.get(path, params=params), key, what=path, required=path)
    except ModeCatalogError as error:
        return Finding(f"Mode {what}", "wrong", sentence(error), exit_code(error))
    count = sum(1 for row in rows if row.get("token"))
    if not count:
        text = f"none is visible to this key; ask an admin for the right to view {what}."
        return Finding(f"Mode {what}", "unknown", text)
    more = " on the first page" if "page" in (params or {}) else ""
    return Finding(f"Mode {what}", "fine", f"{count} visible{more}.")


def _members(client: ModeClient) -> Finding:
    for path in ("memberships/lite", "memberships"):
        try:
            rows = embedded_rows(client.get(path), "memberships", what=path, required=path)
        except (ForbiddenError, NotFoundError):
            continue
        except ModeCatalogError as error:
            return Finding("Mode members", "wrong", sentence(error), exit_code(error))
        if not any(row.get("member_token") or row.get("member_username") for row in rows):
            continue
        names = "with names and e-mails" if path.endswith("lite") else "names and e-mails only one by one"
        return Finding("Mode members", "fine", f"readable, {names}.")
    return Finding(
        "Mode members", "unknown", "none is visible to this key; owners will be missing in Catalog."
    )


def _check_catalog(connect: Callable[[], CatalogApi], source_id: str | None) -> Iterator[Finding]:
    try:
        client = connect()
    except ModeCatalogError as error:
        yield Finding("Catalog settings", "wrong", sentence(error), exit_code(error))
        return
    with client as api:
        try:
            sources = sum(1 for _ in api.sources())
        except ForbiddenError as error:
            yield Finding("Catalog credentials", "unknown", f"{error} The source id cannot be checked.")
            return
        except ModeCatalogError as error:
            yield Finding("Catalog credentials", "wrong", sentence(error), exit_code(error))
            return
        yield Finding(
            "Catalog credentials", "fine", f"accepted in zone {api.zone.name}, {sources} sources visible."
        )
        if not source_id:
            yield Finding("Catalog source", "unknown", "no source id was given.")
            return
        try:
            source = check_push_target(api, source_id)
        except ModeCatalogError as error:
            yield Finding("Catalog source", "wrong", sentence(error), exit_code(error))
            return
        if source is None:
            yield Finding("Catalog source", "unknown", "this token may not read sources.")
            return
        yield Finding("Catalog source", "fine", f"{source}.")
        text = "not tried: only an upload shows whether the token may write (it must be Read & Write)."
        yield Finding("Catalog upload right", "unknown", text)
