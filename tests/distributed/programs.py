"""Programs that tests start beside themselves: where they are, and how they are ended."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil


def postgres_binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, ``None`` when they are not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    found = [folder for folder in folders if (folder / "postgres").exists()]
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def missing_programs() -> list[str]:
    """What the stack needs and this machine lacks."""
    missing = [] if postgres_binaries() else ["postgresql"]
    return missing if shutil.which("redis-server") else [*missing, "redis-server"]


class Program:
    """One program in a process group of its own, with its output in a file."""

    def __init__(
        self, command: Sequence[str], *, log: Path, env: Mapping[str, str], user: str | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                list(command),
                env=dict(env),
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def ask_to_stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(sig)

    def kill(self) -> None:
        """``kill -9`` of the program and everything it started, as when the machine dies."""
        for process in self.family():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(timeout=10)

    def stop(self, patience: float) -> None:
        family = self.family()
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=patience)
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(timeout=10)

    def tail(self, lines: int = 25) -> str:
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- {self.log.name}", *text[-lines:]])
