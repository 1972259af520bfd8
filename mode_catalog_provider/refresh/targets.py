"""Which reports and datasets a refresh is about: by token, name, collection or connection, and why."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from mode_catalog_provider.errors import (
    ConfigurationError,
    NotFoundError,
    RequestRefusedError,
)
from mode_catalog_provider.mode.collection_filter import folded, name_matches
from mode_catalog_provider.mode.hosts import path_part
from mode_catalog_provider.mode.pages import embedded_rows
from mode_catalog_provider.moments import parsed, spoken
from mode_catalog_provider.refresh.runs import RunTarget, is_token
from mode_catalog_provider.text import first_of, visible

if TYPE_CHECKING:
    from mode_catalog_provider.mode.client import ModeClient

log = logging.getLogger(__name__)

Row = Mapping[str, Any]
Kind = Literal["report", "dataset"]

# Mode's tokens; anything else that a user gives is a name.
_TOKEN = re.compile(r"[0-9a-f]{12}")
# One row per report *and query* there: a report of 160 queries fills six identical pages.
_REPEATS_BY_CONNECTION = 6


@dataclass(frozen=True)
class Selection:
    """What a user asks to refresh.

    :param reports: tokens or names of reports.
    :param datasets: tokens or names of datasets.
    :param collections: tokens, names or globs of collections, for their reports and datasets.
    :param data_sources: tokens, names or globs of Mode's connections, for the reports and datasets on them.
    :param stale_since: only those whose last good run is older; ``None``: all.
    :param include_archived: archived ones as well. What is given by its token is meant in any case.
    """

    reports: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    data_sources: tuple[str, ...] = ()
    stale_since: datetime | None = None
    include_archived: bool = False

    @property
    def empty(self) -> bool:
        """Nothing was asked for."""
        return not (self.reports or self.datasets or self.collections or self.data_sources)


@dataclass(frozen=True)
class Choice:
    """One report or dataset that was found, and what is to happen to it.

    :param target: what it is.
    :param name: its name, ``None`` when it has none or was not looked up.
    :param run: whether it is to be run.
    :param why: why it was chosen, and why it is run or not.
    """

    target: RunTarget
    name: str | None
    run: bool
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return it for XCom and for the command line."""
        return {"target": self.target.path, "name": self.name, "run": self.run, "why": self.why}

    def __str__(self) -> str:
        named = f" '{visible(self.name)}'" if self.name else ""
        return f"{'run' if self.run else 'skip'} {self.target}{named}: {self.why}"


def find_targets(client: ModeClient, selection: Selection, *, begun: Collection[str] = ()) -> list[Choice]:
    """Look up what a selection means, each target once, datasets first: reports read what they leave.

    Tokens alone cost no request; ``stale_since`` costs one for each. A name is looked for in all collections
    but personal ones.

    :param begun: paths of targets that an earlier try has begun to run: they are run in any case, whatever
        has become of them since.
    :raises ConfigurationError: a name or pattern matches nothing, or a name several.
    :raises RequestRefusedError: a collection that was named may not be read.
    """
    search = _Search(client, selection, begun)
    search.named("dataset", selection.datasets)
    search.named("report", selection.reports)
    search.in_collections()
    search.on_data_sources()
    search.begun_earlier()
    return sorted(search.found.values(), key=lambda choice: choice.target.kind != "dataset")


def find_data_sources(client: ModeClient, patterns: Iterable[str]) -> list[Row]:
    """Return Mode's connections that match.

    :param patterns: tokens, names or globs.
    :raises ConfigurationError: one matches nothing.
    """
    body = client.get("data_sources")
    rows = [
        {**row, "name": row.get("name") or row.get("display_name") or row["token"]}
        for row in _known(
            embedded_rows(body, "data_sources", what="data_sources", required="data_sources"), "data_sources"
        )
    ]
    found: dict[str, Row] = {}
    for pattern in patterns:
        matching = [
            row
            for row in rows
            if pattern == row.get("token")
            or any(row.get(key) and name_matches(pattern, row[key]) for key in ("name", "display_name"))
        ]
        if not matching:
            raise _nothing("data_sources", "connection", pattern, rows)
        found |= {row["token"]: row for row in matching}
    return list(found.values())


