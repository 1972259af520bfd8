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
        world.add_query(report, name="Query of it")
        mode_catalog = CommandLine(sandbox)
        mode_catalog.json("extract", "-o", staging / "acme", "--keep", "9")
        mode_catalog.json("audit", "-d", staging / "acme")
        yield str(site("admin").get(f"/mode-catalog/dags/{SYNC}").headers["location"])


PATHS = (
    *("/", "/static/page.css", "/static/report.css", "/static/page.js", "/static/nope", "/docs", "/redoc"),
    *("/openapi.json", f"/dags/{SYNC}", f"/dags/{SYNC}/0123456789abcdef", "/dags/nope", "/dags/~", "/nope"),
    *(f"/dags/{SYNC}/0123456789abcdef/{view}" for view in ("reports", "findings", "usage", "compare")),
)


@pytest.mark.parametrize("path", PATHS)
def test_nobody_sees_anything(site: Site, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = site(None).request(method, f"/mode-catalog{path}")
        assert answer.status_code == 401, (method, path)
        assert answer.json() == {"detail": "Not authenticated"}
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_everything_that_is_known_is_shown(site: Site, home: str) -> None:
    admin = site("admin")
    assert home in admin.get("/mode-catalog/").text
    overview = Page(admin.get(home).text)
    for told in ("Catalog is current", "success", "Objects that Mode refuses to the key", "Trends"):
        assert told in overview.text
    assert re.search(r"Mode accepts the API key for at most \d+ more days", overview.text)
    assert f"/dags/{SYNC}/runs/" in " ".join(overview.links)
    assert "https://app.castordoc.com" in overview.links
    assert "most viewed" not in overview.text
    assert "Nobody looked at a report" in admin.get(f"{home}/usage").text
    findings = Page(admin.get(f"{home}/findings", params={"check": "refused", "new": "yes"}).text)
    assert "findings in the snapshot of" in findings.text
    assert "Not checked: naming, for no pattern is set" in findings.text
    assert "Not the whole workspace" not in findings.text


def test_somebody_without_the_right_on_the_dag_sees_none_of_it(site: Site, home: str) -> None:
    stranger = site("stranger")
    listed = stranger.get("/mode-catalog/")
    assert listed.status_code == 200
    assert SYNC not in Page(listed.text).text.replace(f"dags/{SYNC}.py", "")
    for path in ("", "/findings", "/reports", "/compare"):
        assert stranger.get(f"{home}{path}").status_code == 403
    for path in (f"/mode-catalog/dags/{SYNC}", f"/mode-catalog/dags/{SYNC}?dag_id=other"):
        assert stranger.get(path).status_code == 403
    # The right on one DAG opens no place of another.
    assert site("admin").get(home.replace(SYNC, "mode_cache_refresh")).status_code == 404


def test_the_last_run_and_the_key_want_a_right_of_their_own(site: Site, home: str) -> None:
    answer = site("guest").get(home)
    assert "Catalog is current" in answer.text
    assert "its runs are not yours to see" in answer.text
    assert "API key" not in answer.text


UPWARDS = (
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "....//",
    "%00",
    "\\\\host\\share",
)


@pytest.mark.parametrize(
    "text", [*UPWARDS, "-1", "1e9", "9" * 400, "٣", "<script>alert(1)</script>", "' OR 1=1 --"]
)
def test_no_parameter_reaches_the_file_system_or_the_page(site: Site, home: str, text: str) -> None:
    admin = site("admin")
    names = (
        "q",
        "sort",
        "order",
        "page",
        "rows",
        "check",
        "new",
        "before",
        "after",
        "asset",
        "change",
        "conn",
    )
    for view in ("", "/reports", "/findings", "/usage", "/compare"):
        for name in names:
            answer = admin.get(f"{home}{view}", params={name: text})
            assert answer.status_code == 200
            assert "root:" not in answer.text
            assert Page(answer.text).elements.count("script") == 1
        answer = admin.get(f"{home}{view}", params=dict.fromkeys(names, text))
        assert answer.status_code == 200
    for path in (f"dags/{text}/0123456789abcdef", f"dags/{SYNC}/{text}", f"static/{text}"):
        assert admin.get(f"/mode-catalog/{path}").status_code in {200, 404}
        assert "root:" not in admin.get(f"/mode-catalog/{path}").text


def test_a_page_of_a_list_has_a_bounded_size(site: Site, home: str) -> None:
    for rows, most in (("1000000000", 200), ("0", 1), ("", 50)):
        shown = Page(site("admin").get(f"{home}/reports", params={"rows": rows}).text)
        assert 1 <= shown.elements.count("tr") - 1 <= most
    far = site("admin").get(f"{home}/reports", params={"page": "999999999"})
    assert "No report has all these words" in far.text


def test_no_header_can_be_smuggled_in(site: Site, home: str) -> None:
    for path in (
        f"/mode-catalog/dags/{SYNC}?conn=mode_default%0d%0aset-cookie:%20a=b",
        f"{home}%0d%0ax-evil:%201",
    ):
        answer = site("admin").get(path, headers={"host": "evil.example", "x-forwarded-host": "evil.example"})
        assert "x-evil" not in answer.headers
        assert "a=b" not in str(answer.headers)
        assert "evil.example" not in str(answer.headers) + answer.text


def test_what_strangers_wrote_in_mode_is_text_and_nothing_else(
    site: Site, sandbox: Sandbox, home: str
) -> None:
    admin = site("admin")
    newest, before = snapshots(admin, home)
    catalog = r"https://app\.castordoc\.com$"
    addresses = re.compile(rf"(\?|#|/mode-catalog/|/dags/|{re.escape(sandbox.mode.url)}/acme|{catalog})")
    for path in ("", "/findings", "/reports?q=script", f"/compare?before={before}&after={newest}"):
        shown = Page(admin.get(f"{home}{path}").text)
        assert not shown.open
        assert shown.elements.count("script") == 1
        assert [one for one in shown.sources if not one.startswith("/mode-catalog/")] == []
        assert [link for link in shown.links if not addresses.match(link)] == []
        assert "\u202e" not in shown.text
        if path.startswith(("/reports", "/compare")):
            assert "javascript[:]alert(1)" in shown.text


def test_no_secret_is_on_any_page(site: Site, sandbox: Sandbox, home: str) -> None:
    secrets = [
        json.loads(value) for name, value in sandbox.environment().items() if name.startswith("AIRFLOW_CONN")
    ]
    words = {str(one[key]) for one in secrets for key in ("login", "password") if one.get(key)}
    assert words
    for path in ("/mode-catalog/", home, f"{home}/findings", f"{home}/reports", f"{home}/compare"):
        text = site("admin").get(path).text
        assert not [word for word in words if word in text]


def test_the_list_is_searched_sorted_and_turned(site: Site, sandbox: Sandbox, home: str) -> None:
    admin = site("admin")
    names = re.findall(r"/reports/([0-9a-f]{12})", admin.get(f"{home}/reports?rows=200").text)
    assert len(names) >= 10
    turned = [
        token
        for page in range(1, len(names) + 1)
        for token in re.findall(
            r"/reports/([0-9a-f]{12})", admin.get(f"{home}/reports?rows=5&page={page}").text
        )
    ]
    assert turned == names
    alone = admin.get(f"{home}/reports", params={"q": names[3].upper()}).text
    assert re.findall(r"/reports/([0-9a-f]{12})", alone) == [names[3]]
    views = [
        int(number.replace(",", ""))
        for number in re.findall(
            r'<td class="number">([\d,]+)</td><td class="number">',
            admin.get(f"{home}/reports?sort=views&order=desc&rows=200").text,
        )
    ]
    assert views == sorted(views, reverse=True)


def test_any_two_snapshots_are_compared(site: Site, home: str) -> None:
    admin = site("admin")
    newest, before = snapshots(admin, home)
    forwards = Page(admin.get(f"{home}/compare?before={before}&after={newest}").text).text
    assert "Renamed by" in forwards
    assert "Query of it of Renamed by" in forwards
    narrowed = f"before={newest}&after={before}&asset=report&change=renamed"
    backwards = Page(admin.get(f"{home}/compare?{narrowed}").text).text
    assert "renamed" in backwards
    assert "everything is told backwards" in backwards
    assert "told backwards" not in forwards
    gone = admin.get(f"{home}/compare?before=1700000000&after={newest}").text
    assert "There is no complete snapshot 1700000000" in gone


def test_findings_of_a_part_of_the_workspace_are_told_as_that(site: Site, home: str, staging: Path) -> None:
    kept = max((staging / "acme").glob("*.audit"))
    whole = kept.read_bytes()
    kept.write_text(json.dumps({**json.loads(whole), "narrowed": "only collections <b>Finance"}))
    try:
        text = Page(site("admin").get(f"{home}/findings").text).text
        assert "Not the whole workspace : only collections <b>Finance" in text
    finally:
        kept.write_bytes(whole)


def test_a_snapshot_that_cannot_be_read_is_named_on_each_view(site: Site, home: str, staging: Path) -> None:
    newest = int(snapshots(site("admin"), home)[0])
    damaged = staging / "acme" / f"{newest + 1}.manifest"
    damaged.write_bytes(b"{")
    try:
        for view in ("", "/reports", "/usage", f"/compare?before={newest}&after={newest + 1}"):
            text = Page(site("admin").get(f"{home}{view}").text).text
            assert text.count(f"Could not be read: {damaged.name}.") == 1, view
    finally:
        damaged.unlink()


def snapshots(client: Any, home: str) -> list[str]:
    """The two snapshots that can be chosen, the newest first."""
    return re.findall(r'<option value="(\d+)"', client.get(f"{home}/compare").text)[:2]


def test_what_is_missing_is_said_with_what_to_do(
    site: Site, sandbox: Sandbox, home: str, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = site("admin")
    moved = staging.rename(staging.with_name("elsewhere"))
    assert "set output_dir to an object store" in admin.get(home).text
    staging.mkdir()
    assert "There is no complete snapshot yet. Run mode_catalog_sync." in admin.get(home).text
    for view in ("reports", "findings", "compare"):
        assert admin.get(f"{home}/{view}").status_code == 200
    assert "two are needed" in admin.get(f"{home}/compare").text
    staging.rmdir()
    moved.rename(staging)
    monkeypatch.delenv("AIRFLOW_CONN_MODE_DEFAULT")
    assert "There is no Airflow connection &#39;mode_default&#39;" in admin.get(home).text


def test_files_that_the_api_server_may_not_read_are_told_in_a_sentence(
    site: Site, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("mode_catalog_provider.snapshot.reader.read_record", refuse)
    for view in ("", "/reports", "/findings", "/compare"):
        answer = site("admin").get(f"{home}{view}")
        assert answer.status_code == 200, view
        assert "this user may not read or write there" in answer.text, view


def test_a_dag_of_something_else_says_so(site: Site, home: str) -> None:
    answer = site("admin").get("/mode-catalog/dags/mode_cache_refresh")
    assert "there is nothing to show here" in answer.text
    # Its mapped tasks may stage snapshots all the same.
    assert "Of a mapped task only a run knows the place." in answer.text
