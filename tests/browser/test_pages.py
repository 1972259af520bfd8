"""What a person sees in a real browser: the page, its links, and the screens of Airflow around it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import SYNC
from tests.demo.standalone import StandaloneAirflow

pytestmark = pytest.mark.timeout(1200)

#: A busy machine needs long for a first screen; nothing here depends on how long.
PATIENCE = 120_000

_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Visitor:
    """Somebody who is logged in, and whose browser remembers what went wrong."""

    def __init__(self, context: BrowserContext, airflow: StandaloneAirflow) -> None:
        self.context = context
        self.airflow = airflow
        self.errors: list[str] = []
        self.foreign: list[str] = []
        context.on("console", lambda message: self._note(message.type, message.text, message.location))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("request", lambda request: self._requested(request.url))
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)

    def _note(self, kind: str, text: str, location: Any) -> None:
        if kind == "error" and "/mode-catalog/" in f"{location}":
            self.errors.append(f"{text} {location}")

    def _requested(self, url: str) -> None:
        if not url.startswith((self.airflow.url, "data:", "blob:", "about:")):
            self.foreign.append(url)

    def log_in(self) -> None:
        page = self.page
        page.goto(f"{self.airflow.url}/auth/login")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", self.airflow.password)
        page.click("button[type=submit]")
        page.wait_for_url(re.compile(r"^(?!.*/auth/).*$"))

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.airflow.url}{path}")
        return self.page

    def shot(self, name: str) -> None:
        if folder := os.environ.get("MODE_CATALOG_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture(scope="module")
def visitor(browser: Browser, airflow: StandaloneAirflow) -> Iterator[Visitor]:
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        found = Visitor(context, airflow)
        found.log_in()
        yield found


@pytest.fixture(scope="module")
def home(visitor: Visitor) -> str:
    """The path of the workspace on the page."""
    page = visitor.open(f"/mode-catalog/dags/{SYNC}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Mode and Catalog: acme")
    return page.url.removeprefix(visitor.airflow.url)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("view", ["", "/findings", "/reports", "/usage", "/compare"])
def test_each_view_fits_the_screen_and_can_be_read_by_everybody(
    visitor: Visitor, home: str, view: str, width: int
) -> None:
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 900})
    visitor.open(f"{home}{view}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if view == "/compare":
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_text("Renamed by a person").first).to_be_visible()
    assert page.evaluate(_TOO_WIDE) <= 0
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    visitor.shot(f"page{view.replace('/', '-')}-{width}")
    assert visitor.errors == []
    assert visitor.foreign == []


def test_a_person_searches_and_sorts_without_the_page_being_loaded_again(visitor: Visitor, home: str) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 1440, "height": 900})
    visitor.open(f"{home}/reports")
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Views").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Views")
    page.get_by_label("Search").fill("renamed PERSON")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    expect(page.locator("#results tbody tr")).to_contain_text("Renamed by a person")
    assert page.evaluate("window.sameDocument")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Views")
    page.get_by_label("Search").fill("<script>no such report")
    expect(page.locator("#results")).to_contain_text("No report has all these words")
    assert visitor.errors == []


def test_the_menu_and_the_tab_lead_to_the_page_and_its_links_out_of_it(visitor: Visitor, home: str) -> None:
    page = visitor.page
    visitor.open("/plugin/mode-catalog")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("link", name="mode_default")).to_be_visible()
    frame.get_by_role("link", name="mode_default").click()
    expect(frame.get_by_role("heading", level=1)).to_contain_text("acme")
    visitor.shot("page-in-airflow")
    with visitor.context.expect_page(timeout=PATIENCE) as opened:
        frame.get_by_role("link", name="Last run of").click()
    expect(opened.value).to_have_url(re.compile(rf"/dags/{SYNC}/runs/misspelt"), timeout=PATIENCE)
    opened.value.close()
    visitor.open(f"/dags/{SYNC}/plugin/mode-catalog-dag")
    expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_contain_text("acme")
    assert visitor.foreign == []


def test_the_button_of_a_task_leads_to_its_place_on_the_page(visitor: Visitor, home: str) -> None:
    links = visitor.airflow.api("GET", f"dags/{SYNC}/dagRuns/first/taskInstances/what_changed/links")
    address = links["extra_links"]["Mode and Catalog"]
    assert address.startswith(f"{visitor.airflow.url}/mode-catalog/")
    visitor.page.goto(address)
    expect(visitor.page).to_have_url(re.compile(rf"{re.escape(home)}#changes$"))
