"""What the documentation tells people to type, the command line takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mode_catalog_provider.cli.arguments import COMMANDS, parser
from mode_catalog_provider.cli.environment import ENVIRONMENT, RETRIES, TIMEOUT

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("features/command-line.md", "coming-from-castor-extract-mode.md")


@pytest.fixture(scope="module")
def flags() -> set[str]:
    found = {"--help", "--version"}
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr(
            "argparse.ArgumentParser._print_message", lambda _, message, file=None: printed.append(message)
        )
        for command in COMMANDS:
            with pytest.raises(SystemExit):
                parser().parse_args([command, "--help"])
        for text in printed:
            found |= set(re.findall(r"--[a-z_-]+", text))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_each_flag_in_the_documentation_exists(page: str, flags: set[str]) -> None:
    named = set(re.findall(r"--[a-z][a-z_-]+", (DOCS / page).read_text()))
    # Told there as what is refused.
    assert named - flags <= {"--project_name", "--flag", "--fail-on"}


@pytest.mark.parametrize("page", PAGES)
def test_each_variable_in_the_documentation_exists(page: str) -> None:
    named = set(re.findall(r"CASTOR_[A-Z_]+", (DOCS / page).read_text()))
    assert named <= {*ENVIRONMENT.values(), TIMEOUT, RETRIES, "CASTOR_"}


def test_each_variable_is_in_the_documentation() -> None:
    page = (DOCS / "features/command-line.md").read_text()
    assert [name for name in (*ENVIRONMENT.values(), TIMEOUT, RETRIES) if f"`{name}`" not in page] == []


def test_each_exit_code_is_in_the_documentation() -> None:
    page = (DOCS / "features/command-line.md").read_text()
    assert re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE) == ["0", "1", "2", "3", "4", "5", "130"]
