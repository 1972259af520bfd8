"""The lock itself: a sequence of lease files, of which the highest one holds."""

from __future__ import annotations

import logging
import shlex
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from mode_catalog_provider.errors import ConfigurationError, LockHeldError, LockLostError, LockTimeoutError
from mode_catalog_provider.lock.lease import Claim, Holder, Lease, LeaseRecord, lease_seconds
from mode_catalog_provider.lock.store import Generations, LeaseStore, open_store
from mode_catalog_provider.lock.takeover import Expiry, Watch, why_over
from mode_catalog_provider.moments import in_words
from mode_catalog_provider.storage import StoragePath, location_of, no_exclusive_create

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """The clocks of one process; tests bring their own.

    :param wall: seconds since 1970, default :func:`time.time`.
    :param monotonic: seconds that only grow, default :func:`time.monotonic`.
    :param sleep: waits for so many seconds, default :func:`time.sleep`.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class RunLock:
    """One lock, kept in one directory; the package's docstring has its states and its promises.

    It keeps no state of its own, so it may be made anew for every call and used by several threads.

    :param directory: the lock's own directory, local or on an object store; other files in it are ignored.
    :param ttl: time without renewal after which a lease may be taken over. It must outlast the longest pause
        between two renewals of a living holder: queueing and retry delays between tasks, not only work.
    :param host: name of this machine, default its host name.
    :param clocks: default the real ones.
    :param store: default the store of ``directory``.
    :raises ConfigurationError: when ``ttl`` is not above zero, or longer than 31 days.
    """

    def __init__(
        self,
        directory: StoragePath,
        *,
        ttl: timedelta,
        host: str | None = None,
        clocks: Clocks | None = None,
        store: LeaseStore | None = None,
    ) -> None:
        self.path = location_of(directory)
        try:
            self.ttl = lease_seconds(ttl.total_seconds())
        except ValueError as error:
            raise ConfigurationError(f"The ttl of the lock at {self.path} cannot be used: {error}.") from None
        self.clocks = clocks or Clocks()
        #: Whether the lease that was taken last was somebody's who had not given it back.
        self.took_over = False
        self._directory = directory
        self._host = host or socket.gethostname()
        #: When a lease of this lock may be taken over.
        self.expiry = Expiry(ttl=self.ttl, host=self._host, wall=self.clocks.wall)
        self._generations = Generations(store or open_store(directory))

    # -- taking ---------------------------------------------------------------------------------------------

    def try_acquire(
        self,
        holder: Holder,
        *,
        holder_is_over: Callable[[Holder], bool] | None = None,
        watch: Watch | None = None,
    ) -> Lease:
        """Take the lock if it may be taken now.

        :param holder: who takes it.
        :param holder_is_over: tells whether the present holder's run has ended; default: nobody knows.
        :param watch: what this waiter has seen so far; it sees this try as well. Default ``None``: nothing.
        :return: the lease; keep it renewed (:class:`mode_catalog_provider.lock.LeaseKeeper`).
        :raises LockHeldError: when somebody holds it, or was quicker.
        :raises ConfigurationError: when the directory cannot be used, or its store cannot keep a lock.
        """
        watch = watch or Watch(monotonic=self.clocks.monotonic)
        asked_at = watch.monotonic()
        record = self.state()
        watch.note(record, asked_at=asked_at)
        if record is None:
            return self._take(1, holder)
        reason = self.expiry.why_free(record, seen=watch.seen)
        if reason is None and record.claim is not None:
            reason = why_over(record.claim.holder, holder, holder_is_over)
        if reason is None:
            raise self._held(record)
        if not record.released:
            log.warning("Taking over the lock at %s, %s: %s.", self.path, record.describe(), reason)
        lease = self._take(record.generation + 1, holder)
        self.took_over = not record.released
        return lease

    def acquire(
        self,
        holder: Holder,
        *,
        timeout: timedelta,
        poll: timedelta = timedelta(seconds=5),
        holder_is_over: Callable[[Holder], bool] | None = None,
        on_wait: Callable[[LeaseRecord], None] | None = None,
    ) -> Lease:
        """Wait in this process until the lock is taken.

        :param holder: who takes it.
        :param timeout: how long to wait at most; zero tries once.
        :param poll: time between two tries, default five seconds.
        :param holder_is_over: see :meth:`try_acquire`.
        :param on_wait: told of the present lease when waiting begins and each time the lease has changed.
        :raises LockTimeoutError: when the time is over; the message names the holder.
        """
        watch = Watch(monotonic=self.clocks.monotonic)
        deadline = watch.monotonic() + timeout.total_seconds()
        while True:
            try:
                return self.try_acquire(holder, holder_is_over=holder_is_over, watch=watch)
            except LockHeldError as held:
                record: LeaseRecord | None = held.state
                if (left := deadline - watch.monotonic()) <= 0:
                    raise LockTimeoutError(self.gave_up(held, timeout)) from held
            if watch.changed and record is not None and on_wait is not None:
                on_wait(record)
            self.clocks.sleep(min(left, self.expiry.pause(record, watch, poll)))

    @property
    def how_to_free(self) -> str:
        """What to do when the holder is known to be dead, as a sentence."""
        return f"If that work is dead, free the lock: mode-catalog unlock --lock {shlex.quote(self.path)}"

    def gave_up(self, held: LockHeldError, timeout: timedelta) -> str:
        """Return the sentences that end a wait: who holds, how long was waited, what to do.

        :param held: how the last try was refused.
        :param timeout: how long was waited.
        """
        waited = f" It did not become free within {in_words(timeout)}." if timeout else ""
        return f"{held}{waited} {self.how_to_free}"

    def state(self) -> LeaseRecord | None:
        """Return the highest generation as it stands now, ``None`` when the lock was never taken."""
        generation, released = self._generations.highest()
        if generation == 0:
            return None
        record = self._generations.read(generation, released=released)
        # Listed but not readable: removed this moment, or a store that lags. It counts as held.
        return record or LeaseRecord.read(generation, b"", released=released)

    # -- holding --------------------------------------------------------------------------------------------

    def check(self, lease: Lease) -> None:
        """Prove that this lease holds; the fence before every step that others can see.

        :raises LockLostError: when it was released or taken over, or its file is gone.
        """
        self._claim(lease)

    def renew(self, lease: Lease) -> None:
        """Check, and show others that the holder lives.

        :raises LockLostError: see :meth:`check`.
        """
        claim = self._claim(lease)
        renewed = replace(claim, renewed_at=self._now(), renewed_on=self._host, renewals=claim.renewals + 1)
        self._generations.rewrite(lease.generation, renewed.encode())

    def release(self, lease: Lease) -> bool:
        """Give the lock back; may be repeated.

        :return: ``True`` when the lease is released, by this call or an earlier one; ``False`` when somebody
            had taken it over, or its file is gone: then there was nothing to give back.
        """
        if not self._is_mine(lease.generation, lease.token):
            return False
        generation, released = self._generations.highest()
        if generation != lease.generation:
            return self._generations.was_released(lease.generation)
        if not released:
            self._mark_released(lease.generation)
        return True

    def free(self, record: LeaseRecord) -> bool:
        """Release somebody else's lease because a person says so; its holder's next check fails.

        :param record: the lease as that person saw it.
        :return: ``False`` when another one has taken its place meanwhile, which is left alone.
        """
        generation, released = self._generations.highest()
        if generation != record.generation:
            return False
        if not released:
            self._mark_released(generation)
        return True

    # -- the protocol's steps -------------------------------------------------------------------------------

    def _take(self, generation: int, holder: Holder) -> Lease:
        """Create a generation and make sure that it is the highest.

        The second look is needed because old generations are deleted: a waiter that slept between reading
        generation 6 and creating generation 7 may find that name free again when 30 is the highest. Whatever
        is created below the highest holds nothing, and its creator learns so here. Once a generation was
        seen to be the highest, nobody can come to stand beside it: an equal one is refused by the store, as
        the highest is never deleted; a lower one finds this one in its own second look; a higher one is a
        takeover, which this holder sees in its next check.
        """
        now = self._now()
        claim = Claim(
            token=uuid.uuid4().hex,
            holder=holder,
            ttl=self.ttl,
            acquired_at=now,
            renewed_at=now,
            renewed_on=self._host,
        )
        content = claim.encode()
        try:
            created = self._generations.create(generation, content)
            # A client that repeats a request after a lost answer is refused because of its own first try.
            if not created and not self._is_mine(generation, claim.token):
                raise self._held(self.state())
            created_twice = self._generations.create(generation, content)
            if self._generations.highest()[0] != generation:
                raise self._held(self.state())
            if created_twice:
                raise no_exclusive_create(self._directory)
            with suppress(Exception):
                self._generations.prune(generation)
        except BaseException:
            with suppress(Exception):
                if self._is_mine(generation, claim.token):
                    self._mark_released(generation)
            raise
        return Lease(path=self.path, generation=generation, token=claim.token, ttl=self.ttl)

    def _claim(self, lease: Lease) -> Claim:
        generation, released = self._generations.highest()
        if generation > lease.generation:
            raise self._lost(lease, f"it was taken over; the lock is {self._described()}.")
        if generation < lease.generation:
            raise self._lost(
                lease,
                "its file is gone. If nobody removed it, this machine sees another directory than the one "
                "that took the lock: use a path that all machines share.",
            )
        record = self._generations.read(generation)
        if released:
            by_task = record is not None and record.claim is not None and record.claim.holder.task_id
            again = "Acquire the lock again (clear the acquiring task too)." if by_task else "Start again."
            raise self._lost(lease, f"it was released. {again}")
        if record is None or record.claim is None or record.claim.token != lease.token:
            raise self._lost(lease, "its file was replaced by another one.")
        return record.claim

    def _is_mine(self, generation: int, token: str) -> bool:
        record = self._generations.read(generation)
        return record is not None and record.claim is not None and record.claim.token == token

    def _mark_released(self, generation: int) -> None:
        self._generations.mark_released(generation, f"released at {self._now().isoformat()} on {self._host}")

    def _described(self) -> str:
        record = self.state()
        return "free" if record is None else record.describe()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clocks.wall(), UTC)

    def _held(self, record: LeaseRecord | None) -> LockHeldError:
        state = "free again, but somebody else was quicker just now"
        if record is not None and not record.released:
            state = record.describe()
        return LockHeldError(f"The lock at {self.path} is {state}.", state=record)

    def _lost(self, lease: Lease, reason: str) -> LockLostError:
        return LockLostError(
            f"Lease {lease.generation} of the lock at {self.path} no longer holds: {reason} Nothing more is "
            "written or pushed by this task."
        )
