"""What Mode says beyond the six files."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.extract.facts import (
    batch_report_facts,
    collection_facts,
    member_facts,
    report_facts,
)


def test_of_a_member_only_what_mode_said_is_known() -> None:
    row = {"state": "active", "admin": False, "activated_at": None, "email": "ada@example.com", "invited": {}}
    assert member_facts(row) == {"state": "active", "admin": False, "activated_at": None}
    assert member_facts({"managed_by_scim": True, "invited": False}) == {
        "managed_by_scim": True,
        "invited": False,
    }
    assert member_facts({"member_token": "m1"}) == {}


@pytest.mark.parametrize(
    "name",
    [
        *("last_saved_at", "last_run_at", "last_successfully_run_at", "runs_count", "schedules_count"),
        "has_imported_datasets",
    ],
)
@pytest.mark.parametrize(
    ("value", "known"), [("said", True), (None, True), ([], False), ({}, False)], ids=str
)
def test_of_a_report_only_what_mode_said_is_known(name: str, value: Any, known: bool) -> None:
    assert report_facts({name: value, "layout": "<html>"}) == ({name: value} if known else {})


def test_the_datasets_and_the_notebook_of_a_report_are_known_without_signatures() -> None:
    datasets = [{"token": "d1", "_links": {}, "_signed": "x", "columns": []}, "odd"]
    links = {"python_notebook": {"href": "https://app.mode.com/api/a?b"}, "self": {"href": "/api"}}
    assert report_facts({"imported_datasets": datasets, "_links": links}) == {
        "imported_datasets": [{"token": "d1"}, "odd"],
        "python_notebook": "/api/a",
    }
    links = {"python_visualizations": {"href": "/api/v"}}
    assert report_facts({"imported_datasets": None, "_links": links}) == {"python_visualizations": "/api/v"}
    assert report_facts({"imported_datasets": []}) == {"imported_datasets": []}


def test_a_collection_says_whether_it_is_restricted_and_bulk_when_a_report_was_viewed() -> None:
    assert collection_facts({"restricted": False, "name": "Sales"}) == {"restricted": False}
    assert collection_facts({"name": "Sales"}) == {}
    assert batch_report_facts({"last_viewed_at": None, "name": "Sales"}) == {"last_viewed_at": None}
    assert batch_report_facts({"name": "Sales"}) == {}
