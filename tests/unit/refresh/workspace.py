"""A small Mode whose runs end when a test says so, and what tests ask about them."""

from __future__ import annotations

import math

from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.refresh.refresh import Refresh
from tests.sandbox import WorkspaceShape
from tests.sandbox.mode import ModeSandbox

FOREVER = math.inf
SHAPE = WorkspaceShape(collections=1, reports=6, members=1, datasets=2, personal_reports=0, nasty=False)


def make_client(mode: ModeSandbox) -> ModeClient:
    return ModeClient(
        ModeEndpoint(
            workspace=mode.workspace,
            credentials=lambda: ModeCredentials(mode.token, mode.secret),
            host=mode.url,
            requests_per_second=1000,
            retry_budget=0.5,
        )
    )


def posts(mode: ModeSandbox) -> list[str]:
    """Targets that a run was asked for, in order."""
    return [request.path.split("/")[-2] for request in mode.requests if request.method == "POST"]


def end_all(mode: ModeSandbox, state: str = "succeeded") -> None:
    for run in mode.runs.started():
        mode.runs.end(run, state)


def states(refresh: Refresh) -> dict[str, str]:
    return {one.run_target.token: one.state for one in refresh.progress}
