"""The recipes for mail and chat, rendered with what a hostile user of Mode may have written."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

DOCS = Path(__file__).parents[2] / "docs"
HOSTILE = (
    "<img src=https://evil.example/p.gif> <a href='https://evil.example'>sign in</a> <!channel> & </pre>"
)


def templates(name: str) -> list[str]:
    """Return the values of an argument in the Python recipes."""
    found = []
    for block in re.findall(
        r"```python\n(.*?)```", (DOCS / "how-to" / "notify.md").read_text(), flags=re.DOTALL
    ):
        names: dict[str, Any] = {}
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names[ast.unparse(node.targets[0])] = node.value.value
            if isinstance(node, ast.keyword) and node.arg == name:
                found.append(eval(ast.unparse(node.value), {"__builtins__": {}}, names))
    assert found
    return found


def rendered(template: str) -> str:
    ti = SimpleNamespace(
        task_id="upload",
        log_url="https://airflow.example/log",
        xcom_pull=lambda task_ids, key: (
            HOSTILE if key == "summary_markdown" else {"subject": "x", "body": HOSTILE}
        ),
    )
    dag = SimpleNamespace(dag_display_name="Mode to Catalog")
    return jinja2.Environment().from_string(template).render(exception=ValueError(HOSTILE), ti=ti, dag=dag)


@pytest.mark.parametrize("template", templates("html_content"))
def test_no_tag_of_a_stranger_gets_into_a_mail(template: str) -> None:
    tags: list[tuple[str, dict[str, str | None]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append((tag, dict(attrs)))  # type: ignore[method-assign]
    parser.feed(rendered(template))
    assert {tag for tag, _ in tags} <= {"p", "a", "pre"}
    assert {of.get("href") for tag, of in tags if tag == "a"} <= {"https://airflow.example/log"}


@pytest.mark.parametrize("template", templates("text"))
def test_nobody_in_slack_is_called_and_no_link_is_made_by_a_stranger(template: str) -> None:
    assert re.findall(r"<[^>]*>", rendered(template)) == ["<https://airflow.example/log|Log>"]
