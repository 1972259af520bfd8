"""Side files of a snapshot: what Mode says beyond the six files. They are for audits and never uploaded.

``{timestamp}.facts-report``, ``.facts-collection`` and ``.facts-member`` are JSON Lines. The first line
names version and asset, each further one is an object with a ``token`` and the fields that Mode sent, sorted
by token as the six files are. A field that is not there is unknown, not zero and not false.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotError
from mode_catalog_provider.scratch import RowStore
from mode_catalog_provider.snapshot.layout import FACT_ASSETS, StoragePath, facts_name
from mode_catalog_provider.snapshot.manifest import FileEntry, facts_asset
from mode_catalog_provider.snapshot.output import OutputFile
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.storage import open_to_read

log = logging.getLogger(__name__)

#: Version of the lines below the first.
FACTS_VERSION = 1

_CHUNK = 1 << 20

#: Bytes; a line is some hundred, and some thousand where a report imports many datasets.
_LONGEST_LINE = 4 << 20

# Infinity and NaN are not JSON, though Python would write them.
_encode = json.JSONEncoder(allow_nan=False, check_circular=False).encode


class FactsStore:
    """Facts on their way to the side files, in the temporary database of the rows.

    :param store: where they wait, beside the rows they belong to.
    """

    def __init__(self, store: RowStore) -> None:
        self._store = store

    def add(self, asset: str, token: str, facts: Mapping[str, Any]) -> None:
        """Keep some facts of an object; what is known of it already stays, but for the fields given now.

        :param asset: ``"report"``, ``"collection"`` or ``"member"``.
        :param token: of the object; facts of one that has no row in the end are dropped.
        :param facts: what Mode sent.
        """
        known = {name: value for name, value in facts.items() if name != "token"}
        if not known:
            return
        try:
            body = _encode(known).encode("ascii")
        except (TypeError, ValueError, RecursionError):
            log.debug(
                "What Mode says beyond the contract of %s %s is not JSON, and is left out.", asset, token
            )
            return
        self._store.append(facts_asset(asset), token, body)

    def write(self, directory: StoragePath, timestamp: int) -> tuple[FileEntry, ...]:
        """Write the side files; they are there when this returns, and count once the manifest names them."""
        return tuple(self._write(asset, directory / facts_name(timestamp, asset)) for asset in FACT_ASSETS)

    def _write(self, asset: str, path: StoragePath) -> FileEntry:
        rows = 0
        with OutputFile(path) as output:
            output.write(_encode({"version": FACTS_VERSION, "asset": asset}).encode("ascii") + b"\n")
            for token, bodies in self._store.appended(facts_asset(asset), of=asset):
                output.write(
                    b'{"token": ' + _encode(token).encode("ascii") + b", " + _one(bodies)[1:] + b"\n"
                )
                rows += 1
        output.publish()
        return FileEntry(facts_asset(asset), path.name, output.bytes, rows, output.sha256)


def _one(bodies: list[bytes]) -> bytes:
    """Make one JSON object of several, none of them empty: a later one is right about its fields."""
    if len(bodies) == 1:
        return bodies[0]
    facts: dict[str, Any] = {}
    for body in bodies:
        facts.update(json.loads(body))
    return _encode(facts).encode("ascii")


def read_facts(snapshot: Snapshot, asset: str) -> Iterator[dict[str, Any]]:
    """Yield what the side file of an asset says, by token in code point order, in bounded memory.

    .. code-block:: python

        for facts in read_facts(open_snapshot(path), "report"):
            print(facts["token"], facts.get("last_run_at", "unknown"))

    :param snapshot: from :func:`open_snapshot`.
    :param asset: ``"report"``, ``"collection"`` or ``"member"``.
    :return: objects with a ``token`` and the fields that Mode sent. Nothing where there is no such file: in
        snapshots of earlier versions and in sets of the vendor's tool.
    :raises SnapshotAlteredError: when the file is not the one that was written; a changed byte may show only
        at the end.
    :raises SnapshotError: when a newer version of the package wrote it.
    :raises ValueError: when there are no facts of such an asset.
    """
    if asset not in FACT_ASSETS:
        raise ValueError(f"There are facts of {', '.join(FACT_ASSETS)}, not of {asset!r}.")
    entry = next((one for one in snapshot.manifest.facts if one.asset == facts_asset(asset)), None)
    if entry is None:
        return
    path = snapshot.file_path(entry)
    digest = hashlib.sha256()
    try:
        with open_to_read(path) as file:
            lines = _lines(file, digest, path)
            _check_header(next(lines, b""), asset, path)
            for line in lines:
                yield _facts(line, path)
    except FileNotFoundError:
        log.warning("%s is not there, so what it says is unknown. The six files are not concerned.", path)
        return
    if digest.hexdigest() != entry.sha256:
        raise _altered(path, "its hash is not the one in the manifest")


def _lines(file: Any, digest: Any, path: StoragePath) -> Iterator[bytes]:
    rest = b""
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise _altered(path, "a line of it has no end")
        yield from whole
    if rest:
        raise _altered(path, "it ends in the middle of a line")


def _check_header(line: bytes, asset: str, path: StoragePath) -> None:
    header = _object(line, path)
    if header.get("asset") != asset:
        raise _altered(path, f"it does not say that it is about {asset}")
    if header.get("version") != FACTS_VERSION:
        raise SnapshotError(
            f"{path} has version {header.get('version')!r}; this version of mode-catalog-provider reads "
            f"version {FACTS_VERSION}. Upgrade the package here, or extract again."
        )


def _facts(line: bytes, path: StoragePath) -> dict[str, Any]:
    facts = _object(line, path)
    if not isinstance(facts.get("token"), str):
        raise _altered(path, "a line of it has no token")
    return facts


def _object(line: bytes, path: StoragePath) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _altered(path, f"a line of it is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise _altered(path, "a line of it is no object")
    return found


def _altered(path: StoragePath, why: str) -> SnapshotAlteredError:
    return SnapshotAlteredError(f"{path} is not the file that was written: {why}. Extract again.")
