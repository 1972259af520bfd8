from __future__ import annotations

import pytest

from mode_catalog_provider.catalog.zones import ZONES, other_zone, resolve
from mode_catalog_provider.errors import ConfigurationError


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_the_zone_is_eu_unless_said_otherwise(blank):
    zone = resolve(blank)
    assert zone.ingest_url == "https://ingest.castordoc.com"
    assert zone.api_url == "https://api.castordoc.com/public/graphql"


@pytest.mark.parametrize("written", ["US", "us", " Us "])
def test_a_zone_is_found_in_any_case(written):
    zone = resolve(written)
    assert zone.ingest_url == "https://ingest.us.castordoc.com"
    assert zone.api_url == "https://api.us.castordoc.com/public/graphql"


def test_an_unknown_zone_is_refused_with_the_two_that_exist():
    with pytest.raises(ConfigurationError, match=r"no zone 'APAC'.*EU for tenants.*US for tenants"):
        resolve("APAC")


def test_private_endpoints_take_the_place_of_the_public_ones():
    zone = resolve(
        "US", ingest_url="https://in.example.com/catalog/ ", api_url="https://api.example.com/gql/"
    )
    assert zone.name == "US"
    assert zone.ingest_url == "https://in.example.com/catalog"
    assert zone.api_url == "https://api.example.com/gql"


@pytest.mark.parametrize("written", ["http://127.0.0.1:8080", "http://127.0.0.1:8080/"])
def test_a_private_api_without_a_path_gets_the_documented_one(written):
    assert resolve(api_url=written).api_url == "http://127.0.0.1:8080/public/graphql"


def test_the_other_zone_is_the_one_to_try_next():
    assert other_zone(ZONES["EU"]).name == "US"
    assert other_zone(ZONES["US"]).name == "EU"
