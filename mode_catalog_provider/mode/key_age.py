"""How long the API key in use will still be accepted, as far as Mode tells or it can be worked out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.errors import ServiceError
from mode_catalog_provider.moments import parsed

if TYPE_CHECKING:
    from mode_catalog_provider.mode.client import ModeClient

_EXPIRES = ("expires_at", "expiration_date", "expires_on")
_CREATED = ("created_at",)


@dataclass(frozen=True, kw_only=True)
class KeyAge:
    """The life of one API key.

    :param age: time since it was made, or at least since it was first seen here.
    :param left: time until it is refused, ``None`` when its lifetime is not known.
    :param is_told: whether Mode itself told the dates; otherwise ``left`` may be shorter than said.
    """

    age: timedelta
    left: timedelta | None
    is_told: bool

    def describe(self) -> str:
        """Return the age and what is left as part of a sentence."""
        seen = "was made" if self.is_told else "was first seen here"
        ago = (
            f"{self.age.days} days ago" if self.age.days > 1 else ("yesterday" if self.age.days else "today")
        )
        if self.left is None:
            return f"{seen} {ago}"
        if self.left <= timedelta(0):
            return f"{seen} {ago} and may be refused any moment"
        return f"{seen} {ago} and expires in {'' if self.is_told else 'at most '}" + (
            f"{self.left.days} days" if self.left >= timedelta(days=1) else "less than a day"
        )


def key_record(client: ModeClient, verified: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what Mode tells of the key in use, as far as the key may read its own record.

    :param client: a client whose ``verify()`` answered.
    :param verified: that answer. Its self link leads to the key's record; with older keys to the workspace.
    """
    links = verified.get("_links")
    link = links.get("self") if isinstance(links, Mapping) else None
    path = link.get("href") if isinstance(link, Mapping) else None
    if not isinstance(path, str) or not path.startswith("/api/") or "/api_keys/" not in path:
        return verified
    try:
        return {**verified, **client.get(path)}
    except ServiceError:
        return verified  # a nicety, and not documented: nothing may depend on it


def key_age(
    record: Mapping[str, Any], *, first_seen: datetime, lifetime: timedelta | None, now: datetime
) -> KeyAge:
    """Work out the age of a key.

    :param record: what :func:`key_record` returned.
    :param first_seen: when this key was first used here.
    :param lifetime: how long keys are accepted where Mode does not say; ``None`` = unknown.
    :param now: the current time.
    """
    created, expires = _moment(record, _CREATED), _moment(record, _EXPIRES)
    since = created or first_seen
    until = expires or (_later(since, lifetime) if lifetime else None)
    return KeyAge(
        age=max(now - since, timedelta(0)),
        left=until - now if until else None,
        is_told=expires is not None or created is not None,
    )


def _later(since: datetime, lifetime: timedelta) -> datetime:
    try:
        return since + lifetime
    except OverflowError:
        return datetime.max.replace(tzinfo=since.tzinfo)


def _moment(record: Mapping[str, Any], names: tuple[str, ...]) -> datetime | None:
    for name in names:
        if (moment := parsed(record.get(name))) is not None:
            return moment
    return None
