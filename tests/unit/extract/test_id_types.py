"""An id is written as REST would have sent it, or nobody knows how."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.extract.id_types import IdTypes


def types_of(identifier: Any, source: Any) -> IdTypes:
    types = IdTypes()
    types.learn("query.id", identifier)
    types.learn("query.data_source_id", source)
    return types


@pytest.mark.parametrize("value", [34001, "34001"], ids=repr)
def test_each_column_has_the_type_that_rest_showed_for_it(value: Any) -> None:
    types = types_of("7", 8)
    assert types.known
    assert types.as_rest("query.id", value) == "34001"
    assert types.as_rest("query.data_source_id", value) == 34001


def test_a_query_without_a_data_source_has_none_and_shows_no_type() -> None:
    types = types_of(7, None)
    assert not types.known
    assert types.as_rest("query.data_source_id", None) is None
    with pytest.raises(LookupError):
        types.as_rest("query.data_source_id", 5)


@pytest.mark.parametrize("value", ["007", "x", "\u0667", 1.0, True, {}], ids=repr)
def test_what_cannot_be_written_in_the_type_of_rest_is_left_to_rest(value: Any) -> None:
    with pytest.raises(LookupError):
        types_of(7, 8).as_rest("query.id", value)


@pytest.mark.parametrize("second", ["8", 8.5, True, {}], ids=repr)
def test_two_types_in_one_column_are_mixed_and_nothing_can_be_written(second: Any) -> None:
    types = types_of(7, 8)
    types.learn("report.id", 1)
    types.learn("report.id", second)
    assert types.mixed
    assert not types.known
    with pytest.raises(LookupError):
        types.as_rest("query.id", 7)


def test_different_columns_may_have_different_types() -> None:
    types = types_of("7", "8")
    types.learn("report.id", 1)
    types.learn("datasource.id", 2)
    assert not types.mixed


def test_a_number_of_thousands_of_digits_is_left_to_rest() -> None:
    with pytest.raises(LookupError):
        types_of(7, 8).as_rest("query.id", "9" * 5000)
