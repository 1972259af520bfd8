"""What Airflow loads to know the page: places in its menu, and a server part that is built when it is asked.

Every Airflow process imports this module, so it imports next to nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.tasks.page_switch import PAGE_PATH, page_is_on

if TYPE_CHECKING:
    from airflow.plugins_manager import AirflowPlugin
else:
    try:  # Airflow 3.2+
        from airflow.sdk.plugins_manager import AirflowPlugin
    except ImportError:
        from airflow.plugins_manager import AirflowPlugin

#: What the entry in the menu and the tab are called.
TITLE = "Mode and Catalog"

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' "
    "stroke='{}' stroke-width='2' stroke-linecap='round' stroke-linejoin='round'%3E%3Cpath "
    "d='M4 19V9m6 10V5m6 14v-7m4 7"
    "H2'/%3E%3C/svg%3E"
)
_ICONS = {"icon": _ICON.format("%231b1f24"), "icon_dark_mode": _ICON.format("%23e6edf3")}

_Message = MutableMapping[str, Any]


class PageOnDemand:
    """The page as an ASGI application that is made at the first request, so in the API server only."""

    def __init__(self) -> None:
        self._application: Any = None

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if self._application is None:
            from mode_catalog_provider.page.app import page_application

            self._application = page_application()
        await self._application(scope, receive, send)


# Relative, so that they are found below whatever path Airflow is served at.
_VIEWS = (
    {
        **_ICONS,
        "name": TITLE,
        "href": f"{PAGE_PATH[1:]}/",
        "destination": "nav",
        "category": "browse",
        "url_route": "mode-catalog",
    },
    {
        **_ICONS,
        "name": TITLE,
        "href": f"{PAGE_PATH[1:]}/dags/{{DAG_ID}}",
        "destination": "dag",
        "url_route": "mode-catalog-dag",
    },
)
_APPS = ({"name": TITLE, "app": PageOnDemand(), "url_prefix": PAGE_PATH},)


class ModeCatalogPlugin(AirflowPlugin):
    """The page: an entry in the menu, a tab on each DAG, and what they show."""

    name = "mode_catalog"

    @classmethod
    def on_load(cls, *_: Any, **__: Any) -> None:
        """Offer the page, unless it is switched off or nobody can say whether it is on."""
        cls.external_views, cls.fastapi_apps = [], []
        if page_is_on():
            cls.external_views, cls.fastapi_apps = list(map(dict, _VIEWS)), list(map(dict, _APPS))
