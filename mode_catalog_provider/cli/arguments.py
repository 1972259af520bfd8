"""What can be typed: flags, their environment variables, their help. Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import timedelta

from mode_catalog_provider import __version__
from mode_catalog_provider.cli.audit_arguments import add_audit_arguments
from mode_catalog_provider.cli.numbers import days, positive, seconds, share
from mode_catalog_provider.cli.refresh_arguments import add_refresh_arguments

EPILOG = """\
exit codes: 0 done, 2 wrong usage, 3 credentials or configuration, 4 a service failed,
            5 refused (incomplete, altered, shrunk, stale, locked, too many runs, new findings),
            130 interrupted
"""

# The variables of the vendor's commands, so that their settings carry over unchanged.
ENVIRONMENT = {
    "host": "CASTOR_MODE_ANALYTICS_HOST",
    "workspace": "CASTOR_MODE_ANALYTICS_WORKSPACE",
    "mode_token": "CASTOR_MODE_ANALYTICS_TOKEN",
    "mode_secret": "CASTOR_MODE_ANALYTICS_SECRET",
    "output": "CASTOR_OUTPUT_DIRECTORY",
    "catalog_token": "CASTOR_UPLOADER_TOKEN",
    "source_id": "CASTOR_UPLOADER_SOURCE_ID",
    "file_type": "CASTOR_UPLOADER_FILE_TYPE",
    "zone": "CASTOR_UPLOADER_ZONE",
    "file_path": "CASTOR_UPLOADER_FILE_PATH",
    "directory_path": "CASTOR_UPLOADER_DIRECTORY_PATH",
}
DEFAULTS = {"host": "https://modeanalytics.com", "zone": "EU", "file_type": "VIZ"}


def fill_from_environment(arguments: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Complete what was not typed from the environment, then from the defaults."""
    path_typed = bool(getattr(arguments, "file_path", None) or getattr(arguments, "directory_path", None))
    for name, variable in ENVIRONMENT.items():
        # A typed path says what to upload: a variable must not add a second one.
        if name in ("file_path", "directory_path") and path_typed:
            continue
        if name in ("mode_secret", "catalog_token") and getattr(arguments, f"{name}_file", None):
            continue
        if hasattr(arguments, name) and getattr(arguments, name) is None:
            setattr(arguments, name, environment.get(variable) or DEFAULTS.get(name))


def parser() -> argparse.ArgumentParser:
    """Build the parser of `mode-catalog`."""
    root = argparse.ArgumentParser(
        prog="mode-catalog",
        description="Keep Mode Analytics and Coalesce Catalog in step, without Airflow.",
        epilog=EPILOG,
        formatter_class=_Formatter,
    )
    root.add_argument("--version", action="version", version=f"mode-catalog {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _extract(_command(commands, "extract", "write a Mode workspace into six JSON files and a manifest"))
    _upload(_command(commands, "upload", "push a complete set of files to Catalog"))
    refresh = _command(
        commands, "refresh", "run Mode reports and datasets again, so that they show new numbers"
    )
    mode = refresh.add_argument_group("Mode")
    _mode_connection(mode, token=("-t", "--token"), secret=("-s", "--secret"), secret_file=("--secret-file",))
    catalog = refresh.add_argument_group("Catalog, where --stale-since names a source")
    _catalog_account(catalog, token=("-k", "--catalog-token"), token_file=("--catalog-token-file",))
    add_refresh_arguments(refresh)
    add_audit_arguments(
        _command(commands, "audit", "find what somebody should mend in Mode, in a set of files")
    )
    _check(_command(commands, "check", "try credentials, host, workspace, source id, zone and rights"))
    _unlock(_command(commands, "unlock", "show who holds a run lock since when, and free it"))
    return root


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with room for long flags."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=110)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, description: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=description,
        description=description[0].upper() + description[1:] + ".",
        epilog=EPILOG,
        formatter_class=_Formatter,
    )
    command.add_argument(
        "--timeout",
        type=positive,
        default=60.0,
        metavar="SECONDS",
        help="for each read of a request (default 60)",
    )
    printed = command.add_argument_group("what is printed")
    printed.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    printed.add_argument("--json", action="store_true", help="print the result as one JSON object on stdout")
    return command


def _extract(command: argparse.ArgumentParser) -> None:
    mode = command.add_argument_group("Mode")
    _mode_connection(mode, token=("-t", "--token"), secret=("-s", "--secret"), secret_file=("--secret-file",))
    what = command.add_argument_group("what is extracted")
    what.add_argument("-o", "--output", metavar="FOLDER", help=_help("output", "folder for the files"))
    what.add_argument(
        "--strategy",
        choices=("auto", "rest", "hybrid"),
        default="auto",
        help="which of Mode's APIs is read (default auto: the cheapest that works)",
    )
    what.add_argument(
        "--incremental",
        action="store_true",
        help="take queries of unchanged reports and known members from the set in the output folder",
    )
    what.add_argument(
        "--full-refresh-after",
        type=days,
        default=timedelta(days=7),
        metavar="DAYS",
        help="read again all the same what was read so long ago (default 7)",
    )
    what.add_argument(
        "--members",
        choices=("full", "lite"),
        default="full",
        help="lite saves one request per member, their id and creation time stay empty (default full)",
    )
    for flag, text in (("--include-collection", "only these"), ("--exclude-collection", "not these")):
        what.add_argument(
            flag, action="append", metavar="NAME", help=f"{text}: name, token or glob; repeatable"
        )
    what.add_argument("--include-personal", action="store_true", help="members' personal collections as well")
    what.add_argument("--exclude-archived", action="store_true", help="leave archived reports out")
    what.add_argument(
        "--requests-per-second",
        type=positive,
        metavar="N",
        help="never ask Mode more often (default: its published 4)",
    )
    _lock(command, "the output folder's own")


