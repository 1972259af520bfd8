"""What a person is told who is asked about a smaller snapshot."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mode_catalog_provider.errors import SnapshotShrunkError
from mode_catalog_provider.tasks.shrink_question import ShrinkQuestion
from tests.integration.upload_cases import AT, NOW, ROWS, make_snapshot, push
from tests.unit.catalog.serving import running_catalog

ALL = {"include_collections": [], "include_personal": False}
GENERAL = {"include_collections": ["General <b>"], "include_personal": False}


def question(catalog, snapshot):
    with pytest.raises(SnapshotShrunkError) as caught:
        push(catalog, snapshot)
    return ShrinkQuestion.about(snapshot, catalog.source_id, caught.value)


def test_it_says_how_the_snapshot_was_filtered_and_which_options_changed(tmp_path):
    with running_catalog() as catalog:
        yesterday = make_snapshot(tmp_path, at=AT - 86_400, options=ALL)
        push(catalog, yesterday, now=lambda: NOW - timedelta(days=1))
        small = make_snapshot(tmp_path, rows={**ROWS, "report": 1}, options=GENERAL)
        body = question(catalog, small).body
    assert "Extracted with: only these collections: General &lt;b&gt;; without personal collections." in body
    changed = "all collections before, only these collections: General &lt;b&gt; now."
    assert f"**The options are not those of the last upload**: {changed}" in body
    assert "| datasource | 1 | 1 | 0 | 0 |" in body


def test_the_first_upload_of_nothing_is_asked_about_as_well(tmp_path):
    with running_catalog() as catalog:
        asked = question(catalog, make_snapshot(tmp_path, rows={**ROWS, "report": 0}))
    assert "No earlier upload is known here to compare with" in asked.body
    assert "What disappears" not in asked.body
