"""Processes that stop before every operation on the store, so that a test can interleave them at will."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mode_catalog_provider.lock.store import LeaseStore, LocalStore, open_store
from mode_catalog_provider.storage import StoragePath, is_local


class Killed(BaseException):
    """What ``kill -9`` looks like from inside: nothing that follows has any effect."""


class SteppedStore:
    """A store that waits for permission before every operation.

    :param store: what carries the operation out.
    :param pause: called before each; may raise :class:`Killed`.
    """

    def __init__(self, store: LeaseStore, pause: Callable[[], None]) -> None:
        self._store = store
        self._pause = pause

    def names(self):
        self._pause()
        return self._store.names()

    def read(self, name):
        self._pause()
        return self._store.read(name)

    def create(self, name, content):
        self._pause()
        return self._store.create(name, content)

    def replace(self, name, content):
        self._pause()
        self._store.replace(name, content)

    def delete(self, name):
        self._pause()
        self._store.delete(name)


class _HalfwayStore(LocalStore):
    """A local store that pauses between the empty file and its content as well."""

    def __init__(self, directory: Path, pause: Callable[[], None]) -> None:
        super().__init__(directory)
        self._pause = pause
        self._place = directory

    def create(self, name, content):
        self._place.mkdir(parents=True, exist_ok=True)
        try:
            file = (self._place / name).open("xb")
        except FileExistsError:
            return False
        with file:
            self._pause()
            file.write(content)
        return True


def stepped_store(directory: StoragePath, pause: Callable[[], None]) -> SteppedStore:
    """Open the directory's own store, in steps."""
    store = _HalfwayStore(directory, pause) if is_local(directory) else open_store(directory)
    return SteppedStore(store, pause)


@dataclass
class Finished:
    """How a piece of work ended."""

    value: Any = None
    error: BaseException | None = None


class Process:
    """One piece of work on a thread of its own that goes on only when told to."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.finished: Finished | None = None
        self._work = work
        self._killed = False
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._stopped.acquire()

    def pause(self) -> None:
        """Called by the work: stop here until :meth:`step`."""
        if self._killed:
            raise Killed
        self._stopped.release()
        self._go.acquire()
        if self._killed:
            raise Killed

    def step(self) -> None:
        """Let the work do one operation on the store, and all that follows up to the next one."""
        if self.finished is None:
            self._go.release()
            self._stopped.acquire()

    def run_to_end(self) -> Finished:
        """Let the work finish undisturbed."""
        while self.finished is None:
            self.step()
        return self.finished

    def kill(self) -> None:
        """End the work where it stands."""
        self._killed = True
        self.step()
        self._thread.join()

    def _run(self) -> None:
        self.pause_at_start()
        try:
            self.finished = Finished(value=self._work())
        except Killed as error:
            self.finished = Finished(error=error)
        except Exception as error:
            self.finished = Finished(error=error)
        self._stopped.release()

    def pause_at_start(self) -> None:
        """Stop before the first line of the work."""
        self._stopped.release()
        self._go.acquire()
