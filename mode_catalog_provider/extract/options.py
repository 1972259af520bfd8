"""What a user may choose about an extraction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

from mode_catalog_provider.errors import ConfigurationError

Strategy = Literal["auto", "rest", "hybrid"]
Members = Literal["full", "lite"]
DefinitionChoice = Literal["keep", "expand"]

_MOST_IN_FLIGHT = 100


@dataclass(frozen=True, kw_only=True)
class ExtractionOptions:
    """What to extract, and by which route.

    :param strategy: ``"rest"``: everything from the REST API. ``"hybrid"``: queries from the Discovery API,
        1,000 a request, the rest from REST; it must be open to the API token (an admin's, on a plan that has
        it). ``"auto"`` (default): hybrid where it is open, else rest; with ``incremental`` the Discovery API
        also tells what changed. All give the same rows, but for a report whose queries REST refuses
        to the very key that Discovery shows them to: hybrid has it, rest leaves it out.
    :param incremental: whether queries and members' user records that have not changed since the last
        complete snapshot in the same place come from there, default ``False``. Mode says of a report when it
        was edited, saved and published, and how many queries it has; that decides. Of a member it says
        nothing, so a user record stands until the list shows another name or e-mail. With strategy ``"auto"``
        and an open Discovery API, collections and reports that its bulk listings show to be unchanged come
        from there as well; with another strategy all are listed by REST.
    :param full_refresh_after: how long ago something may have been read to come from a snapshot, default
        7 days.
    :param include_collections: collections to extract, as tokens, names or globs on names (``Finance*``;
        case does not matter); ``None`` or empty (default): all. A pattern that matches nothing is an error.
    :param exclude_collections: collections to leave out, written likewise; wins over ``include_collections``.
    :param include_personal: whether members' personal collections are extracted as well, default ``False``.
    :param include_archived: whether archived reports and their queries are extracted, default ``True``.
    :param include_datasets: whether datasets and their queries are extracted, as reports of type
        ``DatasetReport``, default ``True``; ``False`` saves the listings of datasets.
    :param members: ``"full"`` (default): one request per member for id and creation time; ``"lite"``: those
        two stay null, and the requests are saved.
    :param definitions: what becomes of Mode definitions in queries (``{{ @name as alias }}``). ``"keep"``
        (default): they stay as they were written. ``"expand"``: the definition's SQL takes the place of its
        name, as when Mode runs the query; costs one request.
    :param resume: whether what an extraction that died has read of its queries and profiles is taken, as far
        as it is at most a day old and unchanged, and whether this one keeps its own for the case that it
        dies, default ``True``.
    :param max_in_flight: most requests at the same time, 1 to 100, default 16. As many are made as the
        latency of answers asks for; the rate at which they are made is limited elsewhere.
    :raises ConfigurationError: a value is not one of these.
    """

    strategy: Strategy = "auto"
    incremental: bool = False
    full_refresh_after: timedelta = timedelta(days=7)
    include_collections: tuple[str, ...] | None = None
    exclude_collections: tuple[str, ...] | None = None
    include_personal: bool = False
    include_archived: bool = True
    include_datasets: bool = True
    members: Members = "full"
    definitions: DefinitionChoice = "keep"
    resume: bool = True
    max_in_flight: int = 16

    def __post_init__(self) -> None:
        _check_choice("strategy", self.strategy, get_args(Strategy))
        _check_choice("members", self.members, get_args(Members))
        _check_choice("definitions", self.definitions, get_args(DefinitionChoice))
        for name in ("incremental", "include_personal", "include_archived", "include_datasets", "resume"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be true or false, not {getattr(self, name)!r}.")
        for name in ("include_collections", "exclude_collections"):
            object.__setattr__(self, name, _patterns(name, getattr(self, name)))
        in_flight = self.max_in_flight
        if type(in_flight) is not int or not 1 <= in_flight <= _MOST_IN_FLIGHT:
            raise ConfigurationError(
                f"max_in_flight must be a whole number from 1 to {_MOST_IN_FLIGHT}, not {in_flight!r}."
            )
        age = self.full_refresh_after
        if not isinstance(age, timedelta) or age <= timedelta(0):
            raise ConfigurationError(f"full_refresh_after must be a length of time, not {age!r}.")

    def to_json(self) -> dict[str, Any]:
        """Return the options by name, as JSON values; a length of time is in seconds."""
        return {name: _json_value(value) for name, value in asdict(self).items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return list(value) if isinstance(value, tuple) else value


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigurationError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}.")


def _patterns(name: str, value: Iterable[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    patterns = () if isinstance(value, (str, bytes)) or not isinstance(value, Iterable) else tuple(value)
    if (value and not patterns) or not all(isinstance(pattern, str) for pattern in patterns):
        raise ConfigurationError(f"{name} must be a list of names, tokens or globs, not {value!r}.")
    # A form in Airflow's UI sends empty lines along.
    return tuple(pattern.strip() for pattern in patterns if pattern.strip()) or None
