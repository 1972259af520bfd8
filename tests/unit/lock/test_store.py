from __future__ import annotations

import errno
import os
import socket
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

from mode_catalog_provider import storage
from mode_catalog_provider.errors import ConfigurationError, LockHeldError, ServiceUnavailableError
from mode_catalog_provider.lock import Holder, RunLock
from mode_catalog_provider.lock.store import LocalStore, ObjectStore, open_store

HOUR = timedelta(hours=1)
HOLDER = Holder.here("mode-catalog extract")


def test_local_urls_and_paths_are_the_local_disk(tmp_path):
    for directory in (tmp_path, UPath(tmp_path), UPath(f"file://{tmp_path}")):
        assert isinstance(open_store(directory), LocalStore)
    assert isinstance(open_store(UPath("memory://x")), ObjectStore)


def test_a_file_url_and_the_path_are_the_same_lock(tmp_path):
    RunLock(tmp_path / "lock", ttl=HOUR).try_acquire(HOLDER)
    with pytest.raises(LockHeldError):
        RunLock(UPath(f"file://{tmp_path}/lock"), ttl=HOUR).try_acquire(HOLDER)


# -- a store that cannot keep a lock ---


class OverwritingStore(MemoryFileSystem):
    """As an S3 lookalike, or an old client, that ignores the condition of a conditional write."""

    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        return super().open(path, mode.replace("x", "w"), **more)


class RefusingStore(MemoryFileSystem):
    """As a file system that knows no exclusive mode."""

    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        if "x" in mode:
            raise ValueError(f"unsupported file mode: {mode}")
        return super().open(path, mode, **more)


@pytest.mark.parametrize("kind", [OverwritingStore, RefusingStore])
def test_a_store_without_exclusive_create_is_refused_when_it_is_first_used(kind):
    directory = UPath(f"memory://{uuid.uuid4().hex}/lock")
    directory._fs_cached = kind()
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="cannot create a file exclusively"):
            RunLock(directory, ttl=HOUR).try_acquire(HOLDER)


# -- answers that get lost ---


class LossyStore(LocalStore):
    """Does what it is told, and then fails to say so, once."""

    def __init__(self, directory: Path, answer: BaseException | bool) -> None:
        super().__init__(directory)
        self._answers = [answer]

    def create(self, name: str, content: bytes) -> bool:
        created = super().create(name, content)
        if not self._answers:
            return created
        answer = self._answers.pop()
        if isinstance(answer, bool):
            return answer
        raise answer


def test_a_create_that_is_refused_because_of_its_own_lost_first_try_is_a_success(tmp_path):
    lock = RunLock(tmp_path, ttl=HOUR, store=LossyStore(tmp_path, False))
    lock.check(lock.try_acquire(HOLDER))


@pytest.mark.parametrize("error", [TimeoutError("no answer"), KeyboardInterrupt()])
def test_a_create_that_fails_after_it_took_effect_gives_the_lock_back(tmp_path, error):
    lock = RunLock(tmp_path, ttl=HOUR, store=LossyStore(tmp_path, error))
    with pytest.raises(type(error)):
        lock.try_acquire(HOLDER)
    assert lock.try_acquire(HOLDER).generation == 2


class FailingDisk(LocalStore):
    def names(self) -> list[str]:
        if list(super().names()):
            raise OSError(errno.EIO, "the disk is gone")
        return super().names()


def test_an_error_after_the_lock_was_created_gives_it_back(tmp_path):
    with pytest.raises(OSError, match="the disk is gone"):
        RunLock(tmp_path, ttl=HOUR, store=FailingDisk(tmp_path)).try_acquire(HOLDER)
    assert RunLock(tmp_path, ttl=HOUR).try_acquire(HOLDER).generation == 2


def test_a_file_that_cannot_be_filled_is_not_left_behind(tmp_path):
    with pytest.raises(TypeError):
        LocalStore(tmp_path).create("000000000001.lease", None)  # type: ignore[arg-type]
    assert LocalStore(tmp_path).names() == []


# -- listings that lag ---


class LaggingStore(LocalStore):
    """Lists what was there some creations ago."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.listed: list[str] = []

    def names(self) -> list[str]:
        return self.listed


def test_a_listing_that_lags_hides_neither_a_holder_nor_a_release_nor_a_takeover(tmp_path):
    lagging = LaggingStore(tmp_path)
    lock, behind = RunLock(tmp_path, ttl=HOUR), RunLock(tmp_path, ttl=HOUR, store=lagging)
    lease = lock.try_acquire(HOLDER)
    lagging.listed = ["000000000001.lease"]
    lock.release(lease)
    assert behind.state().released
    for _ in range(5):
        lock.release(lock.try_acquire(HOLDER))
    lease = lock.try_acquire(HOLDER)
    with pytest.raises(LockHeldError):
        behind.try_acquire(HOLDER)
    behind.check(lease)


class ShuffledStore(LocalStore):
    """Lists the newest files first, and tells which were deleted."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.deleted: list[str] = []

    def names(self) -> list[str]:
        return sorted(super().names(), reverse=True)

    def delete(self, name: str) -> None:
        self.deleted.append(name)
        super().delete(name)


