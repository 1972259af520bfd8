"""The two services as a command reaches them: their flags, and the clients built from what was typed."""

from __future__ import annotations

import argparse
import logging
import stat
from pathlib import Path
from typing import Any

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.cli.environment import ENVIRONMENT, UsageError, with_variable
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.http.endpoint import RETRY_BUDGET
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint

log = logging.getLogger(__name__)

# How messages name the place where credentials are kept.
LABEL = "the command line"

# Bytes of a file that holds a secret; a device has no end.
_LONGEST_SECRET = 65_536

#: Seconds that `check` spends on one question.
CHECK_BUDGET = 20.0


# -- what can be typed --------------------------------------------------------------------------------------


def add_mode(
    command: argparse.ArgumentParser,
    *,
    token: tuple[str, ...] = ("-t", "--token"),
    secret: tuple[str, ...] = ("-s", "--secret"),
    secret_file: tuple[str, ...] = ("--secret-file",),
) -> None:
    """Add the flags of Mode's workspace and key.

    :param token: spellings of the key's token.
    :param secret: spellings of its secret.
    :param secret_file: spellings of the file that holds the secret.
    """
    group = command.add_argument_group("Mode")
    group.add_argument("-H", "--host", metavar="URL", help=with_variable("host", "base URL"))
    _add_allow_http(command)
    group.add_argument("-w", "--workspace", metavar="NAME", help=with_variable("workspace", "workspace"))
    group.add_argument(
        *token, dest="mode_token", metavar="TOKEN", help=with_variable("mode_token", "API token")
    )
    group.add_argument(
        *secret,
        dest="mode_secret",
        metavar="SECRET",
        help=with_variable(
            "mode_secret", "its secret; arguments show in process lists, prefer the variable or a file"
        ),
    )
    group.add_argument(
        *secret_file, dest="mode_secret_file", metavar="FILE", help="file that holds the secret"
    )


def add_catalog(
    command: argparse.ArgumentParser,
    *,
    token: tuple[str, ...] = ("-k", "--catalog-token"),
    token_file: tuple[str, ...] = ("--catalog-token-file",),
    pushes: bool = False,
    title: str = "Catalog",
) -> None:
    """Add the flags of a Catalog account.

    :param token: spellings of the API token.
    :param token_file: spellings of the file that holds it.
    :param pushes: also those of the source that is pushed to. Default ``False``.
    :param title: heading in the help.
    """
    group = command.add_argument_group(title)
    _add_allow_http(command)
    group.add_argument(
        *token,
        dest="catalog_token",
        metavar="TOKEN",
        help=with_variable(
            "catalog_token", "API token; arguments show in process lists, prefer the variable or a file"
        ),
    )
    group.add_argument(
        *token_file, dest="catalog_token_file", metavar="FILE", help="file that holds the API token"
    )
    group.add_argument(
        "-z",
        "--zone",
        type=str.upper,
        choices=("EU", "US"),
        help=with_variable("zone", "zone of the Catalog account"),
    )
    group.add_argument("--api-url", metavar="URL", help="GraphQL endpoint, instead of the zone's")
    if pushes:
        group.add_argument(
            "-s",
            "--source_id",
            "--source-id",
            dest="source_id",
            metavar="UUID",
            help=with_variable("source_id", "id of the Mode source"),
        )
        group.add_argument("--ingest-url", metavar="URL", help="upload endpoint, instead of the zone's")


def _add_allow_http(command: argparse.ArgumentParser) -> None:
    # Both services have it, and a command may use both.
    if command.get_default("allow_http") is None:
        command.set_defaults(allow_http=False)
        command.add_argument(
            "--allow-http",
            action="store_true",
            help="send credentials to a host without https, also to one that is not this machine",
        )


# -- what is built from it ----------------------------------------------------------------------------------


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

    def credentials() -> ModeCredentials:
        return ModeCredentials(token=token, secret=mode_secret(arguments))

    credentials()

    return ModeClient(
        ModeEndpoint(
            workspace=workspace,
            credentials=credentials,
            host=arguments.host,
            requests_per_second=getattr(arguments, "requests_per_second", None),
            **_wire(arguments),
        )
    )


