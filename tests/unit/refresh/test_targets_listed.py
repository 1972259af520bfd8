"""Which targets a selection means, in listings that are laid out row by row."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mode_catalog_provider.errors import ConfigurationError, ForbiddenError
from mode_catalog_provider.refresh.targets import Selection, find_targets

LOAD = datetime(2026, 11, 20, 5, tzinfo=UTC)
AFTER = "2026-11-20T06:00:00Z"
SPACE = {"token": "space", "name": "Sales"}
REPORT, OTHER, DATASET = "0a0000000001", "0a0000000002", "0d0000000001"


class Mode:
    """Answers each path with the rows, or the object, that was laid there."""

    def __init__(self, answers):
        self.answers = {"spaces": [SPACE], "spaces/space/reports": [], "spaces/space/datasets": [], **answers}

    def get(self, path):
        return self.answers[path]

    def pages(self, path, key, *, params=None, repeats=None):
        if isinstance(self.answers[path], Exception):
            raise self.answers[path]
        yield self.answers[path]

    def find(self, *, begun=(), **what):
        return [str(one) for one in find_targets(self, Selection(**what), begun=begun)]


def test_what_lies_among_the_datasets_is_one_and_elsewhere_the_type_tells():
    mode = Mode(
        {
            "spaces/space/datasets": [{"token": DATASET, "name": "Orders"}],
            "spaces/space/reports": [
                {"token": REPORT, "name": "Weekly"},
                {"token": OTHER, "name": "Customers", "type": "DatasetReport"},
            ],
        }
    )
    assert mode.find(collections=("Sales",)) == [
        f"run dataset {DATASET} 'Orders': in collection 'Sales'",
        f"run dataset {OTHER} 'Customers': in collection 'Sales'",
        f"run report {REPORT} 'Weekly': in collection 'Sales'",
    ]


def test_what_an_earlier_try_began_keeps_its_kind():
    assert Mode({}).find(begun=(f"reports/{REPORT}", f"datasets/{DATASET}")) == [
        f"run dataset {DATASET}: begun by an earlier try",
        f"run report {REPORT}: begun by an earlier try",
    ]


def test_what_was_given_by_its_token_is_run_though_its_collection_would_leave_it_out():
    mode = Mode({"spaces/space/reports": [{"token": REPORT, "name": "Weekly", "archived": True}]})
    assert mode.find(reports=(REPORT,), collections=("Sales",)) == [
        f"run report {REPORT}: given by its token"
    ]
    assert mode.find(collections=("Sales",)) == [
        f"skip report {REPORT} 'Weekly': in collection 'Sales'; it is archived"
    ]


def test_an_answer_that_does_not_repeat_the_token_is_that_of_the_token_asked_for():
    mode = Mode({f"reports/{REPORT}": {"name": "Weekly", "last_successfully_run_at": AFTER}})
    assert mode.find(reports=(REPORT,), stale_since=LOAD) == [
        f"skip report {REPORT} 'Weekly': given by its token; its last good run ended "
        "2026-11-20 06:00:00 UTC, after 2026-11-20 05:00:00 UTC"
    ]


def test_an_archived_report_is_found_by_its_name_only_where_archived_ones_are_wanted():
    mode = Mode({"spaces/space/reports": [{"token": REPORT, "name": "Weekly", "archived": True}]})
    assert mode.find(reports=("weekly",), include_archived=True) == [
        f"run report {REPORT} 'Weekly': given by its name"
    ]
    with pytest.raises(ConfigurationError, match="No report that this API token can see is named 'weekly'"):
        mode.find(reports=("weekly",))
    mode.answers["spaces/space/reports"] += [{"token": OTHER, "name": "Weekly"}]
    assert mode.find(reports=("weekly",)) == [f"run report {OTHER} 'Weekly': given by its name"]
    with pytest.raises(ConfigurationError, match=f"2 reports are named 'weekly': {REPORT}, {OTHER}. Give"):
        mode.find(reports=("weekly",), include_archived=True)


def test_a_name_is_that_of_a_report_or_of_a_dataset_as_it_was_asked_for():
    mode = Mode(
        {
            "spaces/space/datasets": [{"token": DATASET, "name": "Orders"}],
            "spaces/space/reports": [
                {"token": REPORT, "name": "Orders"},
                {"token": OTHER, "name": "Customers", "type": "DatasetReport"},
            ],
        }
    )
    assert mode.find(datasets=("Orders",)) == [f"run dataset {DATASET} 'Orders': given by its name"]
    assert mode.find(reports=("Orders",)) == [f"run report {REPORT} 'Orders': given by its name"]
    with pytest.raises(ConfigurationError, match=r"No report .* named 'Customers'"):
        mode.find(reports=("Customers",))


def test_names_are_looked_for_past_personal_collections_and_those_that_are_refused(caplog):
    mode = Mode(
        {
            "spaces": [
                {"token": "mine", "name": "Personal", "space_type": "private"},
                {"token": "closed", "name": "Closed"},
                SPACE,
            ],
            "spaces/mine/reports": [{"token": OTHER, "name": "Weekly"}],
            "spaces/closed/reports": ForbiddenError("403", status=403),
            "spaces/space/reports": [{"token": REPORT, "name": "Weekly"}],
        }
    )
    assert mode.find(reports=("Weekly",)) == [f"run report {REPORT} 'Weekly': given by its name"]
    assert caplog.messages == ["Names in collection 'Closed' cannot be seen: 403"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [
                {"token": "c", "name": "Support"},
                {"token": "b", "name": "Finance"},
                {"token": "a", "name": "Mine", "space_type": "private"},
                {"token": "d", "name": None},
            ],
            "'Finance', 'Support'",
        ),
        ([], "none"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused_with_what_others_may_see(rows, told):
    with pytest.raises(ConfigurationError) as refused:
        Mode({"spaces": rows}).find(collections=("Finanec",))
    assert str(refused.value) == (
        "collections: the name or token of no collection that this API token can see matches 'Finanec'. "
        f"There are, for example: {told}."
    )
