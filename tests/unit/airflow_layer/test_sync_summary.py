"""What a sync tells people."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec

from mode_catalog_provider.catalog.push import PushResult
from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.tasks.sync_summary import as_markdown, as_table, sync_summary

RESULT = PushResult(source_id="s", snapshot="m", pushed=["a", "b"], already_there=[], bytes=9, seconds=1.5)


def summary(before=None, left_out=()):
    counts = dict.fromkeys(DATA_ASSETS, 0) | {"report": len(left_out)}
    manifest = SimpleNamespace(
        workspace="acme",
        timestamp=1700000000,
        rows=dict.fromkeys(DATA_ASSETS, 10),
        left_out=left_out,
        left_out_counts=counts,
        figures={"requests": 31, "seconds": 2.5},
    )
    return sync_summary(manifest, before, RESULT, dry_run=False)


def test_the_change_is_against_the_last_push():
    told = summary(before={"report": 12, "query": 10})
    assert told["rows"]["report"] == {"rows": 10, "change": -2, "left_out": 0}
    assert told["rows"]["query"]["change"] == 0
    assert told["rows"]["member"]["change"] == 10
    assert "report              10        -2         0" in as_table(told)


def test_the_first_push_has_nothing_to_be_compared_with():
    assert "| report | 10 | first | 0 |" in as_markdown(summary())


def test_a_name_that_looks_like_markdown_stays_a_name():
    name = "[Q1](http://x) | *all*\n# me"
    said = as_markdown(summary(left_out=({"asset": "report", "name": name, "reason": "forbidden"},)))
    assert (
        said.splitlines()[-1] == "- report \\[Q1\\]\\(http\\[:\\]//x\\) \\| \\*all\\*\\\\n\\# me: forbidden"
    )


def test_half_a_surrogate_pair_in_a_name_does_not_keep_the_summary_from_being_stored():
    told = summary(left_out=({"asset": "report", "name": "Sales \ud800", "token": "t", "reason": "gone"},))
    assert told["left_out"] == [{"asset": "report", "name": "Sales \\ud800", "token": "t", "reason": "gone"}]
    assert msgspec.json.encode(told)
    assert as_markdown(told).encode("utf-8")


def test_a_long_list_of_refusals_stays_short():
    refused = tuple({"asset": "report", "token": str(n), "reason": "gone"} for n in range(500))
    assert len(summary(left_out=refused)["left_out"]) == 50
