"""Whether Airflow's UI has the page of this package, and where; imported by every process, so it is small."""

from __future__ import annotations

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.get_provider_info import CONFIG_SECTION
from mode_catalog_provider.truth import WORDS, truth

#: Below this path the page is served.
PAGE_PATH = "/mode-catalog"


def page_is_on() -> bool:
    """Return ``[mode_catalog] page``.

    :raises ConfigurationError: it is neither true nor false.
    """
    from airflow.configuration import conf

    value = conf.get(CONFIG_SECTION, "page", fallback="True")
    try:
        return truth(value, default=True)
    except ValueError:
        raise ConfigurationError(f"[{CONFIG_SECTION}] page is {value!r}; it must be {WORDS}.") from None
