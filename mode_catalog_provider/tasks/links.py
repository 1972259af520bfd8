"""Buttons on a task instance that lead to what the task worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

from mode_catalog_provider.tasks.compat import conf
from mode_catalog_provider.tasks.page_switch import PAGE_PATH, page_is_on

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey


class _PublishedLink(BaseOperatorLink):
    """A link whose address the task itself publishes, as soon as it knows it.

    Airflow asks for the address when a try ends or defers, and stores the answer in XCom. Published under the
    same key before, it works while the task runs, and survives a deferral.
    """

    title: ClassVar[str]

    @property
    def name(self) -> str:
        """Text on the button."""
        return self.title

    def publish(self, context: Context, url: str) -> None:
        """Make the button of the running task instance lead to ``url``; without one there is no button."""
        if ti := context.get("ti"):
            ti.xcom_push(key=self.xcom_key, value=url)

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the published address, or an empty text when the task published none."""
        return XCom.get_value(ti_key=ti_key, key=self.xcom_key) or ""


class PageLink(BaseOperatorLink):
    """Leads to where this package's page in Airflow shows what the task found.

    :param part: the part of the page.
    """

    def __init__(self, part: str = "") -> None:
        self.part = part

    @property
    def name(self) -> str:
        """Text on the button."""
        return "Mode and Catalog"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or an empty text where the page is switched off."""
        if not page_is_on():
            return ""
        base = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
        query = urlencode({"conn": getattr(operator, "mode_conn_id", "") or ""})
        return f"{base}{PAGE_PATH}/dags/{quote(ti_key.dag_id, safe='')}?{query}#{self.part}"


class ModeWorkspaceLink(_PublishedLink):
    """Leads to the workspace that was extracted."""

    title = "Mode workspace"


class ModeCulpritLink(_PublishedLink):
    """Leads from a failed extraction to the report or collection that it failed at."""

    title = "What it failed at"


class ExtractionLink(_PublishedLink):
    """Leads from an upload to the log of the extraction, which says what was left out and why."""

    title = "The extraction"


class ModeRunLink(_PublishedLink):
    """Leads to the report whose run was started last."""

    title = "Mode run"


class CatalogSourceLink(_PublishedLink):
    """Leads to the Catalog that was pushed to or asked."""

    title = "Catalog"
