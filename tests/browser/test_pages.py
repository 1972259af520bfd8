"""What a person sees on the page: each view, on a desk and on a phone, by day and by night."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ON_S3, SYNC
from tests.browser.visitor import Visitor
from tests.integration.command_line import CommandLine
from tests.sandbox import Sandbox

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("view", ["", "/findings", "/reports", "/usage", "/compare"])
def test_each_view_fits_the_screen_and_can_be_read_by_everybody(
    visitor: Visitor, home: str, view: str
) -> None:
    page = visitor.open(f"{home}{view}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if view == "/compare":
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_text("Revenue by region (final)").first).to_be_visible()
    for look in visitor.looks():
        visitor.refuse_trouble()
        if (view, look) in (("", "desk-dark"), ("/findings", "phone-light")):
            visitor.shot(f"page{view.replace('/', '-')}-{look}")


def test_a_person_searches_and_sorts_without_the_page_being_loaded_again(visitor: Visitor, home: str) -> None:
    page = visitor.open(f"{home}/reports")
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Views").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Views")
    page.get_by_label("Search").fill("region FINAL")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    expect(page.locator("#results tbody tr")).to_contain_text("Revenue by region (final)")
    assert page.evaluate("window.sameDocument")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Views")
    page.get_by_label("Search").fill("<script>no such report")
    expect(page.locator("#results")).to_contain_text("No report has all these words")
    visitor.refuse_trouble()


def test_a_change_of_a_query_is_shown_between_any_two_snapshots(visitor: Visitor, home: str) -> None:
    page = visitor.open(f"{home}/compare")
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("link", name=re.compile("query sql changed")).click()
    expect(page.get_by_label("Difference")).to_contain_text("s.cancelled_at > '2026-01-01'")
    visitor.refuse_trouble()


def test_the_page_in_airflow_is_as_dark_as_airflow(visitor: Visitor, home: str) -> None:
    page = visitor.open("/")
    page.evaluate("localStorage.setItem('theme', 'dark')")
    visitor.open(f"/dags/{SYNC}/plugin/mode-catalog-dag")
    inside = page.frame_locator("iframe").locator("body")
    expect(inside).to_have_css("background-color", "rgb(13, 17, 23)")
    page.evaluate("localStorage.setItem('theme', 'light')")
    page.reload()
    expect(inside).to_have_css("background-color", "rgb(255, 255, 255)")
    visitor.refuse_trouble(accessible=False)


def test_a_workspace_in_an_object_store_is_read_by_the_api_server(visitor: Visitor, sandbox: Sandbox) -> None:
    page = visitor.open(f"/mode-catalog/dags/{ON_S3}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("acme")
    expect(page.get_by_role("main")).to_contain_text("was not uploaded from this staging area")
    page.get_by_role("link", name="Reports", exact=True).click()
    expect(page.locator("#results")).to_contain_text("Revenue by region (copy)")
    visitor.refuse_trouble()


def test_the_report_file_fits_the_screen_and_can_be_read_by_everybody(
    visitor: Visitor, home: str, sandbox: Sandbox, staging: Path, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    CommandLine(sandbox).json("report", "-d", staging / sandbox.mode.workspace, "-o", file)
    visitor.page.goto(file.as_uri())
    visitor.foreign.remove(file.as_uri())
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("acme")
    for look in visitor.looks():
        visitor.refuse_trouble()
        if look == "desk-light":
            visitor.shot("report-file")
