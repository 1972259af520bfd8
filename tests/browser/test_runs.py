"""What a person sees of a run in Airflow's own screens: a failure, and a question."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ASKS, LONG, REFUSED, SILENT, SYNC
from tests.browser.visitor import Visitor
from tests.sandbox import Sandbox

pytestmark = pytest.mark.timeout(1200)


def log_of_preflight(visitor: Visitor, dag_id: str) -> Page:
    assert visitor.airflow.wait_for_run(dag_id, "first", timeout=LONG) == "failed"
    return visitor.open(f"/dags/{dag_id}/runs/first/tasks/preflight")


def in_sight(page: Page, text: str) -> None:
    """Fail unless a text is on the screen as a whole, without scrolling to a side."""
    line = page.get_by_text(text).first
    expect(line).to_be_visible()
    line.scroll_into_view_if_needed()
    words = line.evaluate(
        """(line, text) => {
            const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
            const range = document.createRange();
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                const at = node.data.indexOf(text);
                if (at < 0) continue;
                range.setStart(node, at);
                range.setEnd(node, node.data.length);
                const found = range.getBoundingClientRect();
                return [found.left, found.right, found.height];
            }
            return null;
        }""",
        text,
    )
    assert words is not None, text
    assert 0 <= words[0] < words[1] <= page.evaluate("innerWidth"), (text, words)


@pytest.mark.parametrize(
    ("dag_id", "told"),
    [
        (REFUSED, ["Mode refused API token", "put the new token into connection", "airflow dags trigger"]),
        (SILENT, ["cannot be reached", "Check the host and the network"]),
    ],
)
def test_a_failed_run_says_on_its_first_screen_what_happened_and_what_to_do(
    visitor: Visitor, dag_id: str, told: list[str]
) -> None:
    page = log_of_preflight(visitor, dag_id)
    for text in told:
        in_sight(page, text)
    visitor.refuse_trouble(accessible=False)
    if dag_id == REFUSED:
        # What follows is Airflow's own stack.
        visitor.shot("failed-run", above=page.get_by_text("Task failed with exception"))


def test_the_page_names_the_task_that_failed_and_says_that_there_is_no_snapshot(visitor: Visitor) -> None:
    assert visitor.airflow.wait_for_run(REFUSED, "first", timeout=LONG) == "failed"
    page = visitor.open(f"/mode-catalog/dags/{REFUSED}", screen="phone")
    expect(page.get_by_role("link", name="preflight")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("There is no folder")
    visitor.refuse_trouble()


def test_the_grid_shows_which_task_failed(visitor: Visitor) -> None:
    page = visitor.open(f"/dags/{SYNC}/runs/first")
    expect(page.get_by_text("confirm_outcome").first).to_be_visible()
    visitor.refuse_trouble(accessible=False)
    visitor.shot("run-grid", above=page.get_by_role("row").filter(has_text="acquire_lock").last)


def test_a_person_is_shown_what_disappears_and_approves(visitor: Visitor, sandbox: Sandbox) -> None:
    page = visitor.open("/required_actions")
    page.get_by_role("link", name=re.compile("Upload a smaller snapshot")).first.click()
    expect(page.get_by_role("cell", name="collection", exact=True)).to_be_visible()
    expect(page.get_by_text("only these collections: Finance").first).to_be_visible()
    expect(page.get_by_text("Revenue by region (copy)").first).to_be_visible()
    visitor.shot("approval-question", above=page.get_by_role("heading", name="What disappears"))
    visitor.refuse_trouble(accessible=False)
    before = len(sandbox.catalog.uploads)
    page.get_by_role("button", name="Approve").click()
    assert visitor.airflow.wait_for_run(ASKS, "smaller", timeout=LONG) == "success"
    assert len(sandbox.catalog.uploads) == before + 6
