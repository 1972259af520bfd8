from __future__ import annotations

import pytest

from mode_catalog_provider.catalog.credential import CatalogCredential
from mode_catalog_provider.errors import ConfigurationError

TOKEN = "clsc_a-very-secret-token"


def test_the_header_has_the_word_token_before_the_token():
    assert CatalogCredential(lambda: f" {TOKEN}\n").authorization() == f"Token {TOKEN}"


def test_the_token_is_read_once_until_it_is_renewed():
    stored = iter(["first", "second"])
    credential = CatalogCredential(lambda: next(stored))
    assert credential.authorization() == credential.authorization() == "Token first"
    assert credential.renew()
    assert credential.authorization() == "Token second"


def test_the_same_token_again_is_no_renewal():
    credential = CatalogCredential(lambda: TOKEN)
    credential.authorization()
    assert not credential.renew()


@pytest.mark.parametrize("missing", ["", "  ", None])
def test_a_missing_token_names_the_connection_and_what_to_do(missing):
    with pytest.raises(ConfigurationError, match=r"token in connection 'catalog_prod'\..*Settings > API"):
        CatalogCredential(lambda: missing, connection="catalog_prod").authorization()


@pytest.mark.parametrize("broken", [f"{TOKEN}\nX-Evil: 1", f"{TOKEN}é", f"{TOKEN}\x00"])
def test_a_token_that_cannot_be_a_header_is_refused_without_showing_it(broken):
    with pytest.raises(ConfigurationError) as caught:
        CatalogCredential(lambda: broken).authorization()
    assert TOKEN not in str(caught.value)


def test_the_token_shows_neither_in_the_repr_nor_in_the_refusal():
    credential = CatalogCredential(lambda: TOKEN, connection="catalog_prod")
    credential.authorization()
    assert "secret" not in repr(credential)
    refusal = str(credential.refused("for the upload of x.json"))
    assert "secret" not in refusal
    assert "catalog_prod" in refusal
