"""The ways to read a workspace that are compared."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to read a workspace.

    :param name: what it is called on the command line.
    :param title: what it is called in the table.
    :param work: what the measured process does, as ``module:function`` of this package.
    :param options: options of our extraction; ``None``: it is not ours.
    :param changed: share of the reports that somebody edits before each run.
    :param long: whether it takes so long that its time is compressed further.
    :param sizes: the sizes at which it is measured, default all.
    :param contract: whether its files have the contract's form, so that rows can be compared.
    """

    name: str
    title: str
    work: str = "ours:extract"
    options: dict[str, Any] | None = field(default_factory=dict)
    changed: float = 0.0
    long: bool = False
    sizes: tuple[str, ...] = ("small", "medium", "large")
    contract: bool = True

    @property
    def incremental(self) -> bool:
        """Whether it builds on an earlier snapshot."""
        return bool(self.options and self.options.get("incremental"))


_INCREMENTAL = {"incremental": True, "strategy": "auto"}

ROUTES = {
    route.name: route
    for route in (
        Route(name="rest", title="`rest`", options={"strategy": "rest"}, long=True),
        Route(name="hybrid", title="`hybrid`", options={"strategy": "hybrid"}),
        Route(name="incremental", title="`incremental`, nothing changed", options=_INCREMENTAL),
        Route(
            name="incremental-1",
            title="`incremental`, 1 % of reports edited",
            options=_INCREMENTAL,
            changed=0.01,
        ),
        Route(
            name="incremental-10",
            title="`incremental`, 10 % of reports edited",
            options=_INCREMENTAL,
            changed=0.1,
        ),
        Route(
            name="incremental-rest",
            title="`incremental`, nothing changed, Discovery not asked",
            options={"incremental": True, "strategy": "rest"},
        ),
        Route(
            name="sequential",
            title="plain client, one request after another",
            work="sequential:careful",
            options=None,
            long=True,
            sizes=("small", "medium"),
        ),
        Route(
            name="first-pages",
            title="plain client, first pages only",
            work="sequential:hasty",
            options=None,
            long=True,
            sizes=("small", "medium"),
        ),
    )
}


@dataclass(frozen=True)
class Tool:
    """A client of somebody else that may be on this machine's path; nothing of it is installed here.

    Its own pauses are in real time, so it is measured in real time.
    """

    route: Route
    present: Callable[[], bool]


def _datahub_reads_mode() -> bool:
    listed = subprocess.run(["datahub", "check", "plugins"], capture_output=True, text=True, check=False)
    line = next((line for line in listed.stdout.splitlines() if line.split()[:1] == ["mode"]), "disabled")
    return "disabled" not in line


def _tool(command: str, function: str, reads_mode: Callable[[], bool], **about: Any) -> Tool:
    route = Route(
        name=command,
        title=f"`{command}`",
        work=f"tools:{function}",
        options=None,
        long=True,
        sizes=("small",),
        **about,
    )
    return Tool(route, lambda: shutil.which(command) is not None and reads_mode())


TOOLS = (
    _tool("castor-extract-mode", "castor", lambda: True),
    _tool("datahub", "datahub", _datahub_reads_mode, contract=False),
)
