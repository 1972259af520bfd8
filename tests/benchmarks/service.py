"""The sandbox in a process of its own: its CPU time and its memory are nobody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from tests.benchmarks.machine import ROOT
from tests.sandbox import WorkspaceShape

Tokens = dict[str, set[str]]


class Service:
    """A running sandbox, for the length of a ``with`` block.

    :param shape: the workspace.
    :param compression: seconds of the service in one real second, default 1.
    :param mode: switches of its Mode.
    :param catalog: switches of its Catalog.
    :param folder: where it stores what is uploaded; ``None`` for the system's temporary folder.
    """

    def __init__(
        self,
        *,
        shape: WorkspaceShape,
        compression: float = 1.0,
        mode: Mapping[str, Any] | None = None,
        catalog: Mapping[str, Any] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.compression = compression
        self._command = [sys.executable, "-m", "tests.sandbox", "--time-scale", str(1 / compression)]
        for name, values in (("shape", asdict(shape)), ("mode", mode), ("catalog", catalog)):
            self._command += (
                [f"--{name}", *(f"{key}={json.dumps(value)}" for key, value in values.items())]
                if values
                else []
            )
        self._environment = {**os.environ, **({"TMPDIR": str(folder)} if folder else {})}
        self._control = requests.Session()
        self._control.trust_env = False

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=self._environment
        )
        assert self._process.stdout is not None
        self._described = json.loads(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self._process.terminate()
        self._process.communicate()

    @property
    def mode(self) -> dict[str, Any]:
        """``url``, ``workspace``, ``token`` and ``secret`` of its Mode."""
        return dict(self._described["mode"])

    @property
    def catalog(self) -> dict[str, Any]:
        """``ingest_url``, ``token`` and ``source_id`` of its Catalog, among others."""
        return dict(self._described["catalog"])

    def switch(self, **switches: Any) -> None:
        """Throw switches of Mode, and wait until no earlier request counts against the rate any more."""
        self._ask("POST", "mode/switches", switches)
        time.sleep(10 / self.compression)

    def forget_requests(self) -> None:
        self._ask("DELETE", "mode/requests")

    def requests(self) -> list[dict[str, Any]]:
        """What Mode was asked since then, as it saw it."""
        return list(self._ask("GET", "mode/requests"))

    def forget_uploads(self) -> None:
        self._ask("DELETE", "catalog/uploads")

    def expected(self, **options: Any) -> Tokens:
        """Tokens of the rows that a complete extraction has, by asset."""
        rows = self._ask("POST", "mode/expected", options)
        return {asset: {row["token"] for row in found} for asset, found in rows.items()}

    def edit(self, reports: Iterable[str]) -> None:
        """Let somebody have written one more query into each of these reports, by token, some hours ago."""
        saved_at = (datetime.now(UTC) - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        for token in reports:
            edit = {"report": token, "raw_query": "select 1", "saved_at": saved_at}
            self._ask("POST", "mode/world/add_query", edit)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self._described['mode']['url']}/_sandbox/{path}"
        answer = self._control.request(method, url, json=body, timeout=120)
        answer.raise_for_status()
        return answer.json()
