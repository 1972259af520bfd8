"""Every snippet of the documentation can be typed as it stands; every name in it exists."""

from __future__ import annotations

import ast
import configparser
import importlib
import inspect
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.cli.cli_parser import get_parser
from airflow.sdk.api.datamodels._generated import DagRun

from mode_catalog_provider.cli.arguments import parser
from mode_catalog_provider.cli.environment import ENVIRONMENT, RETRIES, TIMEOUT
from mode_catalog_provider.dags.settings import read_settings
from mode_catalog_provider.get_provider_info import get_provider_info
from tests.documentation import DOCS, PAGES, ROOT, Snippet, command_lines, snippets
from tests.reference_pages import pages as made_pages

PACKAGE = "mode_catalog_provider"
#: The reference as the code says it.
REFERENCE = made_pages()
OPTIONS = get_provider_info()["config"]["mode_catalog"]["options"]
EVERYTHING = "\n".join(page.read_text() for page in PAGES)


def each(found: list[Any], label: Any = str) -> Any:
    assert found
    return pytest.mark.parametrize("found", found, ids=label)


# -- code ------------------------------------------------------------


@each(snippets("python"))
def test_python_compiles_and_what_it_imports_is_there(found: Snippet) -> None:
    tree = ast.parse(found.code)
    names = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            taken = _keywords(names[node.func.id])
            given = {keyword.arg for keyword in node.keywords if keyword.arg}
            assert taken is None or given <= taken, f"{node.func.id} takes no {given - taken}"


@each([found for found in snippets("python") if "{{" in found.code])
def test_a_template_asks_for_nothing_that_a_run_without_a_logical_date_lacks(found: Snippet) -> None:
    asked = set(re.findall(r"\bdag_run\.(\w+)", found.code))
    assert asked <= set(DagRun.model_fields)
    expressions = " ".join(re.findall(r"{{.*?}}", found.code))
    assert re.findall(r"\b(?:logical_date|data_interval_\w+|ds|ts)\b", expressions) == []


