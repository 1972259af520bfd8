"""`mode-catalog unlock`: who holds a run lock since when, and how to free it by hand."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import asdict

from mode_catalog_provider.cli.environment import UsageError
from mode_catalog_provider.cli.locked import TTL
from mode_catalog_provider.cli.output import DONE, REFUSED, Output
from mode_catalog_provider.cli.places import place_of
from mode_catalog_provider.lock import LeaseRecord, RunLock
from mode_catalog_provider.storage import StoragePath

log = logging.getLogger(__name__)


LEFT_BEHIND = "Nothing was changed."


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the place of the lock."""
    command.add_argument(
        "--lock", metavar="PLACE", help="folder or URL of the lock, such as /data/mode/.lock (required)"
    )
    command.add_argument(
        "--conn-id", metavar="ID", help="Airflow connection of the object store, where the URL needs one"
    )
    command.add_argument("--yes", action="store_true", help="free it without asking")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Say who holds the lock; after a yes, take it away from them."""
    lock = RunLock(_directory(arguments), ttl=TTL)
    record = lock.state()
    if record is None:
        log.warning("No lock was ever taken at %s. Is it the right place?", lock.path)
    if record is None or record.released:
        output.result(_result(lock, record, freed=False), [f"The lock at {lock.path} is free."])
        return DONE
    log.warning("The lock at %s is %s.", lock.path, record.describe())
    log.warning("Work that still holds it will stop at its next step, and push nothing more.")
    if not arguments.yes and not _confirmed():
        output.result(_result(lock, record, freed=False), ["Nothing was changed."])
        return REFUSED
    freed = lock.free(record)
    line = (
        f"The lock at {lock.path} is free." if freed else "Somebody else has taken it meanwhile; look again."
    )
    output.result(_result(lock, record, freed=freed), [line])
    return DONE if freed else REFUSED


def _directory(arguments: argparse.Namespace) -> StoragePath:
    location = arguments.lock
    if not location:
        raise UsageError("--lock is missing; give the lock's folder or URL, such as /data/mode/.lock.")
    return place_of(location, arguments.conn_id)


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to answer; type --yes to free the lock.")
    print("Free it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _result(lock: RunLock, record: LeaseRecord | None, *, freed: bool) -> dict[str, object]:
    held = record is not None and not record.released
    claim = record.claim if record is not None and held else None
    return {
        "lock": lock.path,
        "held": held and not freed,
        "freed": freed,
        "generation": record.generation if record else 0,
        "holder": asdict(claim.holder) if claim else None,
        "since": claim.acquired_at.isoformat() if claim else None,
        "until": claim.until.isoformat() if claim else None,
    }
