"""The manifest: what a complete snapshot consists of, written last and read first."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotError
from mode_catalog_provider.snapshot.layout import FACT_ASSETS, data_file, facts_name, readings_name

FORMAT_VERSION = 1

#: What the entry of the readings names as its asset.
READINGS = "readings"


def facts_asset(asset: str) -> str:
    """Return what the entry of a side file names as its asset: ``facts-report`` and the like."""
    return f"facts-{asset}"


#: Bytes or rows that nothing can hold; numbers of any length are JSON.
TOO_MANY = 2**63

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileEntry:
    """One file of the set.

    :param asset: one of the five data assets, ``summary``, ``readings``, or ``facts-`` and an asset.
    :param name: file name without a directory.
    :param bytes: size of the file.
    :param rows: number of rows; ``None`` for the summary.
    :param sha256: hash of the file's content, in hex.
    """

    asset: str
    name: str
    bytes: int
    rows: int | None
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a JSON object."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything known of one extraction; its presence is what makes a set of files a snapshot.

    :param timestamp: Unix seconds (UTC) that name the set.
    :param workspace: name of the Mode workspace.
    :param host: base URL of Mode as configured, without trailing slash.
    :param provider_version: version of the package that wrote the files.
    :param started_at: ISO 8601 UTC time before the first call.
    :param finished_at: ISO 8601 UTC time after the last file.
    :param strategy: the strategy really used.
    :param options: the extraction's options.
    :param files: the six files, the summary last.
    :param left_out: every object that was refused or gone, with its reason.
    :param filtered: objects dropped because the options say so, counted per reason.
    :param figures: requests, retries, throttled seconds and the like.
    :param readings: the file that says when each object was read, for the next incremental extraction; it is
        never uploaded. ``None``: nothing is known of that.
    :param facts: the side files, see :mod:`mode_catalog_provider.snapshot.facts`; they are never
        uploaded. None: the snapshot was made before there were any.
    :param reuse: what an incremental extraction took from an earlier snapshot: ``snapshot`` (its timestamp,
        ``None`` when everything was read), ``full_because`` (then the reason), and how many ``reports`` were
        not asked for their ``queries``, and how many ``members`` not for their profile. Of any extraction:
        ``resumed``, what it took from those before it that had died. Empty where nothing was taken.
    :param answers: the DAG runs that were waiting for a snapshot when this one was begun.
    :param format_version: version of this format.
    """

    timestamp: int
    workspace: str
    host: str
    provider_version: str
    started_at: str
    finished_at: str
    strategy: str
    options: Mapping[str, Any]
    files: tuple[FileEntry, ...]
    left_out: tuple[Mapping[str, Any], ...] = ()
    filtered: Mapping[str, int]
    figures: Mapping[str, Any]
    readings: FileEntry | None = None
    facts: tuple[FileEntry, ...] = ()
    reuse: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[Mapping[str, Any], ...] = ()
    format_version: int = FORMAT_VERSION

    @property
    def rows(self) -> dict[str, int]:
        """Rows per data asset."""
        return {entry.asset: entry.rows for entry in self.files if entry.rows is not None}

    @property
    def empty(self) -> tuple[str, ...]:
        """Of which of ``datasource``, ``collection`` and ``report`` there is no row at all.

        No workspace that is in use lacks one of them, so the key, or the answer, is to be doubted first.
        """
        return tuple(asset for asset in ("datasource", "collection", "report") if not self.rows.get(asset))

    @property
    def left_out_counts(self) -> dict[str, int]:
        """Objects left out per data asset; all five assets are named."""
        counts = dict.fromkeys(DATA_ASSETS, 0)
        for entry in self.left_out:
            counts[entry["asset"]] = counts.get(entry["asset"], 0) + 1
        return counts

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as a JSON object, with a checksum over its own content."""
        content: dict[str, Any] = {
            "format_version": self.format_version,
            "timestamp": self.timestamp,
            "workspace": self.workspace,
            "host": self.host,
            "provider_version": self.provider_version,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "strategy": self.strategy,
            "options": dict(self.options),
            "files": [entry.to_json() for entry in self.files],
            "left_out": [dict(entry) for entry in self.left_out],
            "filtered": dict(self.filtered),
            "figures": dict(self.figures),
            "readings": self.readings.to_json() if self.readings else None,
            "facts": [entry.to_json() for entry in self.facts],
            "reuse": dict(self.reuse),
            "answers": [dict(entry) for entry in self.answers],
        }
        return {**content, "checksum": _checksum(content)}

    @classmethod
    def from_json(cls, document: Any) -> Manifest:
        """Read what :meth:`to_json` wrote.

        :raises SnapshotError: when a newer version of the package wrote it.
        :raises SnapshotAlteredError: when it is not a manifest, or was changed after it was written.
        """
        if not isinstance(document, dict) or "format_version" not in document:
            raise SnapshotAlteredError("This is not a manifest: it is no JSON object with a format_version.")
        version = document["format_version"]
        if version != FORMAT_VERSION:
            raise SnapshotError(
                f"The manifest has format version {version!r}; this version of mode-catalog-provider reads "
                f"version {FORMAT_VERSION}. Upgrade the package where the upload runs, or extract again."
            )
        content = {key: value for key, value in document.items() if key != "checksum"}
        if document.get("checksum") != _checksum(content):
            raise SnapshotAlteredError("The manifest was changed after it was written. Extract again.")
        try:
            readings = content.get("readings")
            manifest = cls(
                **{
                    **content,
                    "files": tuple(FileEntry(**entry) for entry in content["files"]),
                    "left_out": tuple(content["left_out"]),
                    "readings": FileEntry(**readings) if readings else None,
                    "facts": tuple(FileEntry(**entry) for entry in content.get("facts", ())),
                    "answers": tuple(content.get("answers", ())),
                }
            )
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise SnapshotAlteredError(f"The manifest lacks or adds a field: {error}.") from error
        _check_types(manifest)
        _check_files(manifest)
        return manifest

    def to_bytes(self) -> bytes:
        """Return the content of the manifest file: indented JSON, for people read it too."""
        return (json.dumps(self.to_json(), indent=2) + "\n").encode("ascii")

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Read the content of a manifest file; raises what :meth:`from_json` raises."""
        try:
            return cls.from_json(json.loads(content))
        except (ValueError, RecursionError) as error:
            raise SnapshotAlteredError(f"The manifest is not valid JSON ({error}). Extract again.") from error


