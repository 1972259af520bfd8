"""The page in Airflow's UI, asked over HTTP as people and as attackers do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.conftest import describe, parse_dag
from tests.integration.command_line import CommandLine
from tests.integration.test_command_line_report import EVIL, Page
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

SYNC = "mode_catalog_sync"


Site = Callable[[str | None], Any]


@pytest.fixture(scope="module")
def site(airflow_home: Path) -> Iterator[Site]:
    """Ask Airflow's API server as somebody: ``site("admin").get("/mode-catalog/")``; ``None`` is nobody."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.airflow.picky.PickyAuthManager")
        patched.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)
        patched.setenv("AIRFLOW__API__SECRET_KEY", "y" * 64)
        from airflow.api_fastapi import app as server
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from starlette.testclient import TestClient

        server.purge_cached_app()
        application = server.create_app(apps="core")

        def ask(name: str | None) -> Any:
            client = TestClient(application, follow_redirects=False, raise_server_exceptions=False)
            if name is not None:
                role = "ADMIN" if name == "admin" else "VIEWER"
                user = SimpleAuthManagerUser(username=name, role=role)
                token = server.get_auth_manager().generate_jwt(user=user)
                client.headers["Authorization"] = f"Bearer {token}"
            return client

        yield ask
        server.purge_cached_app()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A workspace in which somebody tried to be clever with names."""
    shape = WorkspaceShape(collections=4, reports=14, members=5, nasty=True, seed=7)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off", batch=404), time_scale=0.01) as started:
        started.catalog.ingest_warehouse()
        started.mode.world.collections[0].name = EVIL
        for report in started.mode.world.reports[::2]:
            report.name = report.name and f"{report.token} {EVIL}"
        yield started


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("area") / "staging"


@pytest.fixture(scope="module")
def home(site: Site, sandbox: Sandbox, staging: Path) -> Iterator[str]:
    """The address of a workspace after a run of the sync DAG, one more snapshot, and an audit."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AIRFLOW__MODE_CATALOG__OUTPUT_DIR", str(staging))
        for name, value in sandbox.environment().items():
            patched.setenv(name, value)
        assert describe(parse_dag(SYNC).test(run_conf={}, logical_date=None)).state == "success"
        world = sandbox.mode.world
        report = next(one for one in world.reports if one.name and not one.is_dataset and not one.refused)
        world.edit_report(report, name=f"Renamed by {EVIL}")
        mode_catalog = CommandLine(sandbox)
        mode_catalog.json("extract", "-o", staging, "--keep", "9")
        mode_catalog.json("audit", "-d", staging)
        yield str(site("admin").get(f"/mode-catalog/dags/{SYNC}").headers["location"])


PATHS = (
    *("/", "/static/page.css", "/static/report.css", "/static/page.js", "/static/nope", "/docs", "/redoc"),
    *("/openapi.json", f"/dags/{SYNC}", f"/dags/{SYNC}/0123456789abcdef", "/dags/nope", "/dags/~", "/nope"),
    *(f"/dags/{SYNC}/0123456789abcdef/{view}" for view in ("reports", "findings", "compare")),
)


@pytest.mark.parametrize("path", PATHS)
def test_nobody_sees_anything(site: Site, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = site(None).request(method, f"/mode-catalog{path}")
        assert answer.status_code == 401, (method, path)
        assert answer.json() == {"detail": "Not authenticated"}
        assert "default-src 'none'" in answer.headers["content-security-policy"]
