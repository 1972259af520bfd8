"""What the README says of names and defaults is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mode_catalog_provider.cli.environment import ENVIRONMENT
from mode_catalog_provider.get_provider_info import get_provider_info

README = (Path(__file__).parents[2] / "README.md").read_text()
OPTIONS = get_provider_info()["config"]["mode_catalog"]["options"]


@pytest.mark.parametrize("name", OPTIONS)
def test_every_setting_is_in_the_table_with_its_words_and_default(name: str) -> None:
    option = OPTIONS[name]
    default = f"`{option['default']}`" if option["default"] else ""
    assert f"| `{name}` | {option['description']} | {default} |" in README


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
