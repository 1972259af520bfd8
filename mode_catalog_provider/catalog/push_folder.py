"""Push what lies in a folder and is not Mode's: the files of a warehouse, of dbt, of quality results."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.catalog.push import PushResult, push_file
from mode_catalog_provider.catalog.push_target import SourceCheck, look_at_push_target
from mode_catalog_provider.errors import ConfigurationError, SnapshotIncompleteError
from mode_catalog_provider.snapshot.layout import StoragePath, entries
from mode_catalog_provider.storage import location_of
from mode_catalog_provider.text import first_of

if TYPE_CHECKING:
    from mode_catalog_provider.catalog.api import CatalogApi

logger = logging.getLogger(__name__)

#: What is sent of a folder, as the vendor's uploader does.
SUFFIXES = (".csv", ".json")


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