class _Search:
    def __init__(self, client: ModeClient, selection: Selection, begun: Collection[str]) -> None:
        self.found: dict[str, Choice] = {}
        self._client = client
        self._selection = selection
        self._begun = begun
        self._listings: dict[tuple[str, Kind], list[Row]] = {}

    def named(self, kind: Kind, words: Iterable[str]) -> None:
        for word in words:
            if _TOKEN.fullmatch(word):
                row = self._row(word)
                self._add(_kind(row, otherwise=kind), row, "given by its token", archived=True)
            else:
                self._add(kind, self._by_name(kind, word), "given by its name")

    def in_collections(self) -> None:
        for pattern in self._selection.collections:
            matching = [
                space
                for space in self._spaces
                if pattern == space["token"]
                or (not _personal(space) and name_matches(pattern, space.get("name")))
            ]
            if not matching:
                raise _nothing("collections", "collection", pattern, self._spaces)
            refused = [refusal for space in matching if (refusal := self._add_collection(space))]
            if len(refused) == len(matching):
                raise refused[0]

    def on_data_sources(self) -> None:
        if not self._selection.data_sources:
            return
        for source in find_data_sources(self._client, self._selection.data_sources):
            path, why = (
                f"data_sources/{path_part(source['token'])}",
                f"on connection '{visible(source['name'])}'",
            )
            for row in self._optional(f"{path}/datasets"):
                self._add("dataset", row, why)
            for page in self._client.pages(f"{path}/reports", "reports", repeats=_REPEATS_BY_CONNECTION):
                for row in _known(page, f"{path}/reports"):
                    self._add(_kind(row), row, why)

    def begun_earlier(self) -> None:
        """Runs of an earlier try are ours to watch and to cancel, even if nothing leads to them any more."""
        for path in self._begun:
            kind, _, token = path.partition("/")
            target = RunTarget("dataset" if kind == "datasets" else "report", token)
            self.found.setdefault(token, Choice(target, None, True, "begun by an earlier try"))

    def _add_collection(self, space: Row) -> RequestRefusedError | None:
        why = f"in collection '{visible(space.get('name'))}'"
        try:
            for kind in ("dataset", "report"):
                for row in self._listed(space, kind):
                    self._add(kind if kind == "dataset" else _kind(row), row, why)
        except RequestRefusedError as refusal:
            log.warning("Nothing is refreshed %s: %s", why, refusal)
            return refusal
        return None

    def _add(self, kind: Kind, row: Row, why: str, *, archived: bool = False) -> None:
        target = RunTarget(kind, str(row["token"]))
        known = self.found.get(target.token)
        if known is not None:
            # Mode runs a dataset by the route of a report as well; by its own it comes before the reports.
            if kind == "dataset" and known.target.kind == "report":
                self.found[target.token] = replace(known, target=target)
            return
        run, reason = True, ""
        if target.path in self._begun:
            pass
        elif row.get("archived") and not archived and not self._selection.include_archived:
            run, reason = False, "; it is archived"
        elif self._selection.stale_since is not None:
            run, reason = _judge(row, self._selection.stale_since)
        self.found[target.token] = Choice(target, row.get("name"), run, why + reason)

    def _row(self, token: str) -> Row:
        if self._selection.stale_since is None:
            return {"token": token}
        try:
            # Answers for datasets as well.
            return self._client.get(f"reports/{token}") | {"token": token}
        except RequestRefusedError:
            # Its run will be refused too, and be told of with the others.
            return {"token": token}

    def _by_name(self, kind: Kind, name: str) -> Row:
        matching = {row["token"]: row for row in self._everywhere(kind) if _same(row.get("name"), name)}
        if not self._selection.include_archived:
            matching = {token: row for token, row in matching.items() if not row.get("archived")}
        if not matching:
            raise ConfigurationError(
                f"No {kind} that this API token can see is named {name!r} (archived ones and personal "
                f"collections aside). Correct the name, or give the {kind}'s token: the last part of its "
                "address."
            )
        if len(matching) > 1:
            raise ConfigurationError(
                f"{len(matching)} {kind}s are named {name!r}: {', '.join(sorted(matching))}. Give the token "
                "of the one that is meant."
            )
        return next(iter(matching.values()))

    def _everywhere(self, kind: Kind) -> Iterator[Row]:
        for space in self._spaces:
            if _personal(space):
                continue
            try:
                yield from (
                    row for row in self._listed(space, kind) if kind == "dataset" or _kind(row) == kind
                )
            except RequestRefusedError as refusal:
                log.warning(
                    "Names in collection '%s' cannot be seen: %s", visible(space.get("name")), refusal
                )

    @cached_property
    def _spaces(self) -> list[Row]:
        return self._rows("spaces", "spaces", params={"filter": "all"})

    def _listed(self, space: Row, kind: Kind) -> list[Row]:
        key = (str(space["token"]), kind)
        if key not in self._listings:
            path = f"spaces/{path_part(key[0])}/{kind}s"
            if kind == "dataset":
                self._listings[key] = self._optional(path)
            else:
                self._listings[key] = self._rows(path, "reports")
        return self._listings[key]

    def _optional(self, path: str) -> list[Row]:
        """A listing of datasets, which not every workspace has. They, too, come under the key "reports"."""
        try:
            return self._rows(path, "reports")
        except NotFoundError:
            return []

    def _rows(self, path: str, key: str, **options: Any) -> list[Row]:
        return [row for page in self._client.pages(path, key, **options) for row in _known(page, path)]


def _known(rows: Iterable[Row], path: str) -> Iterator[Row]:
    """Yield the rows of a listing that can be asked for, and tell of the others."""
    for row in rows:
        if is_token(row.get("token")):
            yield row
        else:
            log.warning("A row of Mode's listing %s without a token is passed over.", path)


def _judge(row: Row, since: datetime) -> tuple[bool, str]:
    ended, begun = parsed(row.get("last_successfully_run_at")), parsed(row.get("last_run_at"))
    if ended is None:
        return True, "; no good run of it is known"
    told = f"its last good run ended {spoken(ended)}"
    if ended < since:
        return True, f"; {told}, before {spoken(since)}"
    if begun is not None and begun < since:
        # It read some of its tables before that moment.
        return True, f"; {told}, but began before {spoken(since)}"
    return False, f"; {told}, after {spoken(since)}"


def _nothing(argument: str, what: str, pattern: str, rows: Iterable[Row]) -> ConfigurationError:
    names = sorted(str(row["name"]) for row in rows if row.get("name") and not _personal(row))
    quoted = [f"'{visible(name)}'" for name in names]
    return ConfigurationError(
        f"{argument}: the name or token of no {what} that this API token can see matches {pattern!r}. "
        f"There are, for example: {first_of(quoted, 8) or 'none'}."
    )


def _personal(space: Row) -> bool:
    return space.get("space_type") == "private"


def _kind(row: Row, *, otherwise: Kind = "report") -> Kind:
    return "dataset" if row.get("type") == "DatasetReport" else otherwise


def _same(name: Any, wanted: str) -> bool:
    return isinstance(name, str) and folded(name) == folded(wanted)
