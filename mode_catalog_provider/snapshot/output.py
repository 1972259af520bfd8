"""One file of a snapshot on its way to the disk or the object store."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mode_catalog_provider.errors import ConfigurationError, SnapshotError
from mode_catalog_provider.snapshot.layout import PARTIAL, StoragePath
from mode_catalog_provider.storage import (
    create_object,
    create_private,
    is_local,
    make_private_directory,
    replace_private,
)

#: What a disk says that takes no more: it is full, the quota is used up, or the file is longer than allowed.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

#: Bytes gathered before they are hashed and written: rows are small, and calls into a store are dear.
_CHUNK = 1 << 20


class OutputFile:
    """A file written in one pass, hashed and counted while it passes.

    On a local disk it has a temporary name, and is on the platter, until :meth:`publish`. An object store
    shows an object only once it is closed, so there it has its own name from the start.

    :param path: where the file is to be.
    """

    def __init__(self, path: StoragePath) -> None:
        self._path = path
        self._hash = hashlib.sha256()
        self._gathered = bytearray()
        self.bytes = 0

    def __enter__(self) -> Self:
        with _full_disk_told(self._path):
            if is_local(self._path):
                _check_target(self._path)
                self._file = replace_private(_partial(self._path))
            else:
                self._file = self._path.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._give_up()
            return
        try:
            with _full_disk_told(self._path), self._file:
                self._pass_on()
                if is_local(self._path):
                    self._file.flush()
                    os.fsync(self._file.fileno())
        except BaseException:
            self._give_up()
            raise

    def write(self, content: bytes) -> None:
        """Append ``content``."""
        self._gathered += content
        if len(self._gathered) >= _CHUNK:
            with _full_disk_told(self._path):
                self._pass_on()

    @property
    def sha256(self) -> str:
        """Hash of everything written, in hex; right once the file is closed."""
        return self._hash.hexdigest()

    def publish(self) -> None:
        """Give the closed file its own name."""
        if is_local(self._path):
            _partial(self._path).replace(self._path)

    def _give_up(self) -> None:
        if is_local(self._path):
            with suppress(OSError):  # a full disk refuses what is still to be written a second time
                self._file.close()
            with suppress(OSError):
                _partial(self._path).unlink()
            return
        # Closing would show half a file, and leave the parts of one that was sent in parts to be paid for.
        # The file below Airflow's wrapper must count as closed, or it is closed when it is collected.
        file: Any = getattr(self._file, "_obj", self._file)
        with suppress(Exception):
            file.discard()
        with suppress(Exception):
            file.closed = True

    def _pass_on(self) -> None:
        self._hash.update(self._gathered)
        self.bytes += len(self._gathered)
        self._file.write(self._gathered)
        self._gathered = bytearray()


def create_exclusively(path: StoragePath, content: bytes) -> bool:
    """Create a file unless it exists; return whether this call created it.

    :param path: file to create.
    :param content: never empty: object stores treat the creation of an empty object as a mere touch.
    :raises ConfigurationError: the object store cannot do this, or has no such bucket or container.
    """
    if not is_local(path):
        return create_object(path.fs, path.path, content, place=path.parent)
    try:
        with _full_disk_told(path), create_private(path) as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def make_directory(directory: StoragePath) -> None:
    """Create a directory and what lies above it; an existing one is fine."""
    if is_local(directory):
        with _full_disk_told(directory):
            make_private_directory(directory)
    else:
        directory.mkdir(parents=True, exist_ok=True)


def remove_file(path: StoragePath) -> None:
    """Remove a file; one that is gone already is fine."""
    with suppress(FileNotFoundError):
        path.unlink()


def remove_empty_directory(directory: StoragePath) -> None:
    """Remove a directory, but never anything in it."""
    with suppress(OSError):
        if is_local(directory):
            os.rmdir(directory)  # noqa: PTH106 - UPath's rmdir, on a local path too, takes the contents along
        elif next(iter(directory.iterdir()), None) is None:
            directory.rmdir()


def sync_directory(directory: StoragePath) -> None:
    """Make the names in a local directory survive a power cut."""
    if is_local(directory):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _full_disk_told(path: StoragePath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise SnapshotError(
            f"{path.name} could not be written: {path.parent} takes no more ({error.strerror}). Make room "
            "there, keep fewer snapshots, or set the output directory to another place."
        ) from error


def _check_target(path: Path) -> None:
    """Refuse to put a file in the place of something that is none, such as ``/dev/stdout``."""
    if path.exists() and not path.is_file():
        kind = "a directory" if path.is_dir() else "a device, a pipe or the like"
        raise ConfigurationError(f"{path} is {kind}, and no file can take its place. Name a file.")
    if not path.parent.is_dir():
        raise ConfigurationError(f"There is no folder {path.parent} to write {path.name} to.")


def _partial(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL)
