"""Catalog's ingest endpoint: one multipart POST per file, names never to be repeated."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.uploads import MultipartError, Upload, boundary_of, store_single_part

if TYPE_CHECKING:
    from tests.sandbox.catalog import CatalogSandbox

INGEST_PATH = re.compile(r"/(visualization|warehouse|transformation|quality)-([^/]+)/([^/]+)")


class CatalogIngest:
    """Stores uploads in a folder and remembers them in order of arrival."""

    def __init__(self, catalog: CatalogSandbox, folder: Path) -> None:
        self._catalog = catalog
        self._folder = folder
        self._stored: dict[tuple[str, str], Upload] = {}
        self._lock = threading.Lock()
        self._count = 0

    def uploads(self) -> list[Upload]:
        with self._lock:
            return sorted(self._stored.values(), key=lambda one: one.at)

    def forget(self) -> None:
        """Empty the store (the names are free again)."""
        with self._lock:
            for upload in self._stored.values():
                upload.path.unlink()
            self._stored.clear()

    def receive(self, request: Request, source_id: str, name: str) -> Answer:
        switches = self._catalog.switches
        if request.label == "catalog:ro":
            return ingest_error(switches.read_only_status, "this token may not upload")
        if not _is_uuid4(source_id):
            return ingest_error(404, "no such source")
        if switches.unknown_source != "accept" and self._catalog.source(source_id) is None:
            return ingest_error(switches.unknown_source, "no such source")
        with self._lock:
            self._count += 1
            target = self._folder / f"{self._count:06d}"
        try:
            boundary = boundary_of(request.headers.get("Content-Type", ""))
            filename, size = store_single_part(
                request.blocks(), boundary, target, typed=switches.part_type == "accepted"
            )
        except MultipartError as error:
            target.unlink(missing_ok=True)
            return ingest_error(400, str(error))
        if filename != name:
            return ingest_error(400, f"the part is called {filename!r}, the path says {name!r}")
        if switches.max_bytes is not None and size > switches.max_bytes:
            target.unlink()
            return ingest_error(413, f"more than {switches.max_bytes} bytes")
        with self._lock:
            if switches.conflict and (source_id, name) in self._stored:
                target.unlink()
                return ingest_error(409, f"{name} already exists")
            upload = Upload(source_id, name, target, size, time.time(), request.label)
            self._stored[source_id, name] = upload
        return json_answer({"status": "stored"}, switches.stored_status)


def ingest_error(status: int, message: str) -> Answer:
    return json_answer({"message": message}, status)


def _is_uuid4(text: str) -> bool:
    try:
        return UUID(text).version == 4
    except ValueError:
        return False
