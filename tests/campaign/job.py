"""The whole job in a process of its own, which tells what it is about to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from upath import UPath

from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.catalog.push import push_snapshot
from mode_catalog_provider.extract.capture import capture
from mode_catalog_provider.extract.extraction import Extraction
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.lock import Holder, LeaseKeeper, RunLock
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.snapshot.layout import Layout, StoragePath
from mode_catalog_provider.snapshot.reader import open_snapshot

#: What the job says, in this order; a kill falls into one of these stretches.
PHASES = ("begin", "locked", "writing", "extracted", "upload", "pushed", "released")

POLL = timedelta(milliseconds=50)


@dataclass(frozen=True)
class Job:
    """One run of the job, or the retry of its upload.

    :param store: output directory.
    :param options: of the object store; ``None`` for the local disk.
    :param manifest: what an earlier try has extracted; ``None``: extract first.
    :param patience: how long it waits for the lock.
    """

    store: str
    options: dict[str, Any] | None
    ttl: timedelta
    patience: timedelta
    mode: dict[str, Any]
    catalog: dict[str, str]
    manifest: str | None = None

    def path(self, text: str) -> StoragePath:
        return Path(text) if self.options is None else UPath(text, **self.options)

    def lock(self) -> RunLock:
        return RunLock(self.path(self.store) / ".lock", ttl=self.ttl)


def run(job: Job, tell: Connection) -> None:
    """Take the lock, extract unless that is done, push, release."""
    tell.send(("begin", None))
    lock = job.lock()
    lease = lock.acquire(Holder.here("campaign"), timeout=job.patience, poll=POLL)
    tell.send(("locked", lease.generation))
    with LeaseKeeper(lease, lock) as keeper:
        manifest = job.manifest or _extract(job, keeper.check, tell)
        tell.send(("extracted", manifest))
        pushed = _push(job, manifest, keeper.check, tell)
        tell.send(("pushed", pushed))
    lock.release(lease)
    tell.send(("released", None))


def _extract(job: Job, check: Callable[[], None], tell: Connection) -> str:
    def fence() -> None:
        check()
        tell.send(("writing", None))

    def credentials() -> ModeCredentials:
        return ModeCredentials(token=job.mode["token"], secret=job.mode["secret"])

    with ModeClient(
        ModeEndpoint(
            workspace=job.mode["workspace"],
            host=job.mode["url"],
            credentials=credentials,
            requests_per_second=job.mode["requests_per_second"],
        )
    ) as client:
        captured = capture(
            client=client,
            extraction=Extraction(client=client, options=ExtractionOptions()),
            layout=Layout.nested(job.path(job.store), job.mode["workspace"]),
            log=_log,
            fence=fence,
            keep=3,
        )
    return str(captured.manifest_path)


def _push(job: Job, manifest: str, check: Callable[[], None], tell: Connection) -> list[str]:
    tell.send(("upload", None))
    endpoint = CatalogEndpoint(token=lambda: job.catalog["token"], ingest_url=job.catalog["ingest_url"])
    with CatalogIngest(endpoint, source_id=job.catalog["source_id"]) as ingest:
        result = push_snapshot(snapshot=open_snapshot(job.path(manifest)), ingest=ingest, fence=check)
    return result.pushed


def _silent() -> Any:
    import logging

    log = logging.getLogger("campaign")
    log.setLevel(logging.CRITICAL)
    return log


_log = _silent()
