"""What an audit is asked to look for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.text import visible

#: What nobody edited, ran or viewed for so long is stale.
DEFAULT_STALE_AFTER = timedelta(days=365)

#: The collection of a pattern that holds everywhere.
EVERYWHERE = "*"


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """What an audit is asked to look for.

    :param only: names of the checks to make (see :data:`~mode_catalog_provider.audit.finding.CHECKS`);
        default: all.
    :param ignore: what was looked at and is fine: tokens, names or globs of objects, or ``check:token`` for
        one finding.
    :param stale_after: for how long nobody used a stale report, default 365 days, up to the snapshot.
    :param name_pattern: regular expressions that the names of reports must match, by collection (name, token
        or glob); see :func:`read_patterns`. Default: none.
    :param version_pattern: the same for how a version is written in a name.
    :param canonical: collections (names, tokens or globs) whose reports are the originals. Default: none.
    """

    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    stale_after: timedelta = DEFAULT_STALE_AFTER
    name_pattern: Mapping[str, str] = field(default_factory=dict)
    version_pattern: Mapping[str, str] = field(default_factory=dict)
    canonical: tuple[str, ...] = ()


def read_patterns(setting: str, value: Mapping[str, Any] | str | None) -> dict[str, str]:
    """Return regular expressions by collection.

    :param setting: its name, for messages.
    :param value: one expression for all collections, or a mapping (also as the text of a JSON object) from
        names, tokens or globs of collections to expressions; the first that fits a collection holds.
    :raises ConfigurationError: it is neither, or one is no regular expression.
    """
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        value = _mapping(value) or {EVERYWHERE: value}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{setting}={visible(repr(value))} is neither a regular expression nor a mapping of them by "
            "collection."
        )
    patterns = {str(collection): pattern for collection, pattern in value.items() if pattern}
    for pattern in patterns.values():
        try:
            re.compile(pattern)
        except (re.error, TypeError, RecursionError, OverflowError) as error:
            raise ConfigurationError(
                f"{setting}: {visible(pattern)!r} is not a regular expression ({visible(error)})."
            ) from error
    return patterns


def pattern_for(patterns: Mapping[str, str], *names: str | None) -> str | None:
    """Return the expression that holds in a collection of these names, ``None`` where none does."""
    for collection, pattern in patterns.items():
        if collection == EVERYWHERE or fits(names, (collection,)):
            return pattern
    return None


def fits(names: Iterable[str | None], patterns: Iterable[str]) -> bool:
    """Whether one of the names is, or as a glob matches, one of the patterns; case counts for nothing."""
    known = [name.casefold() for name in names if name]
    return any(
        name == pattern.casefold() or fnmatchcase(name, pattern.casefold())
        for pattern in patterns
        for name in known
    )


def _mapping(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