def test_old_generations_go_lowest_first_so_that_a_crash_leaves_no_gap(tmp_path):
    for number in range(1, 20):
        (tmp_path / f"{number:012d}.lease").write_bytes(b"{}")
        (tmp_path / f"{number:012d}.released").write_bytes(b"x")
    store = ShuffledStore(tmp_path)
    assert RunLock(tmp_path, ttl=HOUR, store=store).try_acquire(HOLDER).generation == 20
    assert store.deleted == [
        f"{number:012d}.{kind}" for number in range(1, 5) for kind in ("lease", "released")
    ]


# -- a directory that cannot be used ---


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _link(path: Path) -> None:
    other = path.with_name("elsewhere")
    other.write_bytes(b"{}")
    path.symlink_to(other)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_pipe, _loop, _link, _socket, _device, Path.mkdir])
def test_what_is_no_file_is_no_lease_and_is_told_at_once(tmp_path, make):
    path = tmp_path / "000000000003.lease"
    make(path)
    with pytest.raises(ConfigurationError, match=f"{path} cannot be a lease: it is no file"):
        RunLock(tmp_path, ttl=HOUR).try_acquire(HOLDER)


def test_a_renewal_that_fails_leaves_no_half_written_file_behind(tmp_path):
    store = LocalStore(tmp_path)
    (tmp_path / "000000000001.lease").mkdir()
    with pytest.raises(ConfigurationError):
        store.replace("000000000001.lease", b"{}")
    assert store.names() == ["000000000001.lease"]


def test_a_path_that_is_a_file_is_explained(tmp_path):
    (tmp_path / "lock").write_text("not a directory")
    for path in (tmp_path / "lock", tmp_path / "lock" / "below"):
        with pytest.raises(ConfigurationError, match="is a file"):
            RunLock(path, ttl=HOUR).try_acquire(HOLDER)


def test_a_read_only_disk_is_explained(tmp_path, monkeypatch):
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path))

    monkeypatch.setattr("mode_catalog_provider.lock.store.create_private", refuse)
    with pytest.raises(ConfigurationError) as refused:
        RunLock(tmp_path, ttl=HOUR).try_acquire(HOLDER)
    assert str(refused.value) == (
        f"The lock directory {tmp_path} cannot be used: this user may not read or write there "
        "(Read-only file system). Correct the rights or the path."
    )


@pytest.mark.parametrize("where", [None, "/elsewhere"])
def test_a_disk_that_fails_is_named_though_the_system_does_not_say_where(tmp_path, monkeypatch, where):
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", where)

    monkeypatch.setattr("mode_catalog_provider.lock.store.create_private", fail)
    with pytest.raises(OSError, match="No space left on device") as failed:
        RunLock(tmp_path, ttl=HOUR).try_acquire(HOLDER)
    assert (failed.value.errno, failed.value.filename) == (errno.ENOSPC, where or str(tmp_path))


@contextmanager
def without_rights(directory: Path) -> Iterator[None]:
    """Take away the right to write, from root too."""
    user = os.geteuid()
    directory.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        directory.chmod(stat.S_IRWXU)


def test_a_directory_without_rights_is_explained(tmp_path):
    with without_rights(tmp_path), pytest.raises(ConfigurationError, match="may not read or write"):
        RunLock(tmp_path / "lock", ttl=HOUR).try_acquire(HOLDER)


class NoBucket(MemoryFileSystem):
    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        raise FileNotFoundError("The specified bucket does not exist")


def test_a_bucket_that_does_not_exist_is_explained():
    directory = UPath(f"memory://{uuid.uuid4().hex}/lock")
    directory._fs_cached = NoBucket()
    with pytest.raises(ConfigurationError, match="bucket or container does not exist"):
        RunLock(directory, ttl=HOUR).try_acquire(HOLDER)


# -- answers of object stores, as their client libraries wrap them ---


class ServiceAnswerError(Exception):
    """As azure-core's and gcsfs' errors carry the answer."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status_code = status
        self.error_code = word


class BotoError(Exception):
    """As botocore's errors carry the answer."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.response = {"Error": {"Code": word}, "ResponseMetadata": {"HTTPStatusCode": status}}


