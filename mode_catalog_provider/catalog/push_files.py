"""Push a single file, or what lies in a folder and is not Mode's: of a warehouse, of dbt, of quality."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mode_catalog_provider.catalog.ingest import CatalogIngest, OutgoingFile
from mode_catalog_provider.catalog.multipart import CHUNK
from mode_catalog_provider.catalog.push import PushResult
from mode_catalog_provider.catalog.push_target import SourceCheck, look_at_push_target
from mode_catalog_provider.catalog.sources import MODE, VISUALIZATION
from mode_catalog_provider.errors import ConfigurationError, SnapshotIncompleteError, SnapshotNotFoundError
from mode_catalog_provider.snapshot.layout import StoragePath, entries, parse_data_file
from mode_catalog_provider.storage import location_of, open_to_read
from mode_catalog_provider.text import first_of

if TYPE_CHECKING:
    from mode_catalog_provider.catalog.api import CatalogApi

logger = logging.getLogger(__name__)

#: What is sent of a folder, as the vendor's uploader does.
SUFFIXES = (".csv", ".json")


def push_file(
    *,
    path: StoragePath,
    ingest: CatalogIngest,
    api: CatalogApi | None = None,
    source_check: SourceCheck = "warn",
    dry_run: bool = False,
    fence: Callable[[], None] = lambda: None,
    log: logging.Logger = logger,
) -> PushResult:
    """Push one file of any kind, without the checks and the memory that a snapshot has.

    A second push of the same file is a conflict, because nothing beside the file tells that the first one
    was ours.

    :param path: the file.
    :param ingest: the upload endpoint, the source and the file type.
    :param api: the GraphQL API to check the source with; ``None`` skips that check. The source of a file that
        is named like one of a Mode set must be Mode's.
    :param source_check: as for :func:`~mode_catalog_provider.catalog.push.push_snapshot`.
    :param dry_run: check everything, send nothing; default ``False``.
    :param fence: raises when the run lock was lost; called before the file is sent.
    :param log: where one line about the file goes.
    :raises SnapshotNotFoundError: there is no such file.
    :raises SnapshotIncompleteError: the file is empty.
    :raises UploadConflictError: Catalog holds a file of this name.
    """
    began = time.monotonic()
    if path.is_dir():
        raise SnapshotNotFoundError(
            f"{path} is a folder, and one file is meant. Give a folder as directory_path (command line: -d)."
        )
    if not path.is_file():
        raise SnapshotNotFoundError(
            f"There is no file {path} to upload, or it cannot be seen from this machine."
        )
    size, sha256 = _measure(path)
    if size == 0:
        raise SnapshotIncompleteError(
            f"{path} is empty. Catalog keeps the first file of a name, so an empty one would block "
            f"the real one."
        )
    if api is not None:
        is_of_mode = parse_data_file(path.name) is not None
        look_at_push_target(
            api,
            ingest.source_id,
            type=VISUALIZATION if is_of_mode else None,
            technology=MODE if is_of_mode else None,
            check=source_check,
            log=log,
        )
    file = OutgoingFile(
        open=lambda: open_to_read(path), name=ingest.name_for(path.name), size=size, sha256=sha256
    )
    outcome = None
    if dry_run:
        log.info("Dry run, not sent: %s (%s bytes)", file.name, size)
    else:
        outcome = ingest.push(file, before_attempt=fence)
        log.info("Uploaded %s (%s bytes) to Catalog source %s", file.name, size, ingest.source_id)
    return PushResult(
        source_id=ingest.source_id,
        snapshot=location_of(path),
        pushed=[file.name] if outcome == "stored" else [],
        already_there=[file.name] if outcome == "already_there" else [],
        bytes=size if outcome == "stored" else 0,
        seconds=round(time.monotonic() - began, 3),
    )


def push_folder(
    *,
    folder: StoragePath,
    ingest: CatalogIngest,
    api: CatalogApi | None = None,
    source_check: SourceCheck = "warn",
    dry_run: bool = False,
    fence: Callable[[], None] = lambda: None,
    log: logging.Logger = logger,
) -> PushResult:
    """Push every ``.csv`` and ``.json`` file of a folder, by name, as :func:`push_file` does.

    A file that cannot be sent ends it; those before it are in Catalog, and sending them again is a conflict.

    :param folder: where they lie; folders in it are not looked into.
    :param ingest: the upload endpoint, the source and the file type, which is not ``VIZ``.
    :param api: as for :func:`push_file`, as are the others.
    :raises SnapshotIncompleteError: there is no such file.
    :raises ConfigurationError: the file type is that of a single file.
    """
    if ingest.file_type == "DBT":
        raise ConfigurationError(
            "dbt is uploaded as one file, its manifest: name it with -f (operator: file_path)."
        )
    found = entries(folder)
    names = sorted(name for name, path in found.items() if name.endswith(SUFFIXES) and path.is_file())
    if not names:
        raise SnapshotIncompleteError(f"{folder} holds no file that ends in {' or '.join(SUFFIXES)}.")
    if others := sorted(found.keys() - set(names)):
        log.info("Not sent, for only %s files are: %s.", " and ".join(SUFFIXES), first_of(others))
    if api is not None:
        look_at_push_target(api, ingest.source_id, type=None, technology=None, check=source_check, log=log)
    results = [
        push_file(path=found[name], ingest=ingest, dry_run=dry_run, fence=fence, log=log) for name in names
    ]
    return PushResult(
        source_id=ingest.source_id,
        snapshot=location_of(folder),
        pushed=[name for one in results for name in one.pushed],
        already_there=[name for one in results for name in one.already_there],
        bytes=sum(one.bytes for one in results),
        seconds=round(sum(one.seconds for one in results), 3),
    )


def _measure(path: StoragePath) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with open_to_read(path) as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            digest.update(chunk)
    return size, digest.hexdigest()
