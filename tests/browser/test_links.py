"""Each kind of link on the page and to it, followed as a person does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.browser.conftest import ARRIVAL, AUDIT, SYNC
from tests.browser.visitor import PATIENCE, Visitor
from tests.sandbox import Sandbox

pytestmark = pytest.mark.timeout(1200)

CATALOG = "https://app.castordoc.com"


@contextmanager
def opened_beside(visitor: Visitor, link: Locator, *, elsewhere: str | None = None) -> Iterator[Page]:
    """Click a link, and yield the page that it opens beside this one.

    :param elsewhere: another host that the link is meant to lead to; it is not really asked.
    """
    if elsewhere is not None:
        visitor.context.route(f"{elsewhere}/**", lambda route: route.fulfill(body="somewhere else"))
    with visitor.context.expect_page(timeout=PATIENCE) as opened:
        link.click()
    page = opened.value
    try:
        yield page
    finally:
        page.close()
        if elsewhere is not None:
            visitor.context.unroute(f"{elsewhere}/**")
            visitor.foreign[:] = [url for url in visitor.foreign if not url.startswith(f"{elsewhere}/")]


@pytest.fixture
def framed(visitor: Visitor, home: str) -> FrameLocator:
    """The page of the workspace, as Airflow's menu opens it."""
    page = visitor.open("/")
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Mode and Catalog").click()
    # As soon as the page is there, Airflow 3.3 appends its address to its own.
    expect(page).to_have_url(re.compile(r"/plugin/mode-catalog(/|$)"))
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="mode_default").click()
    expect(frame.get_by_role("heading", level=1)).to_contain_text("acme")
    return frame


def test_the_menu_leads_to_each_view(visitor: Visitor, framed: FrameLocator, home: str) -> None:
    visitor.shot("page-in-airflow")
    for view in ("Findings", "Reports", "Usage", "Compare", "Overview"):
        views = framed.get_by_role("navigation", name="Views")
        views.get_by_role("link", name=view).click()
        expect(views.get_by_role("link", name=view)).to_have_attribute("aria-current", "page")
    expect(visitor.page).to_have_url(re.compile(rf"/plugin/mode-catalog{re.escape(home)}$"))
    visitor.page.reload()
    expect(framed.get_by_role("link", name="Overview")).to_have_attribute("aria-current", "page")
    framed.get_by_role("link", name="Trends").click()
    expect(framed.get_by_role("heading", name="Trends")).to_be_in_viewport()
    framed.get_by_role("link", name="All workspaces").click()
    expect(framed.get_by_role("link", name="mode_default")).to_be_visible()
    visitor.refuse_trouble(accessible=False)


def test_links_to_the_dag_the_run_and_the_failed_task_open_beside_the_page(
    visitor: Visitor, framed: FrameLocator
) -> None:
    run = f"/dags/{SYNC}/runs/misspelt"
    for name, path in (
        (f"DAG {SYNC}", f"/dags/{SYNC}"),
        ("Last run of", run),
        ("preflight", f"{run}/tasks/preflight"),
    ):
        with opened_beside(visitor, framed.get_by_role("link", name=name)) as page:
            expect(page).to_have_url(re.compile(rf"^{re.escape(visitor.airflow.url + path)}/?$"))
            expect(page.get_by_text(SYNC).first).to_be_visible()
    visitor.refuse_trouble(accessible=False)


def test_links_to_mode_and_to_catalog_open_beside_the_page(
    visitor: Visitor, framed: FrameLocator, sandbox: Sandbox
) -> None:
    mode = sandbox.mode.url
    for link, host, path in (
        (framed.get_by_role("link", name="Open acme in Mode"), mode, "/acme$"),
        (framed.get_by_role("link", name="Open Catalog"), CATALOG, "/$"),
        (framed.locator("#changes").get_by_role("link").first, mode, "/acme/"),
        (framed.locator("#arrival").get_by_role("link", name="Open in Mode").first, mode, "/acme/reports/"),
    ):
        with opened_beside(visitor, link, elsewhere=host) as page:
            expect(page).to_have_url(re.compile(rf"^{re.escape(host)}{path}"))
            expect(page.get_by_text("somewhere else")).to_be_visible()
            assert page.evaluate("document.referrer") == ""
    visitor.refuse_trouble(accessible=False)


@pytest.mark.parametrize(
    ("dag_id", "task_id", "part"),
    [(SYNC, "what_changed", "changes"), (AUDIT, "audit", "findings"), (ARRIVAL, "reconcile", "arrival")],
)
def test_the_button_of_a_task_leads_to_its_place_on_the_page(
    visitor: Visitor, home: str, dag_id: str, task_id: str, part: str
) -> None:
    page = visitor.open(f"/dags/{dag_id}/runs/first/tasks/{task_id}/details")
    page.get_by_role("link", name="Mode and Catalog").and_(page.locator(f"[href$='#{part}']")).click()
    expect(page).to_have_url(f"{visitor.airflow.url}{home.replace(SYNC, dag_id)}#{part}")
    expect(page.locator(f"#{part}-title")).to_be_in_viewport()
    visitor.refuse_trouble()


def test_no_link_of_any_view_leads_nowhere(visitor: Visitor, home: str, sandbox: Sandbox) -> None:
    addresses: set[str] = set()
    for view in ("", "/findings", "/reports", "/usage", "/compare"):
        page = visitor.open(f"{home}{view}")
        addresses |= set(page.eval_on_selector_all("a[href]", "links => links.map((link) => link.href)"))
    ours = {address for address in addresses if address.startswith(f"{visitor.airflow.url}/mode-catalog/")}
    assert len(ours) > 10
    for address in sorted({address.partition("#")[0] for address in ours}):
        assert visitor.context.request.get(address).status == 200, address
    known = (f"{visitor.airflow.url}/dags/", f"{sandbox.mode.url}/acme", CATALOG)
    assert [address for address in addresses - ours if not address.startswith(known)] == []
    assert len(addresses - ours) > 10