def _checksum(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _check_types(manifest: Manifest) -> None:
    """Refuse what a right checksum does not rule out: somebody changed the manifest by program."""
    texts = ("workspace", "host", "provider_version", "started_at", "finished_at", "strategy")
    objects = ("options", "filtered", "figures", "reuse")
    wrong = [name for name in texts if not isinstance(getattr(manifest, name), str)]
    wrong += [name for name in objects if not isinstance(getattr(manifest, name), Mapping)]
    if type(manifest.timestamp) is not int:
        wrong.append("timestamp")
    if not all(
        isinstance(entry, Mapping) and isinstance(entry.get("asset"), str) for entry in manifest.left_out
    ):
        wrong.append("left_out")
    if not all(isinstance(entry, Mapping) for entry in manifest.answers):
        wrong.append("answers")
    if wrong:
        raise SnapshotAlteredError(f"The manifest's {' and '.join(wrong)} cannot be right. Extract again.")


def _check_files(manifest: Manifest) -> None:
    expected = (*DATA_ASSETS, SUMMARY)
    for entry in manifest.left_out:
        # Texts or null, as they were written: what reads them later, and sorts by them, must not stumble.
        if "reason" not in entry or any(
            isinstance(entry.get(name), list | dict) for name in ("token", "reason")
        ):
            raise SnapshotAlteredError("The manifest's list of what was left out is not valid.")
    if tuple(entry.asset for entry in manifest.files) != expected:
        raise SnapshotAlteredError(f"The manifest must list exactly these files: {', '.join(expected)}.")
    readings = manifest.readings
    names = {asset: data_file(manifest.timestamp, asset) for asset in expected}
    names |= {facts_asset(asset): facts_name(manifest.timestamp, asset) for asset in FACT_ASSETS}
    for entry in (*manifest.files, *manifest.facts, *((readings,) if readings else ())):
        counts = (entry.bytes,) if entry.asset == SUMMARY else (entry.bytes, entry.rows)
        if (
            not isinstance(entry.asset, str)
            or entry.name != names.get(entry.asset, readings_name(manifest.timestamp))
            or not all(type(count) is int and 0 <= count < TOO_MANY for count in counts)
            or (entry.asset == SUMMARY and entry.rows is not None)
            or not isinstance(entry.sha256, str)
            or not _SHA256.fullmatch(entry.sha256)
        ):
            raise SnapshotAlteredError(f"The manifest's entry for {entry.asset} is not valid.")
