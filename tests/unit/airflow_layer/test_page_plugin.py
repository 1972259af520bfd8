"""What every Airflow process pays for the page: next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.page.plugin import ModeCatalogPlugin

_COST = """
import sys
import airflow.configuration
try:
    import airflow.sdk.plugins_manager
except ImportError:
    import airflow.plugins_manager  # Airflow 3.1
before = set(sys.modules)
from mode_catalog_provider.page.plugin import ModeCatalogPlugin
ModeCatalogPlugin.on_load()
assert ModeCatalogPlugin.fastapi_apps
print(*(set(sys.modules) - before), sep="\\n")
"""


def test_loading_it_brings_in_nothing_but_a_few_small_modules_of_our_own() -> None:
    done = subprocess.run([sys.executable, "-c", _COST], capture_output=True, text=True, check=True)
    ours = {
        *("errors", "get_provider_info", "page", "page.plugin", "tasks", "tasks.page_switch"),
        *("text", "truth"),
    }
    loaded = {line for line in done.stdout.split() if not line.startswith("airflow")}
    # Airflow itself may have asked for the provider's info before.
    assert loaded <= {"mode_catalog_provider", *(f"mode_catalog_provider.{name}" for name in ours)}
    assert "mode_catalog_provider.page.plugin" in loaded


def test_it_offers_an_entry_in_the_menu_a_tab_and_what_they_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__MODE_CATALOG__PAGE", raising=False)
    ModeCatalogPlugin.on_load()
    assert {view["destination"] for view in ModeCatalogPlugin.external_views} == {"nav", "dag"}
    assert [app["url_prefix"] for app in ModeCatalogPlugin.fastapi_apps] == ["/mode-catalog"]
    # Found below whatever path Airflow is served at.
    assert not any(view["href"].startswith(("/", "http")) for view in ModeCatalogPlugin.external_views)


@pytest.mark.parametrize("word", ["False", "no", " OFF "])
def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__PAGE", word)
    ModeCatalogPlugin.on_load()
    assert ModeCatalogPlugin.external_views == []
    assert ModeCatalogPlugin.fastapi_apps == []


def test_with_a_switch_that_is_neither_it_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__PAGE", "perhaps")
    with pytest.raises(ConfigurationError, match="page is 'perhaps'; it must be true or false"):
        ModeCatalogPlugin.on_load()
    assert ModeCatalogPlugin.fastapi_apps == []
