"""Find out in seconds whether a sync can succeed, and how long its API key will last."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.last_push import fed_at
from mode_catalog_provider.catalog.push_target import BRIEF, check_push_target, source_check
from mode_catalog_provider.errors import (
    AuthenticationError,
    CancelledError,
    CatalogAuthenticationError,
    ConfigurationError,
    ModeCatalogError,
    UnknownSourceError,
    WrongHostError,
)
from mode_catalog_provider.extract.folder import workspace_layout
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.key_age import KeyAge, key_age, key_record
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.durations import length_of_time
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.key_memory import first_seen
from mode_catalog_provider.tasks.rendered import rendered, rendered_path
from mode_catalog_provider.tasks.request_meter import metered


class ModeCatalogPreflightOperator(BaseOperator):
    """Check, before anything expensive, that Mode's key and Catalog's token and source are accepted.

    Fails at once, with what to do, when one of them is refused, and tells all faults that it finds. Warns
    when the key is near its end: in the log, as the metric ``mode_catalog.key.days_left``, and in the extra
    of the events of the task's outlets (``{"connection", "key", "age_days", "days_left", "near_end",
    "message"}``).

    :param output_dir: absolute path or object-store URL of the snapshots; since when the key is in use is
        remembered there, without the key. Templated, as are the connections and ``source_id``.
    :param mode_conn_id: connection of type ``mode``, default ``mode_default``.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, default ``coalesce_catalog_default``.
    :param source_id: UUID of the source that will be pushed to, default ``None``: the connection's.
    :param output_conn_id: Airflow connection of the object store, default ``None``.
    :param key_lifetime: how long Mode accepts a key when Mode does not tell, default 90 days; ``None`` or
        zero = unknown.
    :param warn_before: how long before its end the key is warned of, default 14 days.
    :param source_check: ``warn`` (default) when Catalog's API cannot be asked, as the upload does, or
        ``require``: fail.
    :param refuse_unknown_conf: fail when the run's conf has a key that is no parameter of the DAG, which
        Airflow lets pass and nobody would read; default ``False``.
    """

    template_fields: Sequence[str] = (
        "output_dir",
        "mode_conn_id",
        "catalog_conn_id",
        "source_id",
        "output_conn_id",
    )
    ui_color = "#f6ecd5"

    def __init__(
        self,
        *,
        output_dir: str,
        mode_conn_id: str = ModeHook.default_conn_name,
        catalog_conn_id: str = CatalogHook.default_conn_name,
        source_id: str | None = None,
        output_conn_id: str | None = None,
        key_lifetime: timedelta | None = timedelta(days=90),
        warn_before: timedelta = timedelta(days=14),
        refuse_unknown_conf: bool = False,
        source_check: str = "warn",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_dir = output_dir
        self.mode_conn_id = mode_conn_id
        self.catalog_conn_id = catalog_conn_id
        self.source_id = source_id
        self.output_conn_id = output_conn_id
        self.key_lifetime = key_lifetime and length_of_time("key_lifetime", key_lifetime)
        self.warn_before = length_of_time("warn_before", warn_before)
        self.refuse_unknown_conf = refuse_unknown_conf
        self.source_check = source_check

    @job("preflight", lambda self: f"Checking {self.mode_conn_id} and {self.catalog_conn_id}.")
    def execute(self, context: Context) -> dict[str, Any]:
        """Ask both services.

        :return: ``{"workspace", "connection", "key", "age_days", "days_left", "near_end", "message",
            "source_id"}``; ``key`` is the end of the token, ``days_left`` may be ``None``.
        :raises AirflowFailException: when key, token or source are refused.
        """
        faults: list[ModeCatalogError] = []
        with airflow_errors(context):
            # All are tried, so that who has two things to mend need not find the second one later.
            with _collected(faults):
                if self.refuse_unknown_conf:
                    _check_conf(context)
            with _collected(faults):
                source_id = self._check_catalog()
            with _collected(faults):
                workspace, report = self._check_mode()
            if faults:
                raise _all_of(faults)
        self._tell(report)
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = report
        return {"workspace": workspace, **report, "source_id": source_id}

    def _check_mode(self) -> tuple[str, dict[str, Any]]:
        with metered(ModeHook(self.mode_conn_id).get_client()) as client:
            record = key_record(client, client.verify())
            self._tell_age(client)
            return client.workspace, self._report(client, self._age(client, record))

    def _tell_age(self, client: ModeClient) -> None:
        # Nothing hangs on it: whatever is wrong with the place is told by who needs it.
        with suppress(Exception):
            home = rendered_path(self.output_dir, self.output_conn_id)
            layout = workspace_layout(home, workspace=client.workspace, host=client.host)
            source_id = CatalogHook(self.catalog_conn_id).source_id(rendered(self.source_id))
            if (fed := fed_at(layout, source_id)) is not None:
                metrics.gauge(metrics.FED_AT, int(fed.timestamp()))
                metrics.gauge(metrics.FED_AGE, round((datetime.now(UTC) - fed).total_seconds()))

    def _check_catalog(self) -> str:
        hook = CatalogHook(self.catalog_conn_id)
        source_id = hook.source_id(rendered(self.source_id))
        # With the token that uploads: another one proves nothing about it.
        with metered(hook.get_api(token=hook.token)) as api:
            if self._is_asked(hook, api, source_id) or hook.read_token() == hook.token():
                return source_id
        with metered(hook.get_api()) as api:
            self._is_asked(hook, api, source_id)
        return source_id

    def _is_asked(self, hook: CatalogHook, api: CatalogApi, source_id: str) -> bool:
        """Whether Catalog could be asked about the source; what it says clearly is raised."""
        check = source_check(self.source_check)
        try:
            return check_push_target(api, source_id, budget=BRIEF) is not None
        except (UnknownSourceError, CancelledError):
            raise
        except CatalogAuthenticationError as error:
            # It may be good for uploads alone; when the upload endpoint refuses it too, nothing can succeed.
            with metered(hook.get_ingest(source_id=source_id)) as ingest:
                if check == "require" or ingest.refuses_token():
                    raise
            why = str(error)
        except ModeCatalogError as error:
            is_ours = isinstance(error, ConfigurationError) and not isinstance(error, WrongHostError)
            if check == "require" or is_ours:
                raise
            why = str(error)
        self.log.warning(
            "Source id %s is not checked, for Catalog's API cannot be asked; the upload goes on without. %s",
            source_id,
            why,
        )
        return False

    def _age(self, client: ModeClient, record: dict[str, Any] | Any) -> KeyAge:
        now = datetime.now(UTC)
        try:
            since = first_seen(rendered_path(self.output_dir, self.output_conn_id), client.key.token, now)
        except ConfigurationError:
            raise
        except Exception as error:
            # Any exception: a disk may be full, and each object store has errors of its own.
            self.log.warning("Since when the key is in use cannot be remembered: %s", error)
            since = now
        return key_age(record, first_seen=since, lifetime=self.key_lifetime or None, now=now)

    def _report(self, client: ModeClient, age: KeyAge) -> dict[str, Any]:
        suffix = client.key.suffix
        near_end = age.left is not None and age.left <= self.warn_before
        message = f"Mode API token {suffix} of connection '{self.mode_conn_id}' {age.describe()}."
        if near_end:
            message += (
                " Make a new key in Mode (Workspace Settings > Features > API Keys) and put it into the "
                "connection: as next_token and next_secret it takes over when this one is refused."
            )
        return {
            "connection": self.mode_conn_id,
            "key": suffix,
            "age_days": age.age.days,
            "days_left": age.left.days if age.left is not None else None,
            "near_end": near_end,
            "message": message,
        }

    def _tell(self, report: dict[str, Any]) -> None:
        (self.log.warning if report["near_end"] else self.log.info)("%s", report["message"])
        metrics.gauge(metrics.KEY_AGE, report["age_days"])
        if report["days_left"] is not None:
            metrics.gauge(metrics.KEY_LEFT, report["days_left"])


@contextmanager
def _collected(faults: list[ModeCatalogError]) -> Iterator[None]:
    try:
        yield
    except ModeCatalogError as fault:
        faults.append(fault)


def _all_of(faults: Sequence[ModeCatalogError]) -> ModeCatalogError:
    """Return one error that tells them all; it is permanent if any of them is."""
    if len(faults) == 1:
        return faults[0]
    numbered = " ".join(f"({number}) {fault}" for number, fault in enumerate(faults, 1))
    message = f"{len(faults)} things are wrong, each of which stops a run: {numbered}"
    if any(isinstance(fault, AuthenticationError) for fault in faults):
        return AuthenticationError(message)
    return (ConfigurationError if any(fault.permanent for fault in faults) else ModeCatalogError)(message)


def _check_conf(context: Context) -> None:
    known = sorted(context["dag"].params)
    for key in context["dag_run"].conf or {}:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigurationError(
                f"The run's conf has {key!r}, which DAG {context['dag'].dag_id} does not know.{meant} "
                f"It knows: {', '.join(known)}."
            )
