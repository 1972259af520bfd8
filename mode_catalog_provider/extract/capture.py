"""Takes a snapshot of a Mode workspace: check the credential, read, write, tidy up."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.contract import DATA_ASSETS, DATASET
from mode_catalog_provider.extract.account import (
    tell_datasets,
    tell_filtered,
    warn_of_emptiness,
    warn_of_left_out,
)
from mode_catalog_provider.extract.carried_over import CarriedOver
from mode_catalog_provider.extract.news import ExtractionNews
from mode_catalog_provider.extract.previous import NoPrevious, PreviousSnapshot, open_previous
from mode_catalog_provider.extract.sight import OnForbidden, look_at_refusals
from mode_catalog_provider.extract.unfinished import Unfinished
from mode_catalog_provider.snapshot.layout import Layout, StoragePath
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.retention import check_keep, prune
from mode_catalog_provider.snapshot.writer import SnapshotWriter

if TYPE_CHECKING:
    from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions
    from mode_catalog_provider.mode.client import ModeClient


@dataclass(frozen=True)
class CaptureResult:
    """One finished extraction.

    :param manifest: what was written.
    :param manifest_path: where the manifest lies.
    :param directory: where the files lie.
    :param seconds: time the extraction took.
    :param pruned: timestamps of earlier sets that were removed.
    :param newly_hidden: how many objects Mode showed at the last snapshot and now refuses or does not show.
    """

    manifest: Manifest
    manifest_path: StoragePath
    directory: StoragePath
    seconds: float
    pruned: tuple[int, ...] = ()
    newly_hidden: int = 0


def capture(
    *,
    client: ModeClient,
    extraction: Extraction,
    layout: Layout,
    log: logging.Logger,
    fence: Callable[[], None] = lambda: None,
    answers: Iterable[Mapping[str, Any]] = (),
    keep: int | None = None,
    on_news: Callable[[Mapping[str, int]], None] = lambda rows: None,
    on_forbidden: OnForbidden = "warn",
    now: Callable[[], float] = time.time,
) -> CaptureResult:
    """Write one complete snapshot of the workspace, or raise and leave nothing that could be taken for one.

    What an extraction that raises has read is kept for the next one, unless ``resume`` of its options is off.

    :param client: client of the workspace; verified here before anything else.
    :param extraction: what to read, not yet begun.
    :param layout: where the files go.
    :param log: logger for the course of events.
    :param fence: called before the manifest appears; raises when the run lock was lost. Default: no-op.
    :param answers: the DAG runs that are waiting for a snapshot now, for the manifest; default: none known.
    :param keep: complete snapshots to keep, this one included; default ``None`` = all.
    :param on_news: told about once a minute how many rows of each asset were read so far.
    :param on_forbidden: what to do when Mode refuses or hides what it showed at the last snapshot: ``warn``
        (default), ``fail`` (no snapshot is made) or ``ignore``.
    :param now: clock that tells how old a reading is, in Unix seconds.
    :return: the manifest and where it lies.
    :raises ConfigurationError: ``keep`` is less than 1.
    :raises NewlyForbiddenError: see ``on_forbidden``.
    :raises ModeCatalogError: whatever made the extraction impossible.
    """
    check_keep(keep)
    begun = time.monotonic()
    client.verify()
    log.info("Authentication succeeded.")
    previous = _previous(client, extraction.options, layout, log, now)
    with (
        previous,
        SnapshotWriter(layout=layout, workspace=client.workspace, host=client.host) as writer,
        Unfinished(
            layout=layout, client=client, options=extraction.options, run=writer.timestamp, now=now
        ) as unfinished,
    ):
        carried = CarriedOver(writer=writer, previous=previous, unfinished=unfinished, now=now)
        _transfer(extraction, writer, carried, log, ExtractionNews(layout, log=log, on_news=on_news))
        hidden = look_at_refusals(extraction, layout, react=on_forbidden, log=log)
        manifest, manifest_path = writer.finish(
            strategy=extraction.strategy,
            options=extraction.options.to_json(),
            left_out=[entry.to_json() for entry in extraction.left_out],
            filtered=extraction.filtered,
            figures={**client.statistics.to_json(), **extraction.definitions.to_json()},
            reuse={
                **(carried.to_json() | extraction.reuse if extraction.options.incremental else {}),
                **unfinished.to_json(),
            },
            answers=answers,
            fence=fence,
        )
        unfinished.tell()
        unfinished.remove()
    for entry in manifest.files:
        log.info("Wrote output file: %s", writer.directory / entry.name)
    log.info("Wrote the manifest %s", manifest_path)
    extraction.definitions.tell()
    extraction.tell()
    tell_filtered(manifest.filtered, log)
    warn_of_left_out(extraction.left_out, log)
    warn_of_emptiness(manifest, log)
    pruned = _prune(layout, keep, manifest.timestamp, log)
    seconds = time.monotonic() - begun
    return CaptureResult(manifest, manifest_path, writer.directory, seconds, pruned, newly_hidden=hidden)


def _previous(
    client: ModeClient,
    options: ExtractionOptions,
    layout: Layout,
    log: logging.Logger,
    now: Callable[[], float],
) -> PreviousSnapshot | NoPrevious:
    if not options.incremental:
        return NoPrevious()
    previous = open_previous(
        layout,
        workspace=client.workspace,
        host=client.host,
        max_age=options.full_refresh_after,
        now=now,
        with_rows=options.strategy == "auto",
    )
    if previous.because:
        log.info("Everything is read, for %s.", previous.because)
    else:
        log.info("What has not changed since snapshot %s comes from there", previous.timestamp)
    return previous


def _transfer(
    extraction: Extraction,
    writer: SnapshotWriter,
    carried: CarriedOver,
    log: logging.Logger,
    news: ExtractionNews,
) -> None:
    counts: Counter[str] = Counter()
    datasets = 0
    # Closed here: a row that cannot be written stops the requests under way.
    with closing(extraction.rows(carried, facts=writer.add_facts)) as rows:
        for asset, row in rows:
            if asset not in counts:
                log.info("Starting extraction for %s...", asset.upper())
            counts[asset] += 1
            datasets += asset == "report" and row["type"] == DATASET
            writer.add(asset, row)
            news.tell(counts)
    for asset in DATA_ASSETS:
        log.info("%d rows extracted for %s", counts[asset], asset.upper())
    tell_datasets(datasets, log)
    if extraction.options.incremental:
        log.info(
            "Not read again: %(queries)d queries of %(reports)d reports, %(members)d members",
            carried.to_json(),
        )


def _prune(layout: Layout, keep: int | None, timestamp: int, log: logging.Logger) -> tuple[int, ...]:
    try:
        pruned = tuple(prune(layout, keep, spare=timestamp))
    except Exception as error:
        # The snapshot is complete and good: what cannot be removed must not make the task fail. Any
        # exception: each object store has errors of its own.
        log.warning("Old snapshots in %s could not be removed: %s", layout.home, error)
        return ()
    if pruned:
        log.info("Removed %d earlier sets: %s", len(pruned), ", ".join(map(str, pruned)))
    return pruned
