from __future__ import annotations

import gc
import logging
import signal
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from upath import UPath

if TYPE_CHECKING:
    from tests.object_store import S3Server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=0, help="kills per store of the crash campaign; 0: a few")
    parser.addoption("--seed", type=int, default=6, help="of the crash campaign")
    parser.addoption(
        "--acquisitions", type=int, default=0, help="of the contention test, per store; 0: a few"
    )


def pytest_configure() -> None:
    # A shell ignores SIGINT for what it puts into the background, and so would all that tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    # Thousands of tests and what they import stay to the end: nobody need look through them for garbage.
    gc.freeze()


@pytest.fixture(autouse=True)
def our_logger() -> Iterator[None]:
    """A command that ran in this process arranged the product's logger for its terminal: put it back."""
    logger, raising = logging.getLogger("mode_catalog_provider"), logging.raiseExceptions
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate, logging.raiseExceptions = handlers, propagate, raising
    logger.setLevel(level)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """One S3 server for the whole session; a test that throws a switch throws it back."""
    from tests.object_store import S3Server  # imported here: moto takes a second

    with S3Server() as server:
        yield server


@pytest.fixture
def s3_folder(s3: S3Server) -> UPath:
    """A prefix of its own, with nothing in it."""
    return s3.path(uuid.uuid4().hex)
