"""Work under the run lock that an earlier task has taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from mode_catalog_provider.lock import Lease, LeaseKeeper, RunLock
from mode_catalog_provider.operators.rendered import rendered_mapping
from mode_catalog_provider.staging import staging_path


@contextmanager
def held_lease(
    lease: Mapping[str, Any] | str | None, *, on_lost: Callable[[], None]
) -> Iterator[Callable[[], None]]:
    """Renew a lease while work goes on, and yield the fence: a call that raises once the lease is lost.

    :param lease: what the acquiring task returned; ``None`` for work without a lock: its fence never raises.
    :param on_lost: called, from another thread, as soon as the lease is known to be lost.
    :raises LockLostError: when another run holds the lock by now.
    """
    stored = rendered_mapping("lease", lease)
    if stored is None:
        yield lambda: None
        return
    held = Lease.from_json(stored)
    lock = RunLock(staging_path(held.path), ttl=timedelta(seconds=held.ttl))
    with LeaseKeeper(held, lock, on_lost=on_lost) as keeper:
        yield keeper.check
