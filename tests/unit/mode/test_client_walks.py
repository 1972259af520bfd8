"""Walks over the listings of a Mode that may do all that is known of it."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.mode.client import ModeClient, ModeEndpoint
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.unit.mode.conftest import Connect, credentials_of

ENDS = ("empty", "absent", "repeat")
MOVES = ("off", "duplicates", "losses")


@pytest.mark.parametrize(
    "switches",
    [
        *(
            {"page_after_last": end, "moving_rows": move}
            for end in ENDS
            for move in ("off", "duplicates", "losses")
        ),
        {"spaces_paging": "with_page"},
        {"spaces_paging": "never"},
    ],
    ids=str,
)
def test_every_report_is_found_once_whatever_the_listing_does(switches: dict[str, Any]) -> None:
    shape = WorkspaceShape(collections=32, reports=250, members=5, nasty=False, seed=3)
    with Sandbox(
        shape=shape, mode=ModeSwitches(limiter="off", refused_collections=False, **switches)
    ) as sandbox:
        client = ModeClient(
            ModeEndpoint(
                workspace="acme",
                host=sandbox.mode.url,
                credentials=credentials_of(sandbox),
                requests_per_second=5000,
            )
        )
        with client:
            pages = client.pages("spaces", "spaces", params={"filter": "all"})
            spaces = [row["token"] for page in pages for row in page]
            reports = [
                row["token"]
                for space in spaces
                for page in client.pages(f"spaces/{space}/reports", "reports")
                for row in page
            ]
        world = sandbox.mode.world
        assert sorted(spaces) == sorted(one.token for one in world.collections)
        assert sorted(reports) == sorted(one.token for one in world.reports if not one.is_dataset)


@pytest.mark.parametrize("query", ["", "?locale=en", "?page={page}&filter=all"])
def test_a_redirect_that_does_not_repeat_the_query_does_not_lead_to_the_first_page_again(
    sandbox: Sandbox, connect: Connect, query: str
) -> None:
    for _ in range(70):
        sandbox.mode.world.add_collection("Another")
    for page in (1, 2, 3, 4):
        location = f"/api/acme/collections{query.format(page=page)}"
        for _ in range(2):
            sandbox.mode.fault(f"spaces?*page={page}", status=302, headers={"Location": location}, times=None)
    pages = connect().pages("spaces", "spaces", params={"filter": "all"})
    found = [row["token"] for rows in pages for row in rows]
    assert sorted(found) == sorted(one.token for one in sandbox.mode.world.collections)


def test_reports_of_a_data_source_are_found_once_though_each_query_repeats_them(
    sandbox: Sandbox, connect: Connect
) -> None:
    client = connect()
    for source in sandbox.mode.world.data_sources:
        pages = client.pages(f"data_sources/{source.token}/reports", "reports", repeats=6)
        found = [row["token"] for page in pages for row in page]
        world = sandbox.mode.world
        wanted = {report.token for report, query in world.all_queries() if query.data_source_id == source.id}
        assert sorted(found) == sorted(wanted - {one.token for one in world.reports if one.is_dataset})
