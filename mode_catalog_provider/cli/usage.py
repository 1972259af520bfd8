"""What a command cannot start without: arguments that are missing, and secrets from where they are kept."""

from __future__ import annotations

import logging
from pathlib import Path

from mode_catalog_provider.errors import ConfigurationError

log = logging.getLogger(__name__)


class UsageError(Exception):
    """The command line lacks something; the message says what."""


def read_secret(value: str | None, file: str | None, *, variable: str, warn: bool) -> str:
    """Return a secret.

    :param value: what was typed or found in the environment.
    :param file: path of a file that holds it; wins over ``value``.
    :param variable: the environment variable that can hold it, for messages.
    :param warn: whether ``value`` was typed, which shows in process lists.
    :raises UsageError: there is none.
    :raises ConfigurationError: the file cannot be read, or is empty.
    """
    if file:
        try:
            value = Path(file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"Cannot read the secret file {file}: {type(error).__name__}."
            ) from error
        if not value:
            raise ConfigurationError(f"The secret file {file} is empty.")
        return value
    if not value:
        raise UsageError(f"The secret is missing; set {variable}, or name a file that holds it.")
    if warn:
        log.warning("A secret on the command line shows in process lists; set %s or use a file.", variable)
    return value
