"""Somebody who is logged in, and whose browser remembers what went wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page

from tests.demo.standalone import StandaloneAirflow

#: A busy machine needs long for a first screen; nothing here depends on how long.
PATIENCE = 120_000

#: Width and height of a screen in pixels: a desk and a phone.
SCREENS = {"desk": (1440, 900), "phone": (390, 844)}

_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Visitor:
    """One browser session.

    :param context: of the browser, with nobody logged in.
    :param airflow: what is visited.
    """

    def __init__(self, context: BrowserContext, airflow: StandaloneAirflow) -> None:
        self.context = context
        self.airflow = airflow
        self.errors: list[str] = []
        self.foreign: list[str] = []
        context.set_default_timeout(PATIENCE)
        context.on("console", lambda message: self._note(message.type, message.text, message.location))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("request", lambda request: self._requested(request.url))
        self.page = context.new_page()

    def _note(self, kind: str, text: str, location: Any) -> None:
        if kind == "error" and not _is_expected(text):
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

    def open(self, path: str, *, screen: str = "desk") -> Page:
        """Go to a path of Airflow, on a screen of a size."""
        self.resize(screen)
        self.page.goto(f"{self.airflow.url}{path}")
        return self.page

    def resize(self, screen: str) -> None:
        width, height = SCREENS[screen]
        self.page.set_viewport_size({"width": width, "height": height})

    def looks(self) -> Iterator[str]:
        """Show the page as it is on each screen, by day and by night; yield what that is called."""
        schemes: tuple[Literal["light", "dark"], ...] = ("dark", "light")
        for screen in SCREENS:
            self.resize(screen)
            for scheme in schemes:
                self.page.emulate_media(color_scheme=scheme)
                yield f"{screen}-{scheme}"

    def refuse_trouble(self, *, accessible: bool = True) -> None:
        """Fail on what nobody may meet: a screen that is too wide, an error, a request to another host.

        :param accessible: whether the page is all ours, so that axe-core judges it too; default ``True``.
        """
        assert self.page.evaluate(_TOO_WIDE) <= 0
        if accessible:
            found = Axe().run(self.page)
            assert found.violations_count == 0, found.generate_report()
        assert self.errors == []
        assert self.foreign == []

    def shot(self, name: str, *, above: Locator | None = None) -> None:
        """Take a picture for the documentation, when that is asked for.

        :param above: what the picture ends above; default ``None``: it is the whole screen.
        """
        if not (folder := os.environ.get("MODE_CATALOG_SCREENSHOTS")):
            return
        screen = self.page.viewport_size
        assert screen is not None
        box = above.bounding_box() if above is not None else None
        height = box["y"] if box else screen["height"]
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.page.screenshot(
            path=Path(folder) / f"{name}.png",
            animations="disabled",
            clip={"x": 0, "y": 0, "width": screen["width"], "height": height},
        )


def _is_expected(text: str) -> bool:
    """Whether the browser only tells that Airflow refused what a test had it refuse."""
    return "status of 4" in text
