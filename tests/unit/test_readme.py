"""What the README says of names and defaults is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mode_catalog_provider.cli.environment import ENVIRONMENT
from mode_catalog_provider.get_provider_info import get_provider_info
from tests.settings_page import settings_page

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_page_of_settings_is_what_the_options_say() -> None:
    """``python -m tests.settings_page > docs/settings.md`` writes it again."""
    assert (Path(__file__).parents[2] / "docs" / "settings.md").read_text() == settings_page()


@pytest.mark.parametrize(
    "connection", get_provider_info()["connection-types"], ids=lambda c: c["connection-type"]
)
def test_every_field_of_a_connection_is_described(connection: dict[str, dict[str, object]]) -> None:
    assert [name for name in connection["conn-fields"] if f"`{name}`" not in README] == []


def test_the_readme_names_no_variable_that_the_command_line_does_not_read() -> None:
    assert set(re.findall(r"CASTOR_[A-Z_]+", README)) <= set(ENVIRONMENT.values())


def test_links_into_the_repository_lead_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert targets
    assert [target for target in targets if not (Path(__file__).parents[2] / target).exists()] == []