def catalog_ingest(arguments: argparse.Namespace) -> CatalogIngest:
    """Build the client of the upload endpoint; the token's file is read again when Catalog refuses it."""
    source_id = required(arguments, "source_id", "-s/--source_id")
    return CatalogIngest(_catalog_endpoint(arguments), source_id=source_id, file_type=arguments.file_type)


def catalog_api(arguments: argparse.Namespace) -> CatalogApi:
    """Build the client of the GraphQL API."""
    return CatalogApi(_catalog_endpoint(arguments))


def _catalog_endpoint(arguments: argparse.Namespace) -> CatalogEndpoint:
    catalog_token(arguments)
    return CatalogEndpoint(
        token=lambda: catalog_token(arguments),
        zone=arguments.zone,
        ingest_url=getattr(arguments, "ingest_url", None),
        api_url=arguments.api_url,
        **_wire(arguments),
    )


def _wire(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "connection": LABEL,
        "timeout": arguments.timeout,
        "retry_budget": _retry_budget(arguments),
        "allow_http": arguments.allow_http,
    }


def _retry_budget(arguments: argparse.Namespace) -> float:
    if arguments.command == "check":
        # Somebody sits and waits for what may be a typing error.
        return CHECK_BUDGET
    # The vendor's variable counts retries, one unless set: so many of them fit in.
    retries = int(arguments.retries or 1)
    return max(RETRY_BUDGET, float(arguments.timeout) * (retries + 1))


# -- secrets ------------------------------------------------------------------------------------------------


def mode_secret(arguments: argparse.Namespace) -> str:
    """Return the Mode API secret."""
    return _secret(arguments.mode_secret, arguments.mode_secret_file, variable=ENVIRONMENT["mode_secret"])


def catalog_token(arguments: argparse.Namespace) -> str:
    """Return the Catalog API token."""
    return _secret(
        arguments.catalog_token, arguments.catalog_token_file, variable=ENVIRONMENT["catalog_token"]
    )


def warn_of_open_secrets(arguments: argparse.Namespace) -> None:
    """Tell once of each secret that other people of this machine can read."""
    for name in ("mode_secret", "catalog_token"):
        file = getattr(arguments, f"{name}_file", None)
        if file:
            _warn_of_open_file(Path(file).expanduser())
        elif name in arguments.typed:
            log.warning(
                "A secret on the command line shows in process lists; set %s or use a file.",
                ENVIRONMENT[name],
            )


def _warn_of_open_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        # Whoever reads it says what is wrong.
        return
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        log.warning("Everybody on this machine can read the secret file %s; chmod 600 it.", path)


def _secret(value: str | None, file: str | None, *, variable: str) -> str:
    """Return a secret.

    :param value: what was typed or found in the environment.
    :param file: path of a file that holds it; wins over ``value``.
    :param variable: the environment variable that can hold it, for messages.
    :raises UsageError: there is none.
    :raises ConfigurationError: the file cannot be read, or is empty.
    """
    if file:
        value = _text_of(file).strip()
        if not value:
            raise ConfigurationError(f"The secret file {file} is empty.")
        return value
    if not value:
        raise UsageError(f"The secret is missing; set {variable}, or name a file that holds it.")
    return value


def _text_of(file: str) -> str:
    """Return the text of a secret's file; editors and shells of Windows mark the encoding at its start."""
    try:
        with Path(file).expanduser().open("rb") as opened:
            content = opened.read(_LONGEST_SECRET + 1)
        if len(content) > _LONGEST_SECRET:
            raise ConfigurationError(f"The secret file {file} holds no secret: it is far too large.")
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"The secret file {file} is not text in UTF-8. Save it again as UTF-8."
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(f"Cannot read the secret file {file}: {reason}.") from error
