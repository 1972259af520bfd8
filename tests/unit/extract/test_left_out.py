"""What an extraction does not contain, with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.errors import ForbiddenError, NotFoundError
from mode_catalog_provider.extract.left_out import Ledger


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [(NotFoundError("404", status=404), "gone"), (ForbiddenError("403", status=403), "forbidden")],
    ids=["404", "403"],
)
def test_what_mode_refused_is_gone_or_forbidden(refusal: Any, reason: str) -> None:
    ledger = Ledger()
    ledger.refused("report", token="r1", name="Sales", what="It could not be read", refusal=refusal)
    assert [entry.to_json() for entry in ledger.left_out] == [
        {
            "asset": "report",
            "token": "r1",
            "name": "Sales",
            "reason": reason,
            "detail": f"It could not be read: {refusal}",
        }
    ]


def test_a_row_without_a_token_and_one_of_another_report_are_told_with_their_listing() -> None:
    ledger = Ledger()
    ledger.without_token("query", name="Sums", listing="the queries of report 'Sales'")
    ledger.elsewhere("query", token="q1", name="Sums", listing="the queries of report 'Sales'", home="r2")
    without, elsewhere = ledger.left_out
    assert (without.token, without.name, without.reason) == (None, "Sums", "no_token")
    assert without.detail == "Mode lists query 'Sums' without a token in the queries of report 'Sales'."
    assert (elsewhere.token, elsewhere.name, elsewhere.reason) == ("q1", "Sums", "elsewhere")
    assert elsewhere.detail == ("Mode lists query q1 in the queries of report 'Sales', but it belongs to r2.")


@pytest.mark.parametrize(("odd", "text"), [(None, None), ("Sales", "Sales"), (7, "7"), (["x"], "['x']")])
def test_whatever_mode_takes_for_a_name_or_token_is_told_as_a_text(odd: Any, text: str | None) -> None:
    ledger = Ledger()
    ledger.refused("report", token=odd, name=odd, what="No", refusal=NotFoundError("404", status=404))
    (entry,) = ledger.left_out
    assert (entry.token, entry.name) == (text, text)
