"""Wait, in the triggerer, until the run lock may be taken."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from datetime import timedelta
from functools import partial
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.lock import LeaseRecord, RunLock, Watch
from mode_catalog_provider.staging import staging_path
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.lock_holder import run_is_over

#: Looks that may fail in a row before a worker is asked to look into it.
TOLERATED_ERRORS = 5
#: Seconds after which a look counts as failed: a network disk may hang for longer than anybody waits.
LOOK_SECONDS = 60.0


class RunLockTrigger(BaseTrigger):
    """Watches a lock that somebody holds; takes nothing, changes nothing.

    It may be started anew at any time; it then begins to measure anew how long the lease stands still.

    Its one event is ``{"status", "message", "seen", "deadline"}``. Status ``free``: the lock may be taken, as
    far as can be seen from here; ``timeout``: the deadline has passed; ``blind``: the lock cannot be watched
    from here, then ``permanent`` says whether a retry cannot help. ``seen`` is how long the lease was watched
    standing still (an :class:`~mode_catalog_provider.lock.Observation` as JSON, or ``None``), so that the
    worker can take it over without a watch of its own.

    :param path: directory of the lock; with the connection in the URL where it needs one.
    :param ttl: seconds after which an unreadable lease may be taken over.
    :param generation: number of the lease that is waited for; a triggerer that sees less looks elsewhere.
    :param deadline: when waiting ends, in seconds since 1970.
    :param poll_interval: seconds between two looks, and up to a tenth more.
    :param installation: mark of the Airflow that waits; only of its own runs can it tell whether they are
        over. Default ``None``: not known.
    """

    def __init__(
        self,
        *,
        path: str,
        ttl: float,
        generation: int,
        deadline: float,
        poll_interval: float,
        installation: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = path
        self.ttl = ttl
        self.generation = generation
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.installation = installation

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, all of them JSON scalars."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "path": self.path,
                "ttl": self.ttl,
                "generation": self.generation,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
                "installation": self.installation,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the lock from time to time, until there is something to tell, once."""
        watch = Watch()
        thread = OwnThread("run-lock-trigger")
        errors = 0
        while True:
            pause = self.poll_interval
            asked_at = watch.monotonic()
            try:
                lock, record = await self._in(thread, self._look)
                reason = await self._why_free(lock, record, watch, asked_at, thread)
                errors = 0
                metrics.count(metrics.TRIGGER_POLLS, trigger="lock", outcome="answered")
            except Exception as error:
                errors += 1
                metrics.count(metrics.TRIGGER_POLLS, trigger="lock", outcome="failed")
                message = f"The lock at {self.path} cannot be watched: {_told(error)}"
                permanent = isinstance(error, ModeCatalogError) and error.permanent
                if permanent or errors > TOLERATED_ERRORS:
                    yield self._event("blind", message, watch, permanent=permanent)
                    return
                self.log.warning("%s (error %d in a row, waiting on)", message, errors)
            else:
                if record is None or record.generation < self.generation:
                    yield self._event("blind", self._elsewhere(), watch, permanent=True)
                    return
                if reason is not None:
                    yield self._event("free", f"The lock at {self.path} may be taken: {reason}.", watch)
                    return
                pause = lock.expiry.pause(record, watch, timedelta(seconds=self.poll_interval))
            left = self.deadline - time.time()
            if left <= 0:
                yield self._event("timeout", f"The lock at {self.path} did not become free in time.", watch)
                return
            await asyncio.sleep(min(left, pause * random.uniform(1.0, 1.1)))  # noqa: S311 - no secret

    async def _in(self, thread: OwnThread, look: Callable[..., Any], *arguments: Any) -> Any:
        # Through asgiref and not asyncio.to_thread: from that one's threads Airflow before 3.3 cannot be
        # asked for connections and runs. In a thread of its own: the loop's threads belong to all triggers.
        call = sync_to_async(look, thread_sensitive=False, executor=thread)  # type: ignore[call-overload]
        try:
            return await asyncio.wait_for(call(*arguments), timeout=LOOK_SECONDS)
        except TimeoutError as error:
            if str(error):
                raise
            raise TimeoutError(f"no answer within {LOOK_SECONDS:.0f} s") from None

    def _look(self) -> tuple[RunLock, LeaseRecord | None]:
        lock = RunLock(staging_path(self.path), ttl=timedelta(seconds=self.ttl))
        return lock, lock.state()

    async def _why_free(
        self, lock: RunLock, record: LeaseRecord | None, watch: Watch, asked_at: float, thread: OwnThread
    ) -> str | None:
        watch.note(record, asked_at=asked_at)
        if watch.changed and record is not None and not record.released:
            self.log.info("Waiting: the lock at %s is %s.", self.path, record.describe())
        if record is None:
            return None
        reason = lock.expiry.why_free(record, seen=watch.seen)
        if (
            reason is None
            and record.claim is not None
            and await self._in(thread, run_is_over, record.claim.holder, self.installation)
        ):
            return "its holder's run is over"
        return reason

    def _elsewhere(self) -> str:
        return (
            f"The triggerer does not see the lock at {self.path}: it has another directory there, or none. "
            "Mount the same directory on workers and triggerer, put the lock on an object store, or wait on "
            "the worker (deferrable=False)."
        )

    def _event(self, status: str, message: str, watch: Watch, **more: Any) -> TriggerEvent:
        seen = None if watch.seen is None else watch.seen.to_json()
        payload = {"status": status, "message": message, "seen": seen, "deadline": self.deadline, **more}
        return TriggerEvent(payload)


class OwnThread(Executor):
    """Runs one job at a time in a thread of its own, and takes no second one while the first hangs.

    A disk that hangs keeps the thread that asked it, whatever its waiter does. In the loop's own pool a few
    such looks would stop every other trigger of the process; here they cost one thread, which does not keep
    the process from ending either.

    :param name: of the thread, for who looks at a stack.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun: float | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a job.

        :raises TimeoutError: the last one has not ended.
        """
        if self._begun is not None:
            since = time.monotonic() - self._begun
            raise TimeoutError(f"the last look has been hanging for {since:.0f} s")
        self._begun = time.monotonic()
        future: Future[Any] = Future()

        def work() -> None:
            try:
                result = fn(*args, **kwargs) if future.set_running_or_notify_cancel() else None
            except BaseException as error:
                tell: Callable[[], None] = partial(future.set_exception, error)
            else:
                tell = partial(future.set_result, result)
            # First, as the receiver may start the next job at once.
            self._begun = None
            if not future.cancelled():
                tell()

        threading.Thread(target=work, name=self._name, daemon=True).start()
        return future


def _told(error: Exception) -> str:
    """Return an error as a person should read it: many have no text, and ours need no name."""
    if isinstance(error, ModeCatalogError):
        return str(error)
    name = type(error).__name__
    return f"{name}: {error}" if str(error) else name
