"""Wait for Mode runs without a worker slot."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from mode_catalog_provider.errors import RequestRefusedError
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.refresh.cancel import cancel_quietly
from mode_catalog_provider.refresh.progress import Progress, from_json
from mode_catalog_provider.refresh.runs import read_run
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.request_meter import RequestMeter

# Polls that may fail in a row before a worker is asked to look into it.
_FAILED_POLLS = 5
# A poll comes again anyway: it need not fight for its answer as long as a worker does.
_RETRY_SECONDS = 20.0
# A loop holds its tasks by weak references only.
_UNDER_WAY: set[asyncio.Future[None]] = set()


class ModeRunsTrigger(BaseTrigger):
    """Look at Mode runs from time to time; start nothing, change nothing.

    The event only says that it is worth looking again, and carries back what the task needs to go on:
    ``{"status": "changed" | "timeout" | "error", "message": sentence, "progress", "deadline", "kept_in"}``.
    What became of the runs is read by the worker, so that the deferred and the waiting operator decide by the
    same code.

    :param mode_conn_id: Airflow connection of type ``mode``.
    :param progress: the runs to watch, as of :func:`mode_catalog_provider.refresh.progress.to_json`. What is
        not in flight is only carried along.
    :param each: fire when any of them is over; else when all are.
    :param deadline: when to stop waiting, seconds since the epoch.
    :param check_interval: seconds between two looks, varied by a tenth; more when Mode asks for more.
    :param cancel_on_kill: cancel those of them that the task started when a person marks or clears the task
        (3.3+).
    :param kept_in: XCom of the task with all that is known, where that is more than what is watched: the
        arguments of a trigger are rewritten at each deferral, and are no place for a whole workspace.
    """

    def __init__(
        self,
        *,
        mode_conn_id: str,
        progress: list[dict[str, Any]],
        each: bool,
        deadline: float,
        check_interval: float,
        cancel_on_kill: bool = True,
        kept_in: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.mode_conn_id = mode_conn_id
        self.progress = progress
        self.each = each
        self.deadline = deadline
        self.check_interval = check_interval
        self.cancel_on_kill = cancel_on_kill
        self.kept_in = kept_in

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "mode_conn_id": self.mode_conn_id,
                "progress": self.progress,
                "each": self.each,
                "deadline": self.deadline,
                "check_interval": self.check_interval,
                "cancel_on_kill": self.cancel_on_kill,
                "kept_in": self.kept_in,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch the runs until there is something to tell, once."""
        status, message = await self._watch(self._in_flight())
        yield TriggerEvent(
            {
                "status": status,
                "message": message,
                "progress": self.progress,
                "deadline": self.deadline,
                "kept_in": self.kept_in,
            }
        )

    async def on_kill(self) -> None:
        """Cancel the runs that the task started, when a person ends the deferred task (Airflow 3.3+)."""
        runs = [one.run for one in self._in_flight() if one.run and one.ours and self.cancel_on_kill]
        if not runs:
            return
        # Airflow cancels a trigger again at each of its rounds, about one a second, as long as it is there:
        # that would break off this method, and must not break off the work.
        work = asyncio.ensure_future(self._cancel(runs))
        _UNDER_WAY.add(work)
        work.add_done_callback(_UNDER_WAY.discard)
        await asyncio.shield(work)

    async def _cancel(self, runs: list[str]) -> None:
        try:
            client = await self._get_client()
            await asyncio.gather(*(asyncio.to_thread(cancel_quietly, client, run) for run in runs))
            client.close()
        except Exception as error:
            self.log.warning("The Mode runs %s could not be cancelled: %s", runs, error)

    async def _watch(self, runs: list[Progress]) -> tuple[str, str]:
        client: ModeClient | None = None
        meter: RequestMeter | None = None
        going, failed_polls = runs, 0
        try:
            while True:
                wanted_pause = 0.0
                try:
                    client = client or await self._get_client()
                    meter = meter or RequestMeter(client.statistics, "mode")
                    going = await asyncio.to_thread(_still_going, client, going)
                    failed_polls = 0
                    metrics.count(metrics.TRIGGER_POLLS, trigger="mode_runs", outcome="answered")
                    metrics.gauge(metrics.REFRESH_IN_FLIGHT, len(going))
                except Exception as error:
                    failed_polls += 1
                    metrics.count(metrics.TRIGGER_POLLS, trigger="mode_runs", outcome="failed")
                    wanted_pause = getattr(error, "retry_after", None) or 0.0
                    self.log.warning("Looking at the Mode runs failed (%s in a row): %s", failed_polls, error)
                    if failed_polls >= _FAILED_POLLS or getattr(error, "permanent", False):
                        return "error", f"Looking at the Mode runs failed: {error}"
                over = len(runs) - len(going)
                if not going or (self.each and over):
                    return "changed", f"{over} of {len(runs)} Mode runs are over."
                left = self.deadline - time.time()
                if left <= 0:
                    return "timeout", f"{len(going)} of {len(runs)} Mode runs are not over in time."
                pause = self.check_interval * random.uniform(0.9, 1.1)  # noqa: S311 - only scatter
                await asyncio.sleep(min(left, max(pause, wanted_pause)))
        finally:
            if client is not None:
                # A thread may still be reading for us; what it waits for ends now.
                client.cancel()
                client.close()
            if meter is not None:
                meter.send()

    def _in_flight(self) -> list[Progress]:
        return [one for one in from_json(self.progress) if one.in_flight]

    async def _get_client(self) -> ModeClient:
        # The shield keeps the reason of a cancellation, by which Airflow tells a person's action from its own
        # restart; sync_to_async alone loses it, and on_kill would not be called.
        return await asyncio.shield(sync_to_async(self._make_client, thread_sensitive=False)())

    def _make_client(self) -> ModeClient:
        """Read the credentials here and only once: Airflow before 3.3 lets no other thread of a trigger ask.

        When Mode refuses them, the worker that is called reads them anew.
        """
        hook = ModeHook(self.mode_conn_id)
        credentials = hook.credentials()
        return hook.get_client(credentials=lambda: credentials, retry_budget=_RETRY_SECONDS)


def _still_going(client: ModeClient, runs: list[Progress]) -> list[Progress]:
    return [one for one in runs if not (one.run and _is_over(client, one, one.run))]


def _is_over(client: ModeClient, one: Progress, path: str) -> bool:
    """A run that is gone or hidden will not change here any more either."""
    try:
        run = read_run(client, path)
    except RequestRefusedError:
        return True
    return not one.not_visible_yet(time.time()) if run is None else run.over
