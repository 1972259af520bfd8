from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.sandbox import CatalogSwitches, ModeSwitches, Sandbox, WorkspaceShape


class Caller:
    """A client without any cleverness: one request, one answer."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False

    def mode(self, path: str, method: str = "GET", **options: Any) -> requests.Response:
        """Ask Mode; a path without leading slash is below the workspace."""
        mode = self.sandbox.mode
        absolute = path if path.startswith("/") else f"/api/{mode.workspace}/{path}"
        options.setdefault("auth", (mode.token, mode.secret))
        return self.session.request(method, mode.url + absolute, allow_redirects=False, timeout=10, **options)

    def rows(self, path: str, key: str, **params: Any) -> list[dict[str, Any]]:
        """The rows of one listing page."""
        body = self.mode(path, params=params).json()
        return list(body["_embedded"].get(key, []))

    def tokens(self, path: str, key: str, **params: Any) -> list[str]:
        return [row["token"] for row in self.rows(path, key, **params)]

    def upload(
        self, name: str, content: bytes, *, source_id: str | None = None, token: str | None = None
    ) -> requests.Response:
        catalog = self.sandbox.catalog
        return self.session.post(
            f"{catalog.ingest_url}/visualization-{source_id or catalog.source_id}/{name}",
            files={"file": (name, content)},
            headers={"Authorization": f"Token {token or catalog.token}"},
            timeout=10,
        )

    def graphql(
        self, query: str, variables: dict[str, Any] | None = None, *, token: str | None = None
    ) -> requests.Response:
        body: dict[str, Any] = {"query": query}
        if variables is not None:
            body["variables"] = variables
        return self.session.post(
            self.sandbox.catalog.api_url,
            json=body,
            headers={"Authorization": f"Token {token or self.sandbox.catalog.token}"},
            timeout=10,
        )


@pytest.fixture
def start() -> Iterator[Callable[..., Caller]]:
    """Start a sandbox; keyword arguments are Mode's switches, ``shape`` and others go to the sandbox."""
    running: list[Sandbox] = []

    def begin(
        shape: WorkspaceShape | None = None,
        catalog: CatalogSwitches | None = None,
        time_scale: float = 1.0,
        **switches: Any,
    ) -> Caller:
        switches.setdefault("limiter", "off")
        sandbox = Sandbox(shape=shape, mode=ModeSwitches(**switches), catalog=catalog, time_scale=time_scale)
        running.append(sandbox.start())
        return Caller(sandbox)

    yield begin
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def caller(start: Callable[..., Caller]) -> Caller:
    """A small sandbox with every nasty row and no rate limit."""
    return start()
