"""What may be chosen, and which collections that means."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.mode.collection_filter import CollectionFilter

SALES = {"token": "5a1e5", "name": "Sales", "space_type": "custom"}
FINANCE = {"token": "f1", "name": "Finance EU", "space_type": "custom"}
DRAFTS = {"token": "d1", "name": "[Draft] Ümsätze", "space_type": "custom"}
UNNAMED = {"token": "n1", "name": None, "space_type": "community"}
PERSONAL = {"token": "p1", "name": "Personal", "space_type": "private"}
EVERY = [SALES, FINANCE, DRAFTS, UNNAMED, PERSONAL]


def kept(
    include: list[str] | None = None, exclude: list[str] | None = None, include_personal: bool = False
) -> list[str]:
    wanted = CollectionFilter(include=include, exclude=exclude, include_personal=include_personal)
    tokens = [str(one["token"]) for one in EVERY if wanted.reason_to_drop(one) is None]
    wanted.check()
    return tokens


@pytest.mark.parametrize(
    ("choice", "tokens"),
    [
        ({}, ["5a1e5", "f1", "d1", "n1"]),
        ({"include_personal": True}, ["5a1e5", "f1", "d1", "n1", "p1"]),
        ({"include": ["sales"]}, ["5a1e5"]),
        ({"include": [" SALES "]}, ["5a1e5"]),
        ({"include": ["5a1e5"]}, ["5a1e5"]),
        ({"include": ["fin*"]}, ["f1"]),
        ({"include": ["finance ??", "n1"]}, ["f1", "n1"]),
        ({"include": ["[Draft] Ümsätze"]}, ["d1"]),
        ({"include": ["*U\u0308MSA\u0308TZE"]}, ["d1"]),
        ({"include": ["*"]}, ["5a1e5", "f1", "d1", "n1"]),
        ({"include": ["*"], "exclude": ["Sales", "n1"]}, ["f1", "d1"]),
        ({"exclude": ["no such thing", "*a[ln]*"]}, ["d1", "n1"]),
        ({"include": ["Personal"], "include_personal": True}, ["p1"]),
    ],
)
def test_patterns_are_tokens_names_or_globs_without_regard_to_case(
    choice: dict[str, Any], tokens: list[str]
) -> None:
    assert kept(**choice) == tokens


@pytest.mark.parametrize("choice", [{"include": ["nothing"]}, {"exclude": ["*"]}])
def test_names_in_a_refusal_are_short_and_nothing_in_them_is_clickable(choice: dict[str, Any]) -> None:
    wanted = CollectionFilter(include_personal=False, **{"include": None, "exclude": None, **choice})
    odd = {"token": "o1", "name": "https://evil.example\x1b[31m\n" + "x" * 5000, "space_type": "custom"}
    wanted.reason_to_drop(odd)
    with pytest.raises(ConfigurationError) as caught:
        wanted.check()
    said = str(caught.value)
    assert "https[:]//evil" in said
    assert len(said) < 500
    assert said.isprintable()


def test_a_glob_is_for_names_and_never_matches_a_token_by_accident() -> None:
    with pytest.raises(ConfigurationError):
        kept(include=["5a*"])


def test_an_include_pattern_that_matches_nothing_is_refused_with_names_that_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"'Salse'.*'Finance EU', 'Sales'"):
        kept(include=["Finance*", "Salse"])


def test_an_include_pattern_that_matches_only_personal_collections_says_so() -> None:
    with pytest.raises(ConfigurationError, match="include_personal=True"):
        kept(include=["personal"])


@pytest.mark.parametrize("include", [None, ["Sales"]])
def test_excluding_everything_is_refused(include: list[str] | None) -> None:
    with pytest.raises(ConfigurationError, match="leaves no collection"):
        kept(include=include, exclude=["*"])


def test_a_workspace_without_collections_is_not_an_error_unless_some_were_asked_for() -> None:
    CollectionFilter(include=None, exclude=["x"], include_personal=False).check()
    with pytest.raises(ConfigurationError, match="none that this API token can see"):
        CollectionFilter(include=["x"], exclude=None, include_personal=False).check()


def test_why_a_collection_was_dropped_is_told() -> None:
    wanted = CollectionFilter(include=["*"], exclude=["sales", "typo"], include_personal=False)
    reasons = {str(one["token"]): wanted.reason_to_drop(one) for one in EVERY}
    assert reasons == {"5a1e5": "excluded", "f1": None, "d1": None, "n1": None, "p1": "personal"}
    assert wanted.idle_exclusions == ["typo"]
    assert CollectionFilter(include=["f1"], exclude=None, include_personal=False).reason_to_drop(SALES) == (
        "not_included"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "fast"},
        {"incremental": "False"},
        {"full_refresh_after": 7},
        {"full_refresh_after": timedelta(0)},
        {"include_personal": 1},
        {"include_archived": None},
        {"members": "none"},
        {"max_in_flight": 0},
        {"max_in_flight": 101},
        {"max_in_flight": True},
        {"max_in_flight": "8"},
        {"include_collections": "Sales"},
        {"include_collections": 5},
        {"exclude_collections": ["Sales", 5]},
    ],
)
def test_an_option_that_cannot_be_right_is_refused_by_its_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        ExtractionOptions(**wrong)


@pytest.mark.parametrize("nothing", [None, [], (), ["", "  "]])
def test_an_empty_list_of_collections_means_all(nothing: Any) -> None:
    assert ExtractionOptions(include_collections=nothing).include_collections is None


def test_options_are_json_by_name() -> None:
    options = ExtractionOptions(include_collections=["Sales", " f1 "], members="lite")  # type: ignore[arg-type]
    assert json.loads(json.dumps(options.to_json())) == {
        "strategy": "auto",
        "incremental": False,
        "full_refresh_after": 604800.0,
        "include_collections": ["Sales", "f1"],
        "exclude_collections": None,
        "include_personal": False,
        "include_archived": True,
        "include_datasets": True,
        "members": "lite",
        "definitions": "keep",
        "resume": True,
        "max_in_flight": 16,
    }
