"""What can be typed: the commands, and the flags that all of them have. Imports nothing heavy.

A command is a module of this folder with the command's name and a line in ``COMMANDS``. The module has

* ``add_arguments(command)``: adds its flags to the parser;
* ``run(arguments, output)``: does the job, prints through ``output`` and returns the exit code;
* ``LEFT_BEHIND``: the sentence that tells who interrupts it what is left behind.

It is imported when its command is typed, so that `mode-catalog --help` answers at once.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

from mode_catalog_provider import __version__
from mode_catalog_provider.cli.values import positive

#: What there is to type, and what `mode-catalog --help` says about it.
COMMANDS = {
    "extract": "write a Mode workspace into six JSON files and a manifest",
    "upload": "push a complete set of files to Catalog",
    "refresh": "run Mode reports and datasets again, so that they show new numbers",
    "audit": "find what somebody should mend in Mode, in a set of files",
    "diff": "tell what changed between two snapshots of a workspace",
    "report": "write what is known of a workspace into one HTML file",
    "schedules": "tell which of Mode's schedules fail, and which reports show old results",
    "permissions": "tell who may see or edit what in Mode, and through what",
    "usage": "tell which reports are looked at, and which only run, from kept snapshots",
    "reconcile": "tell whether what was uploaded arrived in Catalog, and if not why",
    "index": "write one table of all reports, as CSV, JSON or SQLite",
    "check": "try credentials, host, workspace, source id, zone and rights",
    "unlock": "show who holds a run lock since when, and free it",
}

EPILOG = """\
exit codes: 0 done, 1 a fault of this program, 2 wrong usage, 3 credentials or
            configuration, 4 a service failed, 5 refused (incomplete, altered,
            shrunk, stale, locked, too many runs, new findings), 130 interrupted
"""

#: What argparse says by itself, and repeats the value that was typed.
_REPEATS_VALUE = ("invalid choice: ", "unrecognized arguments: ", "ignored explicit argument ")


def module_of(command: str) -> ModuleType:
    """Return the module that does the job of a command."""
    return import_module(f"mode_catalog_provider.cli.{command}")


def parser() -> argparse.ArgumentParser:
    """Build the parser of `mode-catalog`."""
    root = Parser(
        prog="mode-catalog",
        description="Keep Mode Analytics and Coalesce Catalog in step, without Airflow.",
        epilog=EPILOG,
        formatter_class=_Formatter,
    )
    root.add_argument("--version", action="version", version=f"mode-catalog {__version__}")
    commands = root.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=CommandParser
    )
    for name, description in COMMANDS.items():
        commands.add_parser(
            name,
            help=description,
            description=description[0].upper() + description[1:] + ".",
            epilog=EPILOG,
            formatter_class=_Formatter,
        )
    return root


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with room for long flags."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=80)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Name the value once, after all spellings of its flag, as Python 3.13 does."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class Parser(argparse.ArgumentParser):
    """A parser that never repeats a value, and answers in JSON where that was asked for."""

    _as_json = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what is left over here, where the usage is that of the right command."""
        typed: Sequence[str] = sys.argv[1:] if args is None else list(args)
        self._as_json = any(word == "--json" for word in typed)
        known, more = super().parse_known_args(self.spelled_out(typed), namespace)
        if more:
            # A flag is shown by its name; what follows it may be a secret.
            flags = [word.partition("=")[0] for word in more if word.startswith("--")]
            self.error(
                f"unknown: {', '.join(flags)}" if flags else "something was typed that belongs to no flag"
            )
        return known, more

    def spelled_out(self, typed: Sequence[str]) -> Sequence[str]:
        """Return what was typed with abbreviations written out."""
        return typed

    def error(self, message: str) -> NoReturn:
        """Tell the usage and the fault, as JSON as well where that was asked for, and end with 2."""
        message = _without_value(message)
        if self._as_json:
            print(json.dumps({"error": "UsageError", "message": message}))
        super().error(message)


class CommandParser(Parser):
    """The parser of one command, whose flags are added when it is typed."""

    #: The long flags of the vendor's command that this one stands in for: what abbreviates one of them there
    #: means the same here, whatever other flags begin alike.
    vendor_flags: tuple[str, ...] = ()

    _is_filled = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Add the flags of the command, then parse."""
        if not self._is_filled:
            self._is_filled = True
            self._fill()
        known, more = super().parse_known_args(args, namespace)
        for action in self._actions:
            # Mostly a shell's variable that is not set: left alone, it would mean the default.
            if action.option_strings and _is_blank(getattr(known, action.dest, None)):
                self.error(f"{'/'.join(action.option_strings)} is empty")
        return known, more

    def _fill(self) -> None:
        module_of(self.prog.split()[-1]).add_arguments(self)
        self.add_argument(
            "--timeout",
            type=positive,
            metavar="SECONDS",
            help="for each read of a request (default 60)",
        )
        printed = self.add_argument_group("what is printed")
        printed.add_argument("--quiet", action="store_true", help="print warnings and errors only")
        printed.add_argument(
            "--json", action="store_true", help="print the result as one JSON object on stdout"
        )

    def spelled_out(self, typed: Sequence[str]) -> Sequence[str]:
        """Return what was typed with abbreviations of the vendor's flags written out."""
        ends = typed.index("--") if "--" in typed else len(typed)
        return [*(self._spelled(word) for word in typed[:ends]), *typed[ends:]]

    def _spelled(self, word: str) -> str:
        flag, equals, value = word.partition("=")
        if not flag.startswith("--") or flag in self._option_string_actions:
            return word
        meant = [known for known in (*self.vendor_flags, "--help") if known.startswith(flag)]
        return meant[0] + equals + value if len(meant) == 1 else word


def _is_blank(typed: object) -> bool:
    texts = typed if isinstance(typed, list) else [typed]
    return any(isinstance(text, str) and not text.strip() for text in texts)


def _without_value(message: str) -> str:
    """Return a message of argparse without the value that was typed: it may be a secret at the wrong flag."""
    for start in _REPEATS_VALUE:
        before, found, after = message.partition(start)
        if found:
            _, choose, choices = after.partition(" (choose from ")
            return f"{before}{start.rstrip(': ')}{choose}{choices}"
    return message