def answering(*errors: Exception) -> UPath:
    """A lock's place on a store that answers its creates with these errors, then as it should."""
    queue = list(errors)

    class Store(MemoryFileSystem):
        def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
            if "x" in mode and queue:
                raise queue.pop(0)
            return super().open(path, mode, **more)

    directory = UPath(f"memory://{uuid.uuid4().hex}/lock")
    directory._fs_cached = Store()
    return directory


def wrapped(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


PRECONDITION = wrapped(
    OSError(errno.EINVAL, "a pre-condition did not hold"), BotoError(412, "PreconditionFailed")
)
CONFLICT = wrapped(OSError(errno.EIO, "conflict"), BotoError(409, "ConditionalRequestConflict"))
NOT_IMPLEMENTED = wrapped(OSError(errno.ENOSYS, "not implemented"), BotoError(501, "NotImplemented"))


@pytest.mark.parametrize("error", [PRECONDITION, ServiceAnswerError(412, "ConditionNotMet")])
def test_a_condition_that_was_not_met_means_that_the_file_exists_whatever_the_library_makes_of_it(error):
    assert ObjectStore(answering(error)).create("000000000001.lease", b"x") is False


def test_a_conflict_with_another_create_under_way_is_tried_again():
    assert RunLock(answering(CONFLICT, CONFLICT), ttl=HOUR).try_acquire(HOLDER).generation == 1


def test_a_conflict_that_does_not_end_is_the_services_failure(monkeypatch):
    monkeypatch.setattr(storage, "_CONFLICT_PAUSES", (0.0, 0.0))
    with pytest.raises(ServiceUnavailableError, match="conflict") as failed:
        RunLock(answering(*[CONFLICT] * 3), ttl=HOUR).try_acquire(HOLDER)
    assert failed.value.status == 409


@pytest.mark.parametrize(
    "error", [NOT_IMPLEMENTED, OSError(errno.ENOSYS, "no"), ServiceAnswerError(501, "no")]
)
def test_a_store_that_does_not_know_the_condition_is_refused(error):
    with pytest.raises(ConfigurationError, match="cannot create a file exclusively"):
        RunLock(answering(error), ttl=HOUR).try_acquire(HOLDER)


@pytest.mark.parametrize(
    "cause", [ServiceAnswerError(404, "ContainerNotFound"), BotoError(404, "NoSuchBucket")]
)
def test_a_container_that_does_not_exist_is_explained_whatever_the_library_makes_of_it(cause):
    error = wrapped(RuntimeError("Failed to upload block: The specified container does not exist"), cause)
    with pytest.raises(ConfigurationError, match="bucket or container does not exist"):
        RunLock(answering(error), ttl=HOUR).try_acquire(HOLDER)


@pytest.mark.parametrize("cause", [ServiceAnswerError(403, "AuthorizationFailure"), BotoError(401, "no")])
def test_a_store_that_refuses_the_user_is_a_matter_of_configuration(cause):
    error = wrapped(RuntimeError("Failed to upload block"), cause)
    with pytest.raises(ConfigurationError, match="may not read or write"):
        RunLock(answering(error), ttl=HOUR).try_acquire(HOLDER)


@pytest.mark.parametrize("operation", ["names", "read", "replace", "delete"])
def test_whatever_a_library_raises_becomes_one_of_our_errors(operation):
    directory = UPath(f"memory://{uuid.uuid4().hex}/lock")

    class Unreachable(MemoryFileSystem):
        def invalidate_cache(self, path: str | None = None) -> None:
            raise ConnectionError("refused")

        def pipe_file(self, path: str, value: bytes, **more: Any) -> None:
            raise ConnectionError("refused")

        def rm_file(self, path: str) -> None:
            raise ConnectionError("refused")

    directory._fs_cached = Unreachable()
    arguments = {"names": (), "replace": ("x", b"y")}.get(operation, ("x",))
    with pytest.raises(ServiceUnavailableError, match=r"no useful answer \(ConnectionError: refused"):
        getattr(ObjectStore(directory), operation)(*arguments)


def test_behind_the_last_number_nobody_takes_the_lock(tmp_path: Path) -> None:
    # Names of more digits are not looked for, so that a second holder would not see the first.
    (tmp_path / "999999999999.lease").write_bytes(b"{}")
    (tmp_path / "999999999999.released").write_bytes(b"x")
    lock = RunLock(tmp_path, ttl=timedelta(hours=1))
    with pytest.raises(ConfigurationError, match=r"999999999999\.lease"):
        lock.try_acquire(HOLDER)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["999999999999.lease", "999999999999.released"]
