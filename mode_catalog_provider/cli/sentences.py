"""What is told of an error on the command line: in the words of its flags, variables and folders."""

from __future__ import annotations

import errno
import re
import traceback
from pathlib import Path

from mode_catalog_provider.cli.environment import ENVIRONMENT
from mode_catalog_provider.cli.output import of_a_store
from mode_catalog_provider.errors import (
    CatalogAuthenticationError,
    ModeAuthenticationError,
    ModeCatalogError,
)
from mode_catalog_provider.text import visible

#: Whoever wants to see where an error came from sets this variable.
DEBUG = "MODE_CATALOG_DEBUG"

_FULL = ". The disk is full: make room where the files go and in the temporary folder, then try again."
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: ". A file may not grow so large here: look at `ulimit -f` and at the file system.",
    errno.EROFS: ". Nothing can be written there: name another folder.",
    errno.EACCES: ". Name another folder, or have its owner let you in.",
}

_HINTS: dict[type, str] = {
    ModeAuthenticationError: f" They come from {ENVIRONMENT['mode_token']} and {ENVIRONMENT['mode_secret']}, "
    "or from a flag and a file (see --help).",
    CatalogAuthenticationError: f" It comes from {ENVIRONMENT['catalog_token']}, or a file (see --help).",
}

#: Arguments of operators that are flags here, where a message begins with one.
_FLAGS = {
    "reports": "--report",
    "datasets": "--dataset",
    "collections": "--collection",
    "data_sources": "--data-source",
    "include_collections": "--include-collection",
    "exclude_collections": "--exclude-collection",
}
_ARGUMENT = re.compile(rf"({'|'.join(_FLAGS)}): ")


def sentence(error: BaseException) -> str:
    """Return what is told of an error, ours or not; never a stack."""
    said = str(error) or type(error).__name__
    if isinstance(error, ModeCatalogError):
        # A connection of Airflow, where one was checked, is named with its own cure.
        hint = "" if "connection '" in said else _HINTS.get(type(error), "")
        return _ARGUMENT.sub(lambda found: f"{_FLAGS[found[1]]}: ", said, count=1) + hint
    if isinstance(error, OSError):
        return f"{said}{_ADVICE.get(error.errno or 0, '')}"
    if of_a_store(error):
        return f"The object store did not do what was asked: {visible(said, 300)}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"An error that this program did not foresee, in {Path(frame.filename).name} line {frame.lineno}: "
        f"{type(error).__name__}, {visible(said, 300)}. Please report it, with what {DEBUG}=1 prints."
    )
