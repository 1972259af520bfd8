from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from upath import UPath

if TYPE_CHECKING:
    from tests.object_store import S3Server


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