def _upload(command: argparse.ArgumentParser) -> None:
    catalog = command.add_argument_group("Catalog")
    _catalog_connection(
        catalog,
        token=("-k", "--token"),
        token_file=("--token-file", "--secret-file"),
        source_id=("-s", "--source_id", "--source-id"),
    )
    what = command.add_argument_group("what is uploaded")
    path = what.add_mutually_exclusive_group()
    path.add_argument(
        "-d",
        "--directory_path",
        "--directory-path",
        metavar="FOLDER",
        help=_help("directory_path", "a folder with one complete set"),
    )
    path.add_argument(
        "-f", "--file_path", "--file-path", metavar="FILE", help=_help("file_path", "one file, as it is")
    )
    what.add_argument(
        "-t",
        "--file_type",
        "--file-type",
        choices=("VIZ", "WAREHOUSE", "DBT", "QUALITY", "LOOKML"),
        help=_help("file_type", "kind of source"),
    )
    what.add_argument(
        "--max-shrink",
        type=share,
        default=0.3,
        metavar="SHARE",
        help="refuse when a larger share of an asset's rows vanished since the last push (default 0.3)",
    )
    what.add_argument("--accept-shrink", action="store_true", help="push although rows vanished")
    what.add_argument("--dry-run", action="store_true", help="check everything, push nothing")
    _lock(command, "the uploaded folder's own")


def _check(command: argparse.ArgumentParser) -> None:
    mode = command.add_argument_group("Mode")
    _mode_connection(
        mode,
        token=("-t", "--mode-token"),
        secret=("--mode-secret",),
        secret_file=("--mode-secret-file",),
    )
    catalog = command.add_argument_group("Catalog")
    _catalog_connection(
        catalog,
        token=("-k", "--catalog-token"),
        token_file=("--catalog-token-file",),
        source_id=("-s", "--source_id", "--source-id"),
    )


def _unlock(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--lock", metavar="PLACE", help="folder or URL of the lock, such as /data/mode/.lock (required)"
    )
    command.add_argument(
        "--conn-id", metavar="ID", help="Airflow connection of the object store, where the URL needs one"
    )
    command.add_argument("--yes", action="store_true", help="free it without asking")


def _mode_connection(
    group: argparse._ArgumentGroup,
    *,
    token: tuple[str, ...],
    secret: tuple[str, ...],
    secret_file: tuple[str, ...],
) -> None:
    group.add_argument("-H", "--host", metavar="URL", help=_help("host", "base URL"))
    group.add_argument("-w", "--workspace", metavar="NAME", help=_help("workspace", "workspace"))
    group.add_argument(*token, dest="mode_token", metavar="TOKEN", help=_help("mode_token", "API token"))
    group.add_argument(
        *secret,
        dest="mode_secret",
        metavar="SECRET",
        help=_help(
            "mode_secret", "its secret; arguments show in process lists, prefer the variable or a file"
        ),
    )
    group.add_argument(
        *secret_file, dest="mode_secret_file", metavar="FILE", help="file that holds the secret"
    )


def _catalog_connection(
    group: argparse._ArgumentGroup,
    *,
    token: tuple[str, ...],
    token_file: tuple[str, ...],
    source_id: tuple[str, ...],
) -> None:
    _catalog_account(group, token=token, token_file=token_file)
    group.add_argument(
        *source_id, dest="source_id", metavar="UUID", help=_help("source_id", "id of the Mode source")
    )
    group.add_argument("--ingest-url", metavar="URL", help="upload endpoint, instead of the zone's")


def _catalog_account(
    group: argparse._ArgumentGroup, *, token: tuple[str, ...], token_file: tuple[str, ...]
) -> None:
    group.add_argument(
        *token,
        dest="catalog_token",
        metavar="TOKEN",
        help=_help(
            "catalog_token", "API token; arguments show in process lists, prefer the variable or a file"
        ),
    )
    group.add_argument(
        *token_file, dest="catalog_token_file", metavar="FILE", help="file that holds the API token"
    )
    group.add_argument(
        "-z", "--zone", choices=("EU", "US"), help=_help("zone", "zone of the Catalog account")
    )
    group.add_argument("--api-url", metavar="URL", help="GraphQL endpoint, instead of the zone's")


def _lock(command: argparse.ArgumentParser, default: str) -> None:
    group = command.add_argument_group("one run at a time")
    group.add_argument("--lock", metavar="FOLDER", help=f"folder of the run lock (default: {default})")
    group.add_argument(
        "--lock-timeout",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for the lock before giving up (default 0)",
    )


def _help(name: str, text: str) -> str:
    default = f", default {DEFAULTS[name]}" if name in DEFAULTS else ""
    return f"{text} [{ENVIRONMENT[name]}{default}]"
