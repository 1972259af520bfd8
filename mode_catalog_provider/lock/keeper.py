"""Renewal while work runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

from mode_catalog_provider.errors import CancelledError, LockLostError
from mode_catalog_provider.lock.lease import Lease
from mode_catalog_provider.lock.run_lock import RunLock

log = logging.getLogger(__name__)


class LeaseKeeper:
    """Renews a lease in the background for as long as the ``with`` block runs, and is the fence of its work.

    The lease is renewed once on entry and then every third of its ttl. A renewal that fails for another
    reason than a lost lease is repeated; when the ttl is about to pass without one, the lease counts as lost,
    since others may take it over from then on.

    A :class:`CancelledError` that leaves the block after the lease was lost becomes the
    :class:`LockLostError` that caused it.

    :param lease: what was acquired.
    :param lock: the lock it was acquired from.
    :param on_lost: called once, from the renewing thread, when the lease is lost; should make the work stop
        soon (``client.cancel``). Default ``None``: the next :meth:`check` stops it.
    :param monotonic: clock in seconds, default :func:`time.monotonic`.
    """

    def __init__(
        self,
        lease: Lease,
        lock: RunLock,
        *,
        on_lost: Callable[[], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lease = lease
        self._lock = lock
        self._on_lost = on_lost
        self._monotonic = monotonic
        self._renewed_at = 0.0
        self._lost: LockLostError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_stopped, name="lease-keeper", daemon=True)

    def check(self) -> None:
        """Prove, by reading the store, that the lease holds.

        :raises LockLostError: when it does not.
        """
        if self._lost is not None:
            raise self._lost
        self._lock.check(self.lease)

    def __enter__(self) -> LeaseKeeper:
        self._renewed_at = self._monotonic()
        self._lock.renew(self.lease)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        # A renewal that hangs in the store is left behind: it can neither undo a release nor a takeover.
        self._thread.join(timeout=5)
        if self._lost is not None and isinstance(error, CancelledError):
            raise self._lost from error

    def _renew_until_stopped(self) -> None:
        interval = self.lease.ttl / 3
        pause = interval
        while not self._stop.wait(pause):
            started = self._monotonic()
            try:
                self._lock.renew(self.lease)
            except LockLostError as error:
                self._lose(error)
                return
            except Exception as error:
                # The store may be away for a while; what counts is that the ttl does not pass meanwhile.
                pause = interval / 5
                without = self._monotonic() - self._renewed_at
                if without + pause >= self.lease.ttl:
                    self._lose(
                        LockLostError(
                            f"Lease {self.lease.generation} of the lock at {self._lock.path} could not be "
                            f"renewed for {without:.0f} s ({error}), so others may take it over. Nothing "
                            "more is written or pushed by this task."
                        )
                    )
                    return
                log.warning("Could not renew the lease, will try again in %.0f s: %s", pause, error)
            else:
                self._renewed_at = started
                pause = interval

    def _lose(self, error: LockLostError) -> None:
        self._lost = error
        log.error("%s", error)
        if self._on_lost is not None:
            self._on_lost()
