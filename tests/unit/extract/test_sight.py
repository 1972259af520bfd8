"""What a key does not see any more, told or refused."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mode_catalog_provider.errors import ConfigurationError, NewlyForbiddenError
from mode_catalog_provider.extract import sight
from mode_catalog_provider.extract.sight import look_at_refusals, on_forbidden
from mode_catalog_provider.snapshot.layout import Layout

LOG = logging.getLogger("sight")
REFUSED = {"asset": "collection", "token": "c1", "name": "Sales"}
UNSEEN = {"asset": "datasource", "token": "s1", "name": "Lake"}


@pytest.mark.parametrize("word", ["ignore", "warn", "fail"])
def test_each_of_three_words_is_one(word: str) -> None:
    assert on_forbidden(word) == word


@pytest.mark.parametrize("word", ["", "Fail", "none"])
def test_any_other_word_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError, match="'ignore', 'warn' or 'fail'"):
        on_forbidden(word)


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Look, with a snapshot before or none, and so many objects that are new to be refused or unseen."""

    def look(react: Any, *, before: Any = True, refused: Any = (), unseen: Any = ()) -> int:
        class Extraction:
            left_out: tuple[Any, ...] = ()
            shown: Any = None

            class options:  # noqa: N801 - stands for an attribute
                to_json = dict

        class Snapshot:
            manifest = None

        def newest(_: object) -> Any:
            if isinstance(before, Exception):
                raise before
            return Snapshot() if before else None

        monkeypatch.setattr(sight, "newest_snapshot", newest)
        monkeypatch.setattr(sight, "newly_forbidden", lambda *_: list(refused))
        monkeypatch.setattr(sight, "asked_for_before", lambda entries, **_: iter(entries))
        monkeypatch.setattr(sight, "out_of_sight", lambda *_, **__: iter(unseen))
        extraction: Any = Extraction()
        layout: Any = Layout
        return look_at_refusals(extraction, layout, react=react, log=LOG)

    return look


def test_what_is_new_is_counted_and_told(look: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert look("warn", refused=[REFUSED], unseen=[UNSEEN]) == 2
    (line,) = caplog.messages
    assert "Sales" in line
    assert "Lake" in line


def test_where_nothing_is_new_nothing_is_told(look: Any, caplog: pytest.LogCaptureFixture) -> None:
    for react in ("warn", "fail"):
        assert look(react) == 0
        assert look(react, before=None, refused=[REFUSED]) == 0
    assert look("ignore", refused=[REFUSED]) == 0
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("new", "first"), [([UNSEEN, REFUSED], "The first is spaces/c1. No snapshot"), ([UNSEEN], "No snapshot")]
)
def test_a_reason_to_fail_names_them_and_where_the_first_is(look: Any, new: Any, first: str) -> None:
    with pytest.raises(NewlyForbiddenError, match="Lake") as error:
        look("fail", refused=new)
    assert first in str(error.value)
    assert "on_forbidden='warn'" in str(error.value)


@pytest.mark.parametrize("react", ["warn", "fail"])
def test_an_earlier_snapshot_that_cannot_be_read_is_told_and_ends_nothing(
    look: Any, react: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert look(react, before=OSError("disk"), refused=[REFUSED]) == 0
    assert caplog.messages == ["Whether the key sees less than at the last snapshot cannot be told: disk"]
