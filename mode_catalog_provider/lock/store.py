"""The lease files of a lock: their names, and the few things asked of the store where they lie."""

from __future__ import annotations

import errno
import os
import re
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.lock.lease import LeaseRecord
from mode_catalog_provider.storage import (
    StoragePath,
    create_object,
    create_private,
    is_local,
    make_private_directory,
    read_start,
    store_error,
)

if TYPE_CHECKING:
    from upath import UPath

#: How many generations below its own a new holder leaves in the directory. They show who held last, and they
#: are why a listing may lag by as many acquisitions without harm.
KEPT = 16

_FILE = re.compile(r"(\d{12})\.(lease|released)(\.[0-9a-f]{32}\.tmp)?", re.ASCII)

#: The highest generation that has a name: at one a second, there are 31,000 years until then.
LAST = 10**12 - 1

#: Bytes read of a lease file at most; a real one has a few hundred.
MAX_BYTES = 65536

#: No lease of ours is a pipe, a device or a link, and opening one may hang or lead elsewhere.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | os.O_CLOEXEC


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
        with _local_errors(self._directory):
            try:
                return [path.name for path in self._directory.iterdir()]
            except FileNotFoundError:
                return []

    def read(self, name: str) -> StoredFile | None:
        """See :class:`LeaseStore`."""
        with _local_errors(self._directory):
            try:
                return self._read(name)
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
                # NFS: another machine renewed it between our opening it and our reading it.
                return self._read(name)

    def _read(self, name: str) -> StoredFile | None:
        try:
            descriptor = os.open(self._directory / name, _READ)
        except FileNotFoundError:
            return None
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise _no_file(self._directory / name)
            return StoredFile(os.read(descriptor, MAX_BYTES), state.st_mtime)
        finally:
            os.close(descriptor)

    def create(self, name: str, content: bytes) -> bool:
        """See :class:`LeaseStore`. A crash in between leaves an empty file, which counts as held."""
        path = self._directory / name
        with _local_errors(self._directory):
            make_private_directory(self._directory)
            try:
                file = create_private(path)
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
        with _local_errors(self._directory):
            try:
                with create_private(new) as file:
                    file.write(content)
                new.replace(self._directory / name)
            except BaseException:
                with suppress(OSError):
                    new.unlink()
                raise

    def delete(self, name: str) -> None:
        """See :class:`LeaseStore`."""
        with _local_errors(self._directory):
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
        try:
            with self._errors():
                # Both, since file systems differ in which of the two they honour.
                fs.invalidate_cache(self._directory.path)
                paths = fs.ls(self._directory.path, detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return [str(path).rpartition("/")[2] for path in paths]

    def read(self, name: str) -> StoredFile | None:
        """See :class:`LeaseStore`."""
        fs, path = self._directory.fs, self._path(name)
        try:
            with self._errors():
                # s3fs takes a file that its remembered listing lacks for absent, and a listing may lag.
                fs.invalidate_cache(path)
                return StoredFile(read_start(fs, path, MAX_BYTES))
        except FileNotFoundError:
            return None

    def create(self, name: str, content: bytes) -> bool:
        """See :class:`LeaseStore`. Content and name appear together, so there is no empty file."""
        with self._errors():
            return create_object(self._directory.fs, self._path(name), content, place=self._directory)

    def replace(self, name: str, content: bytes) -> None:
        """See :class:`LeaseStore`. An object appears as a whole or not at all."""
        with self._errors():
            self._directory.fs.pipe_file(self._path(name), content)

    def delete(self, name: str) -> None:
        """See :class:`LeaseStore`."""
        with suppress(FileNotFoundError), self._errors():
            self._directory.fs.rm_file(self._path(name))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise store_error(error, f"The lock directory {self._directory}") from error

    def _path(self, name: str) -> str:
        return f"{self._directory.path.rstrip('/')}/{name}"


def open_store(directory: StoragePath) -> LeaseStore:
    """Return the store of a directory; touches nothing yet."""
    if is_local(directory):
        return LocalStore(directory)
    if directory.protocol in {"file", "local"}:
        return LocalStore(Path(directory.path))
    return ObjectStore(directory)


@contextmanager
def _local_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        told = error.strerror or error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            reason = f"this user may not read or write there ({told}). Correct the rights or the path."
        elif isinstance(error, NotADirectoryError | FileExistsError):
            reason = f"the path or a part of it is a file ({told}). Correct the path."
        elif error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR}:
            raise _no_file(Path(error.filename or directory)) from error
        elif error.filename is None:
            # A write that fails, on a full disk say, does not tell where.
            raise OSError(error.errno, told, str(directory)) from error
        else:
            raise
        raise ConfigurationError(f"The lock directory {directory} cannot be used: {reason}") from error


def _no_file(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be a lease: it is no file, but a directory, a link, a pipe or a device. No lock puts "
        "such a thing there; find out who did, and remove it."
    )


class Generations:
    """Lease files by number: ``000000000007.lease``, and ``000000000007.released`` once it was given back.

    :param store: the directory; files with other names are ignored.
    """

    def __init__(self, store: LeaseStore) -> None:
        self._store = store

    def highest(self) -> tuple[int, bool]:
        """Return the highest generation, 0 when there is none, and whether it was released.

        Asks by name beyond what the listing shows: listings may lag behind (network disks), and a listing
        that runs while a file is replaced may miss it.
        """
        names = set(self._store.names())
        matches = [match for match in map(_FILE.fullmatch, names) if match]
        generation = max((int(match[1]) for match in matches if match[0] == f"{match[1]}.lease"), default=0)
        while self._store.read(_lease(generation + 1)) is not None:
            generation += 1
        return generation, _released(generation) in names or self.was_released(generation)

    def read(self, generation: int, *, released: bool = False) -> LeaseRecord | None:
        """Return a generation as it stands, ``None`` when its file is gone.

        :param released: what is known of it, default ``False``.
        """
        file = self._store.read(_lease(generation))
        if file is None:
            return None
        return LeaseRecord.read(generation, file.content, released=released, modified_at=file.modified_at)

    def create(self, generation: int, content: bytes) -> bool:
        """Create a generation unless it exists; return whether this call created it.

        :raises ConfigurationError: its number would have more digits than the names that are looked for.
        """
        if generation > LAST:
            raise ConfigurationError(
                f"The lock directory holds {_lease(LAST)}, the last lease there can be, which no lock "
                "comes to by itself. Find out who put it there, remove it, and take the lock again."
            )
        return self._store.create(_lease(generation), content)

    def rewrite(self, generation: int, content: bytes) -> None:
        """Write the content of one's own generation anew."""
        self._store.replace(_lease(generation), content)

    def mark_released(self, generation: int, note: str) -> None:
        """Give a generation back, for good.

        In a file of its own, so that a renewal under way in another process cannot undo it.

        :param note: one line for a person who looks into the file; not empty.
        """
        self._store.create(_released(generation), note.encode())

    def was_released(self, generation: int) -> bool:
        """Return whether a generation was given back."""
        return self._store.read(_released(generation)) is not None

    def prune(self, generation: int) -> None:
        """Delete what lies well below a generation, lowest first; the highest never goes."""
        for name in sorted(self._store.names()):
            match = _FILE.fullmatch(name)
            if match and int(match[1]) <= generation - KEPT:
                self._store.delete(name)


def _lease(generation: int) -> str:
    return f"{generation:012d}.lease"


def _released(generation: int) -> str:
    return f"{generation:012d}.released"
