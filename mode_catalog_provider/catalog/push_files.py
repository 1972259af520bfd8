"""Push a single file, or what lies in a folder and is not Mode's: of a warehouse, of dbt, of quality."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mode_catalog_provider.catalog.ingest import CatalogIngest, OutgoingFile
from mode_catalog_provider.catalog.multipart import CHUNK
from mode_catalog_provider.catalog.push import PushResult
from mode_catalog_provider.catalog.push_target import SourceCheck, look_at_push_target
from mode_catalog_provider.catalog.sources import MODE, VISUALIZATION
from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.errors import ConfigurationError, SnapshotIncompleteError, SnapshotNotFoundError
from mode_catalog_provider.snapshot.layout import StoragePath, entries, parse_data_file
from mode_catalog_provider.storage import location_of, open_to_read
from mode_catalog_provider.text import first_of, visible

if TYPE_CHECKING:
    from mode_catalog_provider.catalog.api import CatalogApi

logger = logging.getLogger(__name__)

#: What is sent of a folder, as the vendor's uploader does.
SUFFIXES = (".csv", ".json")

#: What neither an address nor the head of a part carries unchanged: control characters, and the bytes of a
#: name that is no UTF-8, as Python keeps them.
_NO_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


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
    file = _outgoing(path, ingest)
    if api is not None:
        is_of_mode = _is_of_mode(path.name, ingest.file_type)
        look_at_push_target(
            api,
            ingest.source_id,
            type=VISUALIZATION if is_of_mode else None,
            technology=MODE if is_of_mode else None,
            check=source_check,
            log=log,
        )
    outcome = None if dry_run else ingest.push(file, before_attempt=fence)
    _tell(file, ingest, log, dry_run=dry_run)
    return PushResult(
        source_id=ingest.source_id,
        snapshot=location_of(path),
        pushed=[file.name] if outcome == "stored" else [],
        already_there=[file.name] if outcome == "already_there" else [],
        bytes=file.size if outcome == "stored" else 0,
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

    All are looked at before the first is sent. One that Catalog does not take ends it; those before it are in
    Catalog, and sending them again is a conflict.

    :param folder: where they lie; folders in it are not looked into.
    :param ingest: the upload endpoint, the source and the file type, which is not ``VIZ``.
    :param api: as for :func:`push_file`, as are the others.
    :raises SnapshotNotFoundError: it is no folder.
    :raises SnapshotIncompleteError: there is no such file.
    :raises ConfigurationError: the file type is that of a single file, or they are Mode's.
    """
    began = time.monotonic()
    if ingest.file_type == "DBT":
        raise ConfigurationError(
            "dbt is uploaded as one file, its manifest: name it with -f (operator: file_path)."
        )
    found = entries(folder)
    if not found and folder.is_file():
        raise SnapshotNotFoundError(
            f"{folder} is a file, and a folder is meant. Give one file as file_path (command line: -f)."
        )
    names = sorted(name for name, path in found.items() if name.endswith(SUFFIXES) and path.is_file())
    if not names:
        raise SnapshotIncompleteError(f"{folder} holds no file that ends in {' or '.join(SUFFIXES)}.")
    _refuse_mode_set(folder, names, ingest.file_type)
    if others := sorted(found.keys() - set(names)):
        log.info("Not sent, for only %s files are: %s.", " and ".join(SUFFIXES), first_of(others))
    if api is not None:
        look_at_push_target(api, ingest.source_id, type=None, technology=None, check=source_check, log=log)
    files = [_outgoing(found[name], ingest) for name in names]
    outcomes: dict[str, list[OutgoingFile]] = {"stored": [], "already_there": []}
    for file in files:
        if not dry_run:
            outcomes[ingest.push(file, before_attempt=fence)].append(file)
        _tell(file, ingest, log, dry_run=dry_run)
    return PushResult(
        source_id=ingest.source_id,
        snapshot=location_of(folder),
        pushed=[file.name for file in outcomes["stored"]],
        already_there=[file.name for file in outcomes["already_there"]],
        bytes=sum(file.size for file in outcomes["stored"]),
        seconds=round(time.monotonic() - began, 3),
    )


def _is_of_mode(name: str, file_type: str) -> bool:
    """Whether a file is named like one of a Mode set; all summaries have one name."""
    parsed = parse_data_file(name)
    return parsed is not None and (file_type == "VIZ" or parsed[1] != SUMMARY)


def _refuse_mode_set(folder: StoragePath, names: Iterable[str], file_type: str) -> None:
    """Refuse a set of Mode under another file type, which may come from a variable that is still set."""
    of_mode = {parsed[1] for name in names if (parsed := parse_data_file(name))}
    if of_mode >= set(DATA_ASSETS):
        raise ConfigurationError(
            f"{folder} holds files of Mode, which are uploaded as file type VIZ, not {file_type}: correct "
            f"the type (command line: -t VIZ)."
        )


def _outgoing(path: StoragePath, ingest: CatalogIngest) -> OutgoingFile:
    """Look at a file that is to be sent; what cannot be is refused here."""
    if path.is_dir():
        raise SnapshotNotFoundError(
            f"{path} is a folder, and one file is meant. Give a folder as directory_path (command line: -d)."
        )
    if not path.is_file():
        raise SnapshotNotFoundError(
            f"There is no file {path} to upload, or it cannot be seen from this machine."
        )
    name = ingest.name_for(path.name)
    if _NO_NAME.search(name):
        raise ConfigurationError(
            f"'{visible(path, 300)}' cannot be uploaded under its name, which is no UTF-8 or has a line "
            f"break or the like in it: rename the file."
        )
    size, sha256 = _measure(path)
    if size == 0:
        raise SnapshotIncompleteError(
            f"{path} is empty. Catalog keeps the first file of a name, so an empty one would block "
            f"the real one."
        )
    return OutgoingFile(open=lambda: open_to_read(path), name=name, size=size, sha256=sha256)


def _tell(file: OutgoingFile, ingest: CatalogIngest, log: logging.Logger, *, dry_run: bool) -> None:
    if dry_run:
        log.info("Dry run, not sent: %s (%s bytes)", file.name, file.size)
    else:
        log.info("Uploaded %s (%s bytes) to Catalog source %s", file.name, file.size, ingest.source_id)


def _measure(path: StoragePath) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with open_to_read(path) as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            digest.update(chunk)
    return size, digest.hexdigest()
