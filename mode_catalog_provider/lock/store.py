"""The few things a lock asks of a file store, on the local disk and on object stores."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.storage import StoragePath, is_local

if TYPE_CHECKING:
    from upath import UPath

#: Bytes read of a local lease file at most; a real one has a few hundred.
MAX_BYTES = 65536


@dataclass(frozen=True)
class StoredFile:
    """A file as it was read.

    :param content: its bytes.
    :param modified_at: its own time in seconds since 1970, ``None`` where the store tells none.
    """

    content: bytes
    modified_at: float | None = None


class LeaseStore(Protocol):
    """One directory of small files. Every call sees what every earlier call of any process has done."""

    def names(self) -> list[str]:
        """Return the names in the directory; none when it does not exist."""

    def read(self, name: str) -> StoredFile | None:
        """Return a file, ``None`` when it does not exist."""

    def create(self, name: str, content: bytes) -> bool:
        """Create a file unless it exists; return whether this call created it. Content is never empty."""

    def replace(self, name: str, content: bytes) -> None:
        """Write a file as a whole, so that a reader sees the old content or the new."""

    def delete(self, name: str) -> None:
        """Remove a file if it exists."""


class LocalStore:
    """A directory of the local disk, or of a network disk mounted there.

    :param directory: made, with its parents, when the first file is created.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def names(self) -> list[str]:
        """See :class:`LeaseStore`."""
        with _configuration_errors(self._directory):
            try:
                return [path.name for path in self._directory.iterdir()]
            except FileNotFoundError:
                return []

    def read(self, name: str) -> StoredFile | None:
        """See :class:`LeaseStore`."""
        with _configuration_errors(self._directory):
            try:
                with (self._directory / name).open("rb") as file:
                    return StoredFile(file.read(MAX_BYTES), os.fstat(file.fileno()).st_mtime)
            except FileNotFoundError:
                return None

    def create(self, name: str, content: bytes) -> bool:
        """See :class:`LeaseStore`. A crash in between leaves an empty file, which counts as held."""
        path = self._directory / name
        with _configuration_errors(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            try:
                file = path.open("xb")
            except FileExistsError:
                return False
            try:
                with file:
                    file.write(content)
            except BaseException:
                with suppress(OSError):
                    path.unlink()
                raise
            return True

    def replace(self, name: str, content: bytes) -> None:
        """See :class:`LeaseStore`."""
        new = self._directory / f"{name}.{uuid.uuid4().hex}.tmp"
        with _configuration_errors(self._directory):
            try:
                new.write_bytes(content)
                new.replace(self._directory / name)
            except BaseException:
                with suppress(OSError):
                    new.unlink()
                raise

    def delete(self, name: str) -> None:
        """See :class:`LeaseStore`."""
        with _configuration_errors(self._directory):
            (self._directory / name).unlink(missing_ok=True)


class ObjectStore:
    """A prefix of an object store, through its fsspec file system.

    It asks the file system and not the path: fsspec keeps listings and sizes in memory, so that
    ``path.exists()`` and ``path.iterdir()`` of s3fs do not see what another process has written since.

    :param directory: needs no making; its bucket or container must exist.
    """

    def __init__(self, directory: UPath) -> None:
        self._directory = directory

    def names(self) -> list[str]:
        """See :class:`LeaseStore`."""
        fs = self._directory.fs
        with _configuration_errors(self._directory):
            try:
                # Both, since file systems differ in which of the two they honour.
                fs.invalidate_cache(self._directory.path)
                paths = fs.ls(self._directory.path, detail=False, refresh=True)
            except FileNotFoundError:
                return []
        return [str(path).rpartition("/")[2] for path in paths]

    def read(self, name: str) -> StoredFile | None:
        """See :class:`LeaseStore`."""
        fs, path = self._directory.fs, self._path(name)
        with _configuration_errors(self._directory):
            # s3fs takes a file that its remembered listing lacks for absent, and a listing may lag.
            fs.invalidate_cache(path)
            try:
                return StoredFile(bytes(fs.cat_file(path)))
            except FileNotFoundError:
                return None

    def create(self, name: str, content: bytes) -> bool:
        """See :class:`LeaseStore`. Content and name appear together, so there is no empty file."""
        with _configuration_errors(self._directory):
            try:
                # The store answers when the file is closed: FileExistsError may come from there.
                with self._directory.fs.open(self._path(name), "xb") as file:
                    file.write(content)
            except FileExistsError:
                return False
            except (ValueError, NotImplementedError) as error:
                raise no_exclusive_create(self._directory) from error
            except FileNotFoundError as error:
                raise ConfigurationError(
                    f"The lock directory {self._directory} cannot be written: its bucket or container does "
                    "not exist. Create it, or correct the path."
                ) from error
            return True

    def replace(self, name: str, content: bytes) -> None:
        """See :class:`LeaseStore`. An object appears as a whole or not at all."""
        with _configuration_errors(self._directory):
            self._directory.fs.pipe_file(self._path(name), content)

    def delete(self, name: str) -> None:
        """See :class:`LeaseStore`."""
        with _configuration_errors(self._directory), suppress(FileNotFoundError):
            self._directory.fs.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._directory.path.rstrip('/')}/{name}"


def open_store(directory: StoragePath) -> LeaseStore:
    """Return the store of a directory; touches nothing yet."""
    if is_local(directory):
        return LocalStore(directory)
    if directory.protocol in {"file", "local"}:
        return LocalStore(Path(directory.path))
    return ObjectStore(directory)


def no_exclusive_create(directory: StoragePath) -> ConfigurationError:
    """Return the error for a store on which two could hold at once."""
    return ConfigurationError(
        f"The store of {directory} cannot create a file exclusively (a second creation of the same file "
        "was not refused), so it cannot keep a lock. Put the lock on a local or shared disk, or on an object "
        "store with conditional writes, such as S3, GCS or Azure Blob Storage, with a current client library."
    )


@contextmanager
def _configuration_errors(directory: StoragePath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason: str | None = None
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            reason = "this user may not read or write there"
        elif isinstance(error, NotADirectoryError | FileExistsError | IsADirectoryError):
            reason = "the path or a part of it is a file"
        if reason is None:
            raise
        raise ConfigurationError(
            f"The lock directory {directory} cannot be used: {reason} ({error.strerror or error}). Correct "
            "the rights or the path."
        ) from error
