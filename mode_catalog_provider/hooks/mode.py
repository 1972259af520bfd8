"""A Mode client from an Airflow connection."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.log import mask_secret

from mode_catalog_provider.errors import ConfigurationError, ModeCatalogError
from mode_catalog_provider.hooks.connection_fields import (
    DeclaredForm,
    ExtraFields,
    wire_settings,
    without_test_name,
)
from mode_catalog_provider.mode.client import DEFAULT_HOST, ModeClient, ModeCredentials, ModeEndpoint


class ModeHook(DeclaredForm, BaseHook):
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
        connection = self.get_connection(self.mode_conn_id)
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
            "host": (connection.host or "").strip() or DEFAULT_HOST,
            "requests_per_second": extra.number("requests_per_second"),
            "on_secret": mask_secret,
        }
        return ModeClient(ModeEndpoint(**{**arguments, **overrides}))

    def credentials(self) -> ModeCredentials:
        """Read token and secret as the connection holds them now; any thread may ask.

        :raises ConfigurationError: when one of them is missing.
        """
        connection: Connection = self.get_connection(self.mode_conn_id)
        token, secret = (connection.login or "").strip(), (connection.password or "").strip()
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
        token, secret = extra.text("next_token"), extra.text("next_secret")
        if token is None and secret is None:
            return None
        if token is None or secret is None:
            raise ConfigurationError(
                f"Connection '{self.mode_conn_id}' has only one half of the next API key: give both "
                "next_token and next_secret, or neither."
            )
        for part in (token, secret):
            mask_secret(part)
        return ModeCredentials(token=token, secret=secret)

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
