"""Files that are there when a test begins, without a request for each of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upath import UPath

    from mode_catalog_provider.storage import StoragePath


def lies_on_s3(folder: StoragePath) -> bool:
    return getattr(folder, "protocol", "") == "s3"


def plant(folder: UPath, files: Mapping[str, bytes]) -> None:
    """Put files into a folder of this process's S3 server.

    :param files: content by name below the folder.
    """
    from moto.core import DEFAULT_ACCOUNT_ID  # imported here: moto takes a second
    from moto.s3.models import s3_backends

    bucket, _, prefix = folder.path.strip("/").partition("/")
    for name, content in files.items():
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, f"{prefix}/{name}", content)
    folder.fs.invalidate_cache()


def write_or_plant(folder: StoragePath, write: Callable[[StoragePath], object]) -> None:
    """Let ``write`` fill a folder; one on S3 gets what was written on the disk."""
    if not lies_on_s3(folder):
        write(folder)
        return
    with tempfile.TemporaryDirectory() as made:
        write(Path(made))
        files = {path.relative_to(made).as_posix(): path for path in Path(made).rglob("*") if path.is_file()}
        plant(folder, {name: path.read_bytes() for name, path in files.items()})
