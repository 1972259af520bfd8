"""The reference, made from the code: ``python -m tests.reference_pages`` writes docs/reference/ again."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mode_catalog_provider.audit.finding import CHECKS
from mode_catalog_provider.cli import output
from mode_catalog_provider.cli.arguments import COMMANDS, CommandParser
from mode_catalog_provider.rights.findings import RIGHTS_CHECKS
from mode_catalog_provider.schedules.findings import SCHEDULE_CHECKS
from tests.metrics_page import table
from tests.settings_page import settings_page

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mode_catalog_provider"
PAGES = ROOT / "docs" / "reference"

EXIT_CODES = {
    "DONE": ("done", ""),
    "FAULT": ("a fault of this program", "report it, with what `MODE_CATALOG_DEBUG=1` prints"),
    "USAGE": ("wrong usage, or a variable that cannot be right", "read the usage"),
    "CONFIGURATION": ("credentials or configuration; a folder that cannot be written", "mend them"),
    "SERVICE": ("a service failed, or runs that were waited for", "try later"),
    "REFUSED": (
        "refused: the set is incomplete, altered, stale or shrunk; somebody holds the lock; a refresh would "
        "start too many runs; `--fail-on` or a threshold found something",
        "read the sentence",
    ),
    "INTERRUPTED": ("interrupted (Ctrl-C, SIGTERM); nothing half-done can be taken for a complete set", ""),
}


def pages() -> Mapping[str, str]:
    """Return each generated page by its file name."""
    return {
        "operators.md": _classes(
            "Operators",
            "operators",
            "All arguments are keyword-only, beside those of every Airflow operator. How they work "
            "together: [a DAG of your own](../how-to/your-own-dag.md).",
        ),
        "sensors.md": _classes(
            "Sensors",
            "sensors",
            "With `deferrable=True` they wait in the triggerer, without a worker.",
        ),
        "hooks.md": _classes("Hooks", "hooks", "Each belongs to a [connection](connections.md) of its type."),
        "settings.md": settings_page(),
        "commands.md": _commands(),
        "exit-codes.md": _exit_codes(),
        "findings.md": _findings(),
        "metrics.md": _metrics(),
    }


# -- classes ------------------------------------------------------------


def _classes(title: str, folder: str, head: str) -> str:
    sections = [
        _section(module, node)
        for module in sorted((PACKAGE / folder).glob("*.py"))
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and _is_public(node)
    ]
    return f"# {title}\n\n{head}\n\n" + "\n".join(sections)


def _is_public(node: ast.ClassDef | ast.FunctionDef) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name == "run_lock"
    return node.name.endswith(("Operator", "Sensor", "ModeHook", "CatalogHook")) and ":param" in (
        ast.get_docstring(node) or ""
    )


def _section(module: Path, node: ast.ClassDef | ast.FunctionDef) -> str:
    text, fields = _fields(ast.get_docstring(node) or "")
    defaults = dict(_defaults(node))
    path = ".".join(module.relative_to(ROOT).with_suffix("").parts)
    lines = [f"## `{node.name}`\n", f"`from {path} import {node.name}`\n", text]
    if arguments := [(name, meaning) for kind, name, meaning in fields if kind == "param"]:
        lines += ["\n| argument | default | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{n}` | {_code(defaults.get(n, ''))} | {_cell(meaning)} |" for n, meaning in arguments]
    return "\n".join(lines) + "\n"


def _defaults(node: ast.ClassDef | ast.FunctionDef) -> Iterator[tuple[str, str]]:
    functions = [node] if isinstance(node, ast.FunctionDef) else node.body
    for function in functions:
        if isinstance(function, ast.FunctionDef) and function.name in ("__init__", "run_lock"):
            for name, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
                yield name.arg, "required" if default is None else ast.unparse(default)


def _fields(docstring: str) -> tuple[str, list[tuple[str, str, str]]]:
    """Return the prose of a docstring as Markdown, and its fields: kind, name, meaning."""
    prose, *rest = re.split(r"^:(?=param|returns?|raises)", docstring, flags=re.MULTILINE)
    fields = []
    for field in rest:
        head, _, meaning = field.partition(":")
        kind, _, name = head.partition(" ")
        fields.append((kind, name, _markdown(" ".join(meaning.split()))))
    return _markdown(prose.strip()), fields


def _markdown(text: str) -> str:
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?([\w]+)`", r"`\1`", text)
    text = re.sub(
        r"^\.\. code-block:: (\w+)\n\n((?:(?:    .*)?\n?)+)",
        lambda found: f"```{found[1]}\n{re.sub('^    ', '', found[2].rstrip(), flags=re.MULTILINE)}\n```\n\n",
        text,
        flags=re.MULTILINE,
    )
    return re.sub(r"(?<!`)``(?!`)", "`", text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    return text if text in ("", "required") else f"`{_cell(text)}`"


# -- commands ------------------------------------------------------------


def _commands() -> str:
    parts = [
        "# Commands\n",
        "`mode-catalog COMMAND --help` prints the same. How a command ends: "
        "[exit codes](exit-codes.md); variables and secrets: "
        "[the command line](../features/command-line.md).\n",
    ]
    for name, description in COMMANDS.items():
        command = CommandParser(prog=f"mode-catalog {name}")
        command._fill()
        parts += [f"## `mode-catalog {name}`\n", f"{description[0].upper()}{description[1:]}.\n"]
        parts += ["| flag | meaning |", "| --- | --- |"]
        parts += [
            f"| {_flags(action)} | {_cell(action.help or '')} |"
            for action in command._actions
            if action.help != argparse.SUPPRESS and "--help" not in action.option_strings
        ]
        parts.append("")
    return "\n".join(parts)


def _flags(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    if action.choices and not action.metavar:
        value = " \\| ".join(map(str, action.choices))
    if not action.option_strings:
        return f"`{value}`"
    shown = ", ".join(f"`{flag}`" for flag in action.option_strings)
    return shown if action.nargs == 0 else f"{shown} `{value}`"


def _exit_codes() -> str:
    rows = [
        f"| {getattr(output, name)} | {meaning} | {cure} |" for name, (meaning, cure) in EXIT_CODES.items()
    ]
    return "\n".join(
        [
            "# Exit codes\n",
            "Every command of `mode-catalog` ends with one of these, and with a sentence on stderr.\n",
            "| exit code | meaning | what to do |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


# -- findings, metrics ------------------------------------------------------------


def _findings() -> str:
    parts = [
        "# Findings\n",
        "Every finding has `check`, `asset`, `token`, `name`, `what`, `advice`, `related`, `difference`, "
        "`url`, `group` and `is_new`.\n",
    ]
    for title, command, page, checks in (
        ("The workspace", "audit", "audit.md", CHECKS),
        ("Rights", "permissions", "permissions.md", RIGHTS_CHECKS),
        ("Mode's schedules", "schedules", "schedules.md", SCHEDULE_CHECKS),
    ):
        parts += [
            f"## {title}\n",
            f"`mode-catalog {command}`; [what they mean](../features/{page}).\n",
            "| check | what it finds |",
            "| --- | --- |",
            *(f"| `{check}` | {text} |" for check, text in checks.items()),
            "",
        ]
    return "\n".join(parts)


def _metrics() -> str:
    return "\n".join(
        [
            "# Metrics\n",
            "Sent through Airflow's own metrics, to StatsD or OpenTelemetry, whichever is on there. A guide: "
            "[dashboards and alerts](../how-to/dashboards-and-alerts.md).\n",
            table(),
            "",
        ]
    )


if __name__ == "__main__":
    for name, text in pages().items():
        (PAGES / name).write_text(text)
