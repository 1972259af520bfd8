"""`mode-catalog` as a process of its own, against a sandbox."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.sandbox import Sandbox

MODE_SECRET = "CASTOR_MODE_ANALYTICS_SECRET"


class CommandLine:
    """Runs the command with the sandbox's credentials in its environment."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.environment = {
            "PATH": os.environ["PATH"],
            "CASTOR_MODE_ANALYTICS_HOST": sandbox.mode.url,
            "CASTOR_MODE_ANALYTICS_WORKSPACE": sandbox.mode.workspace,
            "CASTOR_MODE_ANALYTICS_TOKEN": sandbox.mode.credentials().token,
            MODE_SECRET: sandbox.mode.credentials().secret,
            "CASTOR_UPLOADER_TOKEN": sandbox.catalog.token,
            "CASTOR_UPLOADER_SOURCE_ID": sandbox.catalog.source_id,
        }

    def __call__(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def json(self, *arguments: str | Path, **environment: str) -> dict[str, Any]:
        done = self(*arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def on_terminal(self, *arguments: str | Path, shows: str, **environment: str) -> bytes:
        """Run the command with a terminal for one of its outputs; returns what that showed.

        :param shows: ``stdout`` or ``stderr``; the other goes nowhere.
        """
        terminal, child = pty.openpty()
        outputs = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, shows: child}
        with subprocess.Popen(
            self.command(*arguments), env={**self.environment, **environment}, **outputs
        ) as process:
            os.close(child)
            shown = b""
            try:
                while chunk := os.read(terminal, 65536):
                    shown += chunk
            except OSError:
                pass  # how a terminal reports that the other side is gone
            finally:
                os.close(terminal)
            assert process.wait(timeout=240) == 0
        return shown

    def command(self, command: str | Path, *arguments: str | Path) -> list[str]:
        more: list[str] = []
        if command == "extract":
            more = ["--requests-per-second", str(self.sandbox.requests_per_second)]
        elif command in ("upload", "check", "reconcile"):
            catalog = self.sandbox.catalog
            more = ["--ingest-url", catalog.ingest_url, "--api-url", catalog.api_url]
        return [sys.executable, "-m", "mode_catalog_provider.cli", *map(str, [command, *arguments]), *more]
