"""Catalog clients from an Airflow connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.log import mask_secret

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.catalog.push_target import check_push_target
from mode_catalog_provider.catalog.sources import parse_source_id
from mode_catalog_provider.errors import ConfigurationError, ForbiddenError, ModeCatalogError
from mode_catalog_provider.hooks.connection import connection_of, refuse_standard_fields
from mode_catalog_provider.hooks.connection_fields import (
    ExtraFields,
    field_behaviour,
    form_widgets,
    wire_settings,
    without_test_name,
)
from mode_catalog_provider.http.credential_text import credential_text


class CatalogHook(BaseHook):
    """Talk to Coalesce Catalog.

    The connection holds password (the API token) and in its extra optionally ``source_id`` (UUID of the
    Mode source that is pushed to), ``zone`` (``EU`` or ``US``, default ``EU``), ``read_token`` (for reading
    only), ``timeout`` (seconds), ``ingest_url``, ``api_url``, ``verify``, ``proxies`` and ``allow_http``.

    :param catalog_conn_id: Airflow connection of type ``coalesce_catalog``, default
        ``coalesce_catalog_default``.
    """

    conn_name_attr = "catalog_conn_id"
    default_conn_name = "coalesce_catalog_default"
    conn_type = "coalesce_catalog"
    hook_name = "Coalesce Catalog"

    # Airflow builds the hook by position when a person presses "Test".
    def __init__(self, catalog_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.catalog_conn_id = catalog_conn_id

    # Airflow 3.1 looks for these two in the class itself only, not in what it inherits from.
    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the extra fields as ``wtforms`` fields, for Airflow 3.1."""
        return form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return hidden fields, labels and placeholders, for Airflow 3.1."""
        return field_behaviour(cls.conn_type)

    def get_conn(self) -> CatalogApi:
        """Return a new client of the GraphQL API; the same as :meth:`get_api`."""
        return self.get_api()

    def get_api(self, *, zone: str | None = None, **overrides: Any) -> CatalogApi:
        """Return a new client of the GraphQL API, which uses the read-only token where there is one.

        Like every token of this hook it is read from the connection each time the client asks, so that a
        rotated one is picked up.

        :param zone: ``EU`` or ``US``; default: the connection's.
        :param overrides: replace fields of
            :class:`~mode_catalog_provider.catalog.endpoint.CatalogEndpoint`.
        """
        return CatalogApi(self._endpoint(zone, {"token": self.read_token, **overrides}))

    def get_ingest(
        self,
        *,
        source_id: str | None = None,
        zone: str | None = None,
        file_type: str = "VIZ",
        **overrides: Any,
    ) -> CatalogIngest:
        """Return a new client of the upload endpoint.

        :param source_id: UUID of the source that is pushed to; default: the connection's.
        :param zone: ``EU`` or ``US``; default: the connection's.
        :param file_type: ``VIZ`` (default) for everything that Mode gives.
        :param overrides: replace fields of
            :class:`~mode_catalog_provider.catalog.endpoint.CatalogEndpoint`.
        :raises ConfigurationError: when no source id is known.
        """
        return CatalogIngest(
            self._endpoint(zone, overrides), source_id=self.source_id(source_id), file_type=file_type
        )

    def source_id(self, given: str | None = None) -> str:
        """Return the UUID of the source that is pushed to.

        :param given: wins over the connection's, unless it is empty.
        :raises ConfigurationError: when no source id is known.
        """
        source_id = (given or "").strip() or ExtraFields.of(self._connection()).text("source_id")
        if source_id is None:
            raise ConfigurationError(
                f"No Catalog source to push to: give source_id, or put it into connection "
                f"'{self.catalog_conn_id}'. It is the UUID of the Mode integration in Catalog."
            )
        return parse_source_id(source_id)

    def token(self) -> str:
        """Read the token for uploads as the connection holds it now; any thread may ask."""
        return self._connection().password or ""

    def read_token(self) -> str:
        """Read the read-only token as the connection holds it now, else the token for uploads."""
        connection = self._connection()
        token = credential_text(
            ExtraFields.of(connection).text("read_token"),
            what=f"The read-only token (read_token) of connection '{self.catalog_conn_id}'",
        )
        if not token:
            return connection.password or ""
        # Airflow masks the whole extra as one text, so its parts would be printed.
        mask_secret(token)
        return token

    def test_connection(self) -> tuple[bool, str]:
        """Ask Catalog for its sources, and say in one sentence what is wrong, if anything."""
        try:
            # Kept from this thread: while Airflow tests a form, only this thread sees its connection.
            extra, token = ExtraFields.of(self._connection()), self.read_token()
            source_id = extra.text("source_id")
            with self.get_api(token=lambda: token, timeout=15, retry_budget=20.0) as api:
                if source_id is None:
                    found = sum(1 for _ in api.sources())
                    return True, (
                        f"Catalog ({api.zone.name}) accepts the token and lists {found} sources. The "
                        "connection names no source_id: sensors work, uploads need one."
                    )
                source = check_push_target(api, source_id)
        except ForbiddenError as error:
            said = without_test_name(error, self.catalog_conn_id)
            return True, f"{said} Uploads may work all the same; the sensors will not."
        except ModeCatalogError as error:
            return False, without_test_name(error, self.catalog_conn_id)
        if source is None:
            return True, (
                "Catalog accepts the token, but does not let it read sources: the source id is not checked, "
                "and the sensors need a read_token."
            )
        return True, f"Catalog ({api.zone.name}) accepts the token; Mode source {source} is there."

    def _connection(self) -> Connection:
        connection = connection_of(self, self.catalog_conn_id)
        refuse_standard_fields(
            connection,
            instead="The token is the password. Catalog's own addresses are known; others belong into "
            "'ingest_url' and 'api_url'.",
        )
        return connection

    def _endpoint(self, zone: str | None, overrides: Mapping[str, Any]) -> CatalogEndpoint:
        extra = ExtraFields.of(self._connection())
        settings: dict[str, Any] = {
            **wire_settings(extra),
            "token": self.token,
            "zone": (zone or "").strip() or extra.text("zone"),
            "ingest_url": extra.text("ingest_url"),
            "api_url": extra.text("api_url"),
        }
        return CatalogEndpoint(**{**settings, **overrides})
