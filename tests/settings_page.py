"""The page that lists every option; ``python -m tests.reference_pages`` writes it."""

from __future__ import annotations

import sys

from mode_catalog_provider.get_provider_info import get_provider_info

HEAD = """# Settings of the ready DAGs

In `airflow.cfg`, section `[mode_catalog]`, or as variables `AIRFLOW__MODE_CATALOG__<OPTION>` (upper case);
for one DAG of several, [in the call that builds it](../how-to/several-workspaces.md). They are read when a
DAG file is parsed, never from the database; Airflow itself reads `airflow.cfg` and its environment when its
processes start, so restart them after a change. This prints them with their descriptions:

```
airflow config list --section mode_catalog --include-descriptions --show-values
```

- Every value is checked when the DAG file is parsed. One that is not of its type, set or range is an import
  error that names option and value: `[mode_catalog] max_shrink is '30'; it must be a number from 0 to 1.`
- A variable that is set to nothing is the default (but for `warehouse_asset`). Quotation marks around a value
  are not part of it.
- Lists are separated by commas; a name that holds a comma stands in double quotes (`"Revenue, EU",Board`), or
  the whole list is JSON (`["Revenue, EU", "Board"]`).
- Switches take `True`, `yes`, `on`, `1` and their opposites.

| option | meaning | default | example |
| --- | --- | --- | --- |
"""


def settings_page() -> str:
    """Return the page as Markdown."""
    options = get_provider_info()["config"]["mode_catalog"]["options"]
    return HEAD + "".join(
        f"| `{name}` | {_cell(of['description'])} | {_code(of['default'])} | {_code(of['example'])} |\n"
        for name, of in options.items()
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str | None) -> str:
    return f"`{_cell(text)}`" if text else ""


if __name__ == "__main__":
    sys.stdout.write(settings_page())
