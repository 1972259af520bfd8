"""The line that tells how far an extraction has come."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.extract.news import EVERY, ExtractionNews, sentence
from mode_catalog_provider.snapshot.layout import Layout
from tests.unit.snapshot.sets import ROWS, write_set

ROWS_SO_FAR = {"report": 90, "query": 10}


@pytest.mark.parametrize(
    ("seconds", "expected", "told"),
    [
        (60, None, "100 rows a minute"),
        (60, 400, "100 rows a minute; the last snapshot has 400 rows: 300 to do, about 3 minutes"),
        (60, 100, "100 rows a minute"),
        (60, 90, "100 rows a minute"),
        (0, 400, "0 rows a minute"),
    ],
    ids=["nobody knows how many", "some are left", "as many as last time", "more than last time", "at once"],
)
def test_it_tells_the_rate_and_what_is_left(seconds: float, expected: int | None, told: str) -> None:
    assert sentence(ROWS_SO_FAR, seconds=seconds, expected=expected) == f"90 report, 10 query; {told}"


def test_nothing_is_left_to_guess_from_before_the_first_row() -> None:
    assert sentence({"report": 0}, seconds=60, expected=400) == "0 report; 0 rows a minute"


def test_it_tells_once_a_minute_and_hands_the_figures_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    now, handed = 1000.0, list[Mapping[str, int]]()
    layout = Layout.flat(tmp_path)
    write_set(layout)
    news = ExtractionNews(layout, log=logging.getLogger("news"), on_news=handed.append, monotonic=lambda: now)
    for at in (EVERY - 1, EVERY, 2 * EVERY - 1, 2 * EVERY + 5):
        now = 1000.0 + at
        news.tell({"report": 1})
    assert handed == [{**dict.fromkeys(DATA_ASSETS, 0), "report": 1}] * 2
    first, second = caplog.messages
    assert f"1 rows a minute; the last snapshot has {len(ROWS)} rows: {len(ROWS) - 1} to do, about" in first
    assert "0 rows a minute" in second
