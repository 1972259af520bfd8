from __future__ import annotations

import pytest

from mode_catalog_provider.catalog.sources import parse_source_id
from mode_catalog_provider.errors import ConfigurationError, ForbiddenError, ModeCatalogError


def test_a_message_is_one_bounded_line_whatever_a_service_put_into_it() -> None:
    said = str(ForbiddenError("no\r\nERROR - all is well\x1b[2J\u202e" + "x" * 10_000_000, status=403))
    assert said.startswith("no\\r\\nERROR - all is well\\x1b[2J\\u202exxx")
    assert said.isprintable()
    assert len(said) <= 100_000


def test_a_message_in_order_stays_as_it_is() -> None:
    assert str(ModeCatalogError("Report 'Übersicht' is gone.")) == "Report 'Übersicht' is gone."


@pytest.mark.parametrize("value", ["TOPSECRETVALUE", "f00dfeed" * 4, "a-secret-of-some-kind"])
def test_what_is_no_source_id_may_be_a_secret_and_is_not_repeated(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_source_id(value)
    assert value not in str(caught.value)
    assert f"({len(value)} characters) is not a Catalog source id" in str(caught.value)


def test_what_comes_near_a_source_id_is_repeated() -> None:
    with pytest.raises(ConfigurationError, match="'0a1b2c3d-4e5f-4a6b-8c7d' is not a Catalog source id"):
        parse_source_id("0a1b2c3d-4e5f-4a6b-8c7d")
