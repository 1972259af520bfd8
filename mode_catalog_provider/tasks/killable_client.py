"""A Mode client for work that a person may end at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.refresh.cancel import cancel_quietly
from mode_catalog_provider.tasks.kill_switch import KillSwitch


@contextmanager
def killable_client(hook: ModeHook, switch: KillSwitch, *, cancel: bool) -> Iterator[ModeClient]:
    """Open a client that is verified, and let the switch end the block.

    :param cancel: whether the switch cancels the runs that were started.
    :raises CancelledError: the switch was pulled already.
    """
    with hook.get_client() as client:
        switch.abort = client.cancel
        if cancel:
            switch.cancel = partial(cancel_quietly, _client_in_a_hurry(hook))
        with switch:
            switch.check()
            # First of all: a POST must not be what finds out that Mode has moved to another of its hosts.
            client.verify()
            yield client


def _client_in_a_hurry(hook: ModeHook) -> ModeClient:
    """Make a client with nothing to ask of Airflow any more.

    It is not closed with the other: `on_kill` comes after the end of `execute` when that took too long.
    """
    credentials = hook.credentials()
    return hook.get_client(
        credentials=lambda: credentials, timeout=3.0, retry_budget=3.0, requests_per_second=20.0
    )
