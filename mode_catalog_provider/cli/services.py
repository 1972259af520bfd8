"""The clients that a command needs, built from its arguments."""

from __future__ import annotations

import argparse

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.cli.arguments import ENVIRONMENT
from mode_catalog_provider.cli.usage import UsageError, read_secret
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials

# How messages name the place where credentials are kept.
LABEL = "the command line"


def required(arguments: argparse.Namespace, name: str, flag: str) -> str:
    """Return an argument that has no default.

    :raises UsageError: when it was neither typed nor found in the environment.
    """
    value = getattr(arguments, name)
    if not value:
        raise UsageError(f"{flag} is missing; give it, or set {ENVIRONMENT[name]}.")
    return str(value)


def mode_client(arguments: argparse.Namespace) -> ModeClient:
    """Build the Mode client; the secret's file is read again when Mode refuses the credential."""
    workspace = required(arguments, "workspace", "-w/--workspace")
    token = required(arguments, "mode_token", "-t/--token")
    read_mode_secret(arguments)

    def credentials() -> ModeCredentials:
        return ModeCredentials(token=token, secret=read_mode_secret(arguments, warn=False))

    return ModeClient(
        workspace=workspace,
        credentials=credentials,
        host=arguments.host,
        connection=LABEL,
        requests_per_second=getattr(arguments, "requests_per_second", None),
        timeout=arguments.timeout,
    )


def catalog_ingest(arguments: argparse.Namespace) -> CatalogIngest:
    """Build the client of the upload endpoint; the token's file is read again when Catalog refuses it."""
    source_id = required(arguments, "source_id", "-s/--source_id")
    read_catalog_token(arguments)
    return CatalogIngest(
        token=lambda: read_catalog_token(arguments, warn=False),
        source_id=source_id,
        zone=arguments.zone,
        ingest_url=arguments.ingest_url,
        file_type=arguments.file_type,
        connection=LABEL,
        timeout=arguments.timeout,
    )


def catalog_api(arguments: argparse.Namespace) -> CatalogApi:
    """Build the client of the GraphQL API."""
    read_catalog_token(arguments)
    return CatalogApi(
        token=lambda: read_catalog_token(arguments, warn=False),
        zone=arguments.zone,
        api_url=arguments.api_url,
        connection=LABEL,
        timeout=arguments.timeout,
    )


def read_mode_secret(arguments: argparse.Namespace, *, warn: bool = True) -> str:
    """Return the Mode API secret; warns when it was typed."""
    return read_secret(
        arguments.mode_secret,
        arguments.mode_secret_file,
        variable=ENVIRONMENT["mode_secret"],
        warn=warn and "mode_secret" in arguments.typed,
    )


def read_catalog_token(arguments: argparse.Namespace, *, warn: bool = True) -> str:
    """Return the Catalog API token; warns when it was typed."""
    return read_secret(
        arguments.catalog_token,
        arguments.catalog_token_file,
        variable=ENVIRONMENT["catalog_token"],
        warn=warn and "catalog_token" in arguments.typed,
    )