def _imported(tree: ast.AST) -> Mapping[str, Any]:
    return {
        alias.asname or alias.name: getattr(importlib.import_module(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _keywords(called: Any) -> set[str] | None:
    """Return what may be given by name; ``None`` where anything may."""
    if not getattr(called, "__module__", "").startswith(PACKAGE):
        return None
    if not inspect.isclass(called):
        parameters = inspect.signature(called).parameters.values()
        more = any(one.kind is one.VAR_KEYWORD for one in parameters)
        return {one.name for one in parameters if one.kind is not one.VAR_KEYWORD} | (
            set(OPTIONS) if more else set()
        )
    return {
        name
        for base in called.__mro__
        if "__init__" in vars(base)
        for name in inspect.signature(inspect.unwrap(vars(base)["__init__"])).parameters
    }


@each(command_lines("mode-catalog"), label=lambda found: found[0])
def test_a_command_line_is_one_that_the_command_takes(found: tuple[str, str]) -> None:
    words = shlex.split(found[1], comments=True)
    for sign in ("|", ">"):
        words = words[: words.index(sign)] if sign in words else words
    if words[1:] in (["--help"], ["COMMAND", "--help"]):
        return
    parser().parse_args(words[1:])


@each(command_lines("airflow"), label=lambda found: found[0])
def test_an_airflow_command_is_one_that_airflow_takes(found: tuple[str, str]) -> None:
    arguments = get_parser().parse_args(shlex.split(found[1], comments=True)[1:])
    if conf := getattr(arguments, "conf", None):
        assert set(json.loads(conf)) <= _form_fields()


def _form_fields() -> set[str]:
    from mode_catalog_provider.dags import sync_dag

    return set(sync_dag(dag_id="documented", settings=read_settings()).params)


@each(snippets("json"))
def test_json_parses(found: Snippet) -> None:
    for line in found.code.splitlines() if found.code.count("\n{") else [found.code]:
        json.loads(line)


@each(snippets("ini"))
def test_a_configuration_parses_and_its_options_exist(
    found: Snippet, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(found.code)
    if config.has_section("mode_catalog"):
        for name, value in config["mode_catalog"].items():
            assert name in OPTIONS
            monkeypatch.setenv(f"AIRFLOW__MODE_CATALOG__{name.upper()}", value)
        read_settings()


@each(sorted(set(re.findall(r"^export (AIRFLOW_CONN_\w+)='(.*?)'$", EVERYTHING, flags=re.M | re.S))))
def test_a_connection_parses_and_has_the_fields_of_its_type(found: tuple[str, str]) -> None:
    connection = json.loads(found[1])
    types = {each["connection-type"]: each for each in get_provider_info()["connection-types"]}
    extra = {"proxies"} | set(types[connection["conn_type"]]["conn-fields"])
    assert set(connection.get("extra", {})) <= extra


def test_the_values_for_the_chart_are_yaml_and_set_what_exists() -> None:
    values = yaml.safe_load((DOCS / "helm-values.yaml").read_text())
    named = {one["name"] for one in values["env"]}
    ours = {
        name.removeprefix("AIRFLOW__MODE_CATALOG__").lower() for name in named if "MODE_CATALOG__" in name
    }
    assert ours
    assert ours <= set(OPTIONS)
    assert yaml.safe_load(values["extraEnvFrom"])
    # Tasks keep the snapshot in the bucket, the triggerer waits for the lock there, the page reads it.
    roles = [values[pods]["serviceAccount"]["annotations"] for pods in ("workers", "triggerer", "apiServer")]
    assert roles[0] == roles[1] == roles[2] != {}


# -- names ------------------------------------------------------------


@each(sorted(REFERENCE))
def test_a_page_of_the_reference_is_what_the_code_says(found: str) -> None:
    """``python -m tests.reference_pages`` writes it again."""
    assert (DOCS / "reference" / found).read_text() == REFERENCE[found]


@each(PAGES, label=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_a_page_and_a_heading(found: Path) -> None:
    text = re.sub(r"```.*?```", "", found.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (found.parent / path).resolve() if path else found
        assert target.exists(), link
        if anchor:
            assert anchor in {_anchor(line) for line in re.findall(r"^#+ (.*)$", target.read_text(), re.M)}, (
                link
            )


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
    return re.sub(r"[-\s]+", "-", kept)


def test_variables_exist() -> None:
    ours = set(re.findall(r"AIRFLOW__MODE_CATALOG__([A-Z_]+)", EVERYTHING))
    assert {name.lower() for name in ours} <= set(OPTIONS)
    vendors = set(re.findall(r"CASTOR_[A-Z_]+", EVERYTHING))
    assert vendors <= {*ENVIRONMENT.values(), TIMEOUT, RETRIES, "CASTOR_"}


def test_metrics_exist() -> None:
    known = set(re.findall(r"^\| `(mode_catalog\.[\w.]+)`", REFERENCE["metrics.md"], flags=re.M))
    guides = "\n".join(page.read_text() for page in PAGES if page.parent.name != "reference")
    assert set(re.findall(r"`(mode_catalog\.[a-z_]+\.[a-z_]+)`", guides)) <= known


def test_the_files_and_functions_that_the_guide_for_contributors_names_exist() -> None:
    text = (DOCS / "contributing.md").read_text()
    named = re.findall(r"`([\w./]+\.py)`", text)
    places = [ROOT / PACKAGE, ROOT]
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    assert [name for name in missing if "NAME" not in name and "*" not in name and "/" in name] == []
    source = "\n".join(path.read_text() for path in (ROOT / PACKAGE).rglob("*.py"))
    defined = set(re.findall(r"(?:class|def) (\w+)", source))
    for name in re.findall(
        r"`([A-Z]\w+(?:\.\w+)?|\w+_\w+)`", text.split("## Three things")[1].split("## How to")[0]
    ):
        assert set(name.split(".")) <= defined, name


def test_every_field_of_a_connection_is_described() -> None:
    page = (DOCS / "reference" / "connections.md").read_text()
    assert list(_undescribed(page)) == []


def _undescribed(page: str) -> Iterator[str]:
    for connection in get_provider_info()["connection-types"]:
        yield from (name for name in connection["conn-fields"] if f"`{name}`" not in page)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    names = [str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS)]
    assert [name for name in names if f" {name}\n" not in navigation] == []


@pytest.mark.parametrize("page", ["CHANGELOG.md", "README.md"])
def test_a_page_that_is_named_is_there(page: str) -> None:
    named = set(re.findall(r"`(docs/[\w./-]+)`", (ROOT / page).read_text()))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


#: In what Airflow says, not this package.
AIRFLOWS = ("Skipping masking", "XCom not found", "airflow dags test")


def _said() -> str:
    """Return every text in the package, with ``…`` where a value is put in."""
    texts = []
    for path in (ROOT / PACKAGE).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
                texts.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def test_a_symptom_that_is_quoted_is_worded_so() -> None:
    rows = re.findall(r"^\| (.*?) \|", (DOCS / "troubleshooting.md").read_text(), flags=re.M)
    quoted = [quote for symptom in rows for quote in re.findall(r"`([^`]+)`", symptom)]
    ours = [quote for quote in quoted if not any(words in quote for words in AIRFLOWS)]
    pieces = {piece.strip() for quote in ours for piece in re.split(r"…(?:4f2a)?|\.\.\.|: ", quote)}
    worded = sorted(piece for piece in pieces if " " in piece)
    assert len(worded) > 3
    said = _said()
    assert [piece for piece in worded if piece not in said] == []
