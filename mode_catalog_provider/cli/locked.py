"""The run lock around a command, the same one that the DAGs take."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from mode_catalog_provider.cli.places import place_of
from mode_catalog_provider.cli.values import seconds
from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.lock import Holder, Lease, LeaseKeeper, RunLock
from mode_catalog_provider.moments import in_words
from mode_catalog_provider.snapshot.layout import manifest_name, parse_directory_name

log = logging.getLogger(__name__)

# A command that was killed frees the folder at once on its own machine, elsewhere after this time.
TTL = timedelta(minutes=5)


def add_lock(command: argparse.ArgumentParser, default: str) -> None:
    """Add where the lock is and how long it is waited for.

    :param default: whose lock it is when none is named, for the help.
    """
    group = command.add_argument_group("one run at a time")
    group.add_argument("--lock", metavar="PLACE", help=f"folder or URL of the run lock (default: {default})")
    group.add_argument(
        "--conn-id", metavar="ID", help="Airflow connection of the object store, where the URL needs one"
    )
    group.add_argument(
        "--lock-timeout",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for the lock before giving up (default 0)",
    )


def default_place(folder: Path) -> Path:
    """Return the lock of a folder: its own, or that of the staging area whose snapshot it is.

    A lock inside a snapshot would be nobody else's, and would keep the folder from being removed.
    """
    # Where the folder is a link, or lies behind one, both ways lead to the area.
    around = [*_around(folder), *_around(folder.resolve())]
    return next((lock for lock in around if lock.is_dir()), (*around, folder / ".lock")[0])


def _around(folder: Path) -> list[Path]:
    """Return where a staged snapshot's lock may be, the likeliest place first; nothing for another folder."""
    timestamp = parse_directory_name(folder.name)
    is_staged = timestamp is not None and (folder / manifest_name(timestamp)).exists()
    if not is_staged or len(folder.parents) < 2:
        return []
    # The area lies above the workspace; where that is nested otherwise, the lock that is in use tells.
    return [parent / ".lock" for parent in (*folder.parents[1:3], folder.parent)]


@contextmanager
def locked(
    arguments: argparse.Namespace, folder: Path, *, on_lost: Callable[[], None] = lambda: None
) -> Iterator[Callable[[], None]]:
    """Hold the lock of ``folder`` (or of ``--lock``) and yield the fence that proves it.

    :param on_lost: called from another thread as soon as the lock is known to be lost.
    :raises LockTimeoutError: somebody else still holds it after ``--lock-timeout`` seconds.
    """
    own = default_place(folder)
    lock = RunLock(place_of(arguments.lock, arguments.conn_id) if arguments.lock else own, ttl=TTL)
    _tell(lock.path, own, arguments)
    holder = Holder.here(f"mode-catalog {arguments.command}", for_life=True)
    lease = lock.acquire(holder, timeout=timedelta(seconds=arguments.lock_timeout))
    try:
        with LeaseKeeper(lease, lock, on_lost=on_lost) as keeper:
            yield keeper.check
    finally:
        _give_back(lock, lease)


def _give_back(lock: RunLock, lease: Lease) -> None:
    """Release the lock; a failure is told, and does not hide how the work itself ended."""
    try:
        lock.release(lease)
    except (OSError, ModeCatalogError) as error:
        log.warning(
            "The lock %s could not be given back (%s). It is free for this machine as soon as this command "
            "has ended, and for others %s after its last sign.",
            lock.path,
            error,
            in_words(TTL),
        )


def _tell(taken: str, own: Path, arguments: argparse.Namespace) -> None:
    """Say which lock is taken where another one may be meant: two locks keep nobody from anything."""
    if arguments.lock:
        if own.is_dir() and Path(taken).resolve() != own.resolve():
            log.warning(
                "The lock %s is taken, and not %s, which is in use here too: whoever takes that one is not "
                "kept out. Everything that feeds one source must use one lock.",
                taken,
                own,
            )
    elif arguments.command == "upload":
        log.info(
            "The lock %s is taken. A DAG that feeds the same source is kept out only if it uses this one; "
            "else name the DAG's with --lock.",
            taken,
        )
