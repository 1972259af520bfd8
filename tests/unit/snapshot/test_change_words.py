"""The word for each way in which two rows of one object can differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.snapshot.diff import SnapshotDiff
from tests.unit.snapshot.days import day


@pytest.mark.parametrize(
    ("asset", "key", "old", "new", "word"),
    [
        ("collection", "name", "a", "b", "renamed"),
        ("collection", "description", None, "b", "description_changed"),
        ("collection", "creator", "ann", "bob", "owner_changed"),
        ("collection", "space_type", "custom", "private", "type_changed"),
        ("collection", "default_access_level", "view", None, "access_changed"),
        ("collection", "state", "active", "Archived", "archived"),
        ("collection", "state", "archived", "active", "unarchived"),
        ("collection", "state", "archived", None, "unarchived"),
        ("collection", "state", "archived", "Archived", "state_changed"),
        ("collection", "state", "active", "paused", "state_changed"),
        ("report", "archived", True, False, "unarchived"),
        ("report", "archived", None, True, None),
        ("report", "archived", "false", True, None),
        ("report", "type", "Report", "DatasetReport", "type_changed"),
        ("report", "public", True, False, "unshared"),
        ("report", "is_embedded", False, True, "embedded"),
        ("report", "is_embedded", True, False, "unembedded"),
        ("report", "published_at", "2026-01-01", "2026-01-02", "published"),
        ("report", "published_at", "2026-01-01", None, "unpublished"),
        ("report", "published_at", None, "", None),
        ("report", "published_at", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00.000+01:00", None),
        ("report", "published_at", "soon", "2026-01-01", "published"),
        ("report", "id", 1, 2, None),
        ("query", "data_source_id", 1, "1", None),
        ("query", "data_source_id", None, "", None),
        ("query", "data_source_id", 1, None, "connection_changed"),
        ("query", "raw_query", "select 1", None, "sql_changed"),
        ("datasource", "name", "a", "b", "renamed"),
        ("datasource", "display_name", "a", "b", "renamed"),
        ("datasource", "public", True, False, "unshared"),
        ("datasource", "queryable", False, True, "queryable"),
        ("datasource", "queryable", True, False, "unqueryable"),
        *[
            ("datasource", key, "a", "b", "connection_changed")
            for key in ("adapter", "vendor", "provider", "host", "database")
        ],
        ("member", "name", "a", "b", "renamed"),
        ("member", "username", "a", "b", "renamed"),
        ("member", "email", "a@a.example", "b@a.example", "email_changed"),
    ],
)
def test_what_differs_in_a_row_has_its_word_and_both_values(
    tmp_path: Path, asset: str, key: str, old: Any, new: Any, word: str | None
) -> None:
    before, after = (
        day(tmp_path, number, [(asset, "x", {key: value})]) for number, value in enumerate((old, new))
    )
    with SnapshotDiff(before, after) as diff:
        found = list(diff.changes())
        assert diff.counts == ({asset: {word: 1}} if word else {})
    # Where a connection leads is told as a whole.
    told = [value for one in found for value in (one.before, one.after)]
    values = [value[key] if isinstance(value, dict) else value for value in told]
    assert values == ([old, new] if word else [])


@pytest.mark.parametrize(
    ("asset", "key", "old", "new", "word"),
    [
        ("collection", "restricted", True, False, "shared"),
        ("collection", "restricted", None, True, None),
        ("member", "state", "Active", "active", None),
        ("member", "state", "active", "enabled", "state_changed"),
        ("member", "state", "invited", "suspended", "state_changed"),
        ("member", "state", "invited", "Activated", "activated"),
        ("member", "state", "enabled", "invited", "deactivated"),
        ("member", "state", "active", None, None),
        ("member", "state", 7, "active", None),
        ("member", "state", None, None, None),
        ("member", "admin", False, True, "admin_granted"),
        ("member", "admin", None, True, None),
        ("member", "admin", True, None, None),
    ],
)
def test_what_differs_in_the_side_files_has_its_word(
    tmp_path: Path, asset: str, key: str, old: Any, new: Any, word: str | None
) -> None:
    before, after = (
        day(tmp_path, number, [(asset, "x", {})], facts=[(asset, "x", {key: value})])
        for number, value in enumerate((old, new))
    )
    with SnapshotDiff(before, after) as diff:
        found = [(one.change, one.before, one.after) for one in diff.changes()]
        assert found == ([(word, old, new)] if word else [])
        assert diff.counts == ({asset: {word: 1}} if word else {})
