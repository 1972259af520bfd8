"""A Mode client from an Airflow connection."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.log import mask_secret

from mode_catalog_provider.errors import ConfigurationError, ModeCatalogError
from mode_catalog_provider.hooks.connection import address_of, connection_of
from mode_catalog_provider.hooks.connection_fields import (
    ExtraFields,
    field_behaviour,
    form_widgets,
    wire_settings,
    without_test_name,
)
from mode_catalog_provider.http.credential_text import credential_text
from mode_catalog_provider.mode.client import DEFAULT_HOST, ModeClient, ModeCredentials, ModeEndpoint


class ModeHook(BaseHook):
    """Talk to one Mode workspace.

    The connection holds host (base URL, default ``https://modeanalytics.com``), login (the API token),
    password (its secret) and in its extra ``workspace`` and optionally ``requests_per_second``, ``timeout``
    (seconds), ``verify``, ``proxies`` and ``allow_http``.

    :param mode_conn_id: Airflow connection of type ``mode``, default ``mode_default``.
    """

    conn_name_attr = "mode_conn_id"
    default_conn_name = "mode_default"
    conn_type = "mode"
    hook_name = "Mode"

    # Airflow builds the hook by position when a person presses "Test".
    def __init__(self, mode_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.mode_conn_id = mode_conn_id

    # Airflow 3.1 looks for these two in the class itself only, not in what it inherits from.
    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the extra fields as ``wtforms`` fields, for Airflow 3.1."""
        return form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return hidden fields, labels and placeholders, for Airflow 3.1."""
        return field_behaviour(cls.conn_type)

    def get_conn(self) -> ModeClient:
        """Return a new client; the same as :meth:`get_client`."""
        return self.get_client()

    def get_client(self, **overrides: Any) -> ModeClient:
        """Return a new client; the caller closes it, best by using it in a ``with``.

        The client asks for the credentials when it needs them and again when Mode refuses them, and each
        time the connection is read anew: a key that is rotated while a task runs is picked up.

        :param overrides: replace fields of :class:`~mode_catalog_provider.mode.endpoint.ModeEndpoint`.
        :raises ConfigurationError: when a field is missing or cannot be right.
        """
        connection = connection_of(self, self.mode_conn_id)
        extra = ExtraFields.of(connection)
        workspace = extra.text("workspace")
        if workspace is None:
            raise ConfigurationError(
                f"Connection '{self.mode_conn_id}' names no workspace. Put the name that follows the host in "
                "your workspace's address (acme for https://app.mode.com/acme) into its field 'workspace'."
            )
        arguments: dict[str, Any] = {
            **wire_settings(extra),
            "workspace": workspace,
            "credentials": self.credentials,
            "host": address_of(connection) or DEFAULT_HOST,
            "requests_per_second": extra.number("requests_per_second"),
            "on_secret": mask_secret,
        }
        return ModeClient(ModeEndpoint(**{**arguments, **overrides}))

    def credentials(self) -> ModeCredentials:
        """Read token and secret as the connection holds them now; any thread may ask.

        :raises ConfigurationError: when one of them is missing.
        """
        connection = connection_of(self, self.mode_conn_id)
        token, secret = (
            self._part(connection.login, "API token (login)", refuse=":"),
            self._part(connection.password, "API secret (password)"),
        )
        if not token or not secret:
            missing = "API token (login)" if not token else "API secret (password)"
            raise ConfigurationError(
                f"Connection '{self.mode_conn_id}' has no {missing}. Create an API key in Mode's workspace "
                "settings and put both its parts into the connection."
            )
        # Airflow masks passwords by itself, but prints logins, and parts of the extra.
        mask_secret(token)
        return ModeCredentials(token=token, secret=secret, successor=self._successor(connection))

    def _successor(self, connection: Connection) -> ModeCredentials | None:
        extra = ExtraFields.of(connection)
        token = self._part(extra.text("next_token"), "next API token (next_token)", refuse=":")
        secret = self._part(extra.text("next_secret"), "next API secret (next_secret)")
        if not token and not secret:
            return None
        if not token or not secret:
            raise ConfigurationError(
                f"Connection '{self.mode_conn_id}' has only one half of the next API key: give both "
                "next_token and next_secret, or neither."
            )
        for part in (token, secret):
            mask_secret(part)
        return ModeCredentials(token=token, secret=secret)

    def _part(self, text: str | None, what: str, *, refuse: str = "") -> str:
        named = f"The {what} of connection '{self.mode_conn_id}'"
        return credential_text(text, what=named, refuse=refuse)

    def test_connection(self) -> tuple[bool, str]:
        """Ask Mode who the credentials belong to, and say in one sentence what is wrong, if anything."""
        try:
            # Kept from this thread: while Airflow tests a form, only this thread sees its connection.
            credentials = self.credentials()
            with self.get_client(credentials=lambda: credentials, timeout=15, retry_budget=20.0) as client:
                client.verify()
                return True, (
                    f"Mode at {client.host} accepts API token {credentials.suffix} for workspace "
                    f"'{client.workspace}'."
                )
        except ModeCatalogError as error:
            return False, without_test_name(error, self.mode_conn_id)
