"""A place for files: on the local disk or in an object store, how to tell and name it, who may read it."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from mode_catalog_provider.errors import (
    ConfigurationError,
    ModeCatalogError,
    ServiceUnavailableError,
    SnapshotAlteredError,
)
from mode_catalog_provider.text import visible

if TYPE_CHECKING:
    from typing_extensions import TypeIs
    from upath import UPath

#: A local path, or any object-store path with the same methods (``UPath``, Airflow's ``ObjectStoragePath``).
StoragePath: TypeAlias = "Path | UPath"


# The files hold SQL, e-mail addresses and names: owner and group may read them, nobody else. The umask may
# take more away.
_FILE_MODE = 0o640
_DIRECTORY_MODE = 0o750


def is_local(path: StoragePath) -> TypeIs[Path]:
    """Return whether a path is one of the local disk, so that the operating system takes it.

    Its type does not tell: until universal-pathlib 0.3 (Airflow 3.1) every ``UPath`` is a ``Path``.
    """
    return isinstance(path, Path) and getattr(path, "protocol", "") == ""


def location_of(path: StoragePath) -> str:
    """Return the text by which a path is found again, the connection of its store included.

    Before Airflow 3.2 the text of an ``ObjectStoragePath`` has lost its connection.
    """
    text = str(path)
    conn_id = getattr(path, "conn_id", None) or getattr(path, "storage_options", {}).get("conn_id")
    scheme, separator, rest = text.partition("://")
    if conn_id and separator and not rest.startswith(f"{conn_id}@"):
        return f"{scheme}://{conn_id}@{rest}"
    return text


# -- object stores ------------------------------------------------------------------------------------------

#: Seconds before a create is tried again that the store refused because of another one under way.
_CONFLICT_PAUSES = (0.1, 0.2, 0.4, 0.8)

_MISSING = {"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"}
_EXISTS = {"PreconditionFailed", "BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet"}
_CANNOT = {"NotImplemented"}


def create_object(fs: Any, key: str, content: bytes, *, place: object) -> bool:
    """Create an object unless it exists; content and name appear together.

    :param fs: fsspec file system.
    :param key: path of the object in it.
    :param content: never empty: object stores treat the creation of an empty object as a mere touch.
    :param place: what messages call the folder.
    :return: whether this call created it; also ``False`` when an earlier try of it did whose answer was lost.
    :raises ConfigurationError: the store cannot do this, or has no such bucket or container. Other errors are
        those of the file system; :func:`store_error` knows what they mean.
    """
    for pause in (*_CONFLICT_PAUSES, None):
        try:
            _create(fs, key, content)
            return True
        except FileExistsError:
            return False
        except Exception as error:
            status, code = _answer(error)
            if status == 412 or code in _EXISTS:
                return False
            cannot = status == 501 or code in _CANNOT or getattr(error, "errno", None) == errno.ENOSYS
            if cannot or (type(error) in {ValueError, NotImplementedError} and status is None):
                raise no_exclusive_create(place) from error
            if isinstance(store_error(error, place), FileNotFoundError):
                raise ConfigurationError(
                    f"{place} cannot be written: its bucket or container does not exist. Create it, or "
                    "correct the path."
                ) from error
            if status != 409 or pause is None:
                raise
            # Another conditional write to the same name was under way, and this one did nothing.
            time.sleep(pause)
    raise AssertionError("the last turn returns or raises")


def read_start(fs: Any, key: str, most: int) -> bytes:
    """Return the first bytes of an object, whatever its size.

    :param fs: fsspec file system.
    :param key: path of the object in it.
    :param most: bytes returned at most.
    """
    try:
        return bytes(fs.cat_file(key, start=0, end=most))
    except Exception as error:
        # Of an empty object there is no first byte, and stores refuse to send it.
        if _answer(error)[0] == 416 or _answer(error)[1] == "InvalidRange":
            return b""
        raise


def _create(fs: Any, key: str, content: bytes) -> None:
    """Create an object in one request, on the condition that there is none."""
    if getattr(fs, "protocol", None) in (("gs", "gcs"), "gs", "gcs"):
        # Opened with "xb", gcsfs begins a resumable upload: two requests at least, for a few hundred bytes.
        fs.pipe_file(key, content, mode="create")
        return
    # The store answers when the file is closed.
    with fs.open(key, "xb") as file:
        file.write(content)


def no_exclusive_create(place: object) -> ConfigurationError:
    """Return the error for a store on which two could create the same file."""
    return ConfigurationError(
        f"The store of {place} cannot create a file exclusively (a second creation of the same file "
        "was not refused), so it cannot keep a lock. Put the lock on a local or shared disk, or on an object "
        "store with conditional writes, such as S3, GCS or Azure Blob Storage, with a current client library."
    )


def store_error(error: Exception, place: object) -> Exception:
    """Return what an object store's error means, whichever client library raised it.

    :param error: from an fsspec file system.
    :param place: what messages call the folder.
    :return: :class:`FileNotFoundError` for what does not exist, :class:`ConfigurationError` for what a person
        must mend, else :class:`ServiceUnavailableError`; one of our own errors as it is.
    """
    if isinstance(error, ModeCatalogError | FileNotFoundError):
        return error
    status, code = _answer(error)
    name = type(error).__name__
    told = f"{name}: {visible(error, 300)}" if str(error) else name
    if status == 404 or code in _MISSING:
        return FileNotFoundError(str(error))
    if isinstance(error, NotADirectoryError | FileExistsError | IsADirectoryError):
        return ConfigurationError(f"{place} cannot be used: the path or a part of it is a file ({told}).")
    if isinstance(error, PermissionError) or status in {401, 403} or "Credential" in name:
        return ConfigurationError(
            f"{place} cannot be used: this user may not read or write there ({told}). Correct the rights, "
            "the path, or the connection of the store."
        )
    if name == "ParamValidationError":
        return ConfigurationError(f"{place} is no place in an object store ({told}). Correct the path.")
    return ServiceUnavailableError(
        f"{place} is out of reach: its store gives no useful answer ({told}). Look whether it can be reached "
        "from here, and whether the path and its connection are right; then try again.",
        status=status,
    )


def _answer(error: BaseException) -> tuple[int | None, str | None]:
    """Return HTTP status and the store's own word for it; libraries hang them up in different places."""
    link: BaseException | None = error
    for _ in range(8):
        if link is None:
            break
        response = getattr(link, "response", None)
        if isinstance(response, Mapping):  # botocore
            status = _number(response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
            code = str(response.get("Error", {}).get("Code", ""))
            return status or _number(code), code
        # azure-core, gcsfs, aiohttp
        for attribute in ("status_code", "code", "status"):
            if (status := _number(getattr(link, attribute, None))) is not None:
                word = getattr(link, "error_code", None)
                return status, None if word is None else str(getattr(word, "value", word))
        link = link.__cause__ or link.__context__
    return None, None


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() else None


#: Bytes of a manifest or a record at most: a workspace of millions of objects has no longer one.
LONGEST_RECORD = 256 << 20


def open_to_read(path: StoragePath) -> BinaryIO:
    """Open a file of a staging area for reading, if it is one.

    To open a pipe may wait for ever, and a device has no end.

    :param path: the file; a link to one will do.
    :raises FileNotFoundError: nothing is there.
    :raises SnapshotAlteredError: it is a folder, a pipe, a device or the like.
    """
    if not is_local(path):
        return path.open("rb")

    def opener(name: str, flags: int) -> int:
        descriptor = os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _no_file(path)
        return descriptor

    try:
        return cast(BinaryIO, open(path, "rb", opener=opener))
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _no_file(path) from error
        raise


def read_record(path: StoragePath, most: int = LONGEST_RECORD) -> bytes:
    """Return the content of a file as :func:`open_to_read` opens it.

    :param most: bytes that it may have, default :data:`LONGEST_RECORD`.
    :raises SnapshotAlteredError: it has more, or is no file.
    """
    with open_to_read(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise SnapshotAlteredError(f"{path} is longer than any such file: {most >> 20} MiB and more.")
    return content


def _no_file(path: Path) -> SnapshotAlteredError:
    return SnapshotAlteredError(
        f"{path} is no file, but a folder, a pipe, a device or a link in a circle, and nothing that this "
        "package wrote. Find out who put it there, and remove it."
    )


def create_private(path: Path) -> BinaryIO:
    """Create a file that owner and group may read, and open it for writing.

    :param path: local path; nothing may be there, not even a link that leads nowhere.
    :raises FileExistsError: when something is there.
    """
    # Neither through a link that somebody has laid there, nor into a file that somebody else keeps open.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)

    def opener(name: str, _: int) -> int:
        return os.open(name, flags, _FILE_MODE)

    return cast(BinaryIO, open(path, "wb", opener=opener))


def replace_private(path: Path) -> BinaryIO:
    """Create a file as :func:`create_private` does, in place of what is there; a link is replaced as such."""
    with suppress(FileNotFoundError):
        path.unlink()
    return create_private(path)


def make_private_directory(directory: Path) -> None:
    """Create a local directory and what lies above it for owner and group; an existing one stays as it is."""
    for path in (*reversed(directory.parents), directory):
        path.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
