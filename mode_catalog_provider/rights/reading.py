"""Read who may see what: members, groups, collections, connections, and the rights on each.

How a permission looks on the wire is told by no source, so every form that was seen or documented anywhere is
accepted, and a part that cannot be read (a plan without groups, a key without the right) is told, not fatal.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from mode_catalog_provider.errors import (
    ConfigurationError,
    ForbiddenError,
    MalformedResponseError,
    NotFoundError,
    RequestRefusedError,
)
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.pages import count_of
from mode_catalog_provider.rights.store import RightsStore
from mode_catalog_provider.text import visible
from mode_catalog_provider.web_address import path_part

log = logging.getLogger(__name__)

_ROUTES = {"collection": "spaces", "datasource": "data_sources"}

#: Requests in flight; the throttle of the client decides how many go out.
_IN_FLIGHT = 8

#: No listing of these was seen to cut off at fewer rows.
_SHORTEST_PAGE = 20

#: Characters of a token; digits of another length are an id.
_TOKEN_LENGTH = 12

#: A listing of more pages than this does not end.
_MOST_PAGES = 2_000

_REFUSED = (ForbiddenError, NotFoundError, RequestRefusedError)


@dataclass(frozen=True, kw_only=True)
class NotRead:
    """A part of the rights that this key, or this plan, does not open.

    :param part: ``members``, ``groups``, ``group``, ``collection`` or ``datasource``.
    :param token: of the group or object; ``None`` for the whole part.
    :param name: its name.
    :param status: HTTP status.
    :param detail: the sentence.
    """

    part: str
    token: str | None
    name: str | None
    status: int | None
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {
            "part": self.part,
            "token": self.token,
            "name": self.name and visible(self.name),
            "status": self.status,
            "detail": self.detail,
        }


class RightsReading:
    """One reading of all rights.

    :param client: asks Mode; should have verified its key.
    :param store: gets what was read.
    :param progress: told of each object read, with how many there are.
    """

    def __init__(
        self,
        client: ModeClient,
        store: RightsStore,
        *,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> None:
        self._client = client
        self._store = store
        self._progress = progress
        #: Tokens of groups, by token and by id.
        self._teams: dict[str, str] = {}
        #: What could not be read.
        self.not_read: list[NotRead] = []

    def read(self) -> None:
        """Read everything.

        :raises ModeCatalogError: anything but a refusal of one part.
        :raises ConfigurationError: no part at all could be read.
        """
        self._members()
        members_known = not self.not_read
        groups = list(self._groups())
        objects = [*self._data_sources(), *self._collections()]
        log.info(
            "Reading the rights of %d groups, %d collections and connections: about %d requests.",
            len(groups),
            len(objects),
            len(groups) + len(objects),
        )
        if not objects:
            raise ConfigurationError(
                "This key sees neither a collection nor a connection, so there is nothing to look at. Use a "
                "workspace key, or give the key's owner View on them."
            )
        calls = [
            *((f"groups/{path_part(token)}/memberships", "group", token, name) for token, name in groups),
            *(
                (
                    f"{_ROUTES[asset]}/{path_part(token)}/permissions",
                    asset,
                    token,
                    name,
                )
                for token, asset, name in objects
            ),
        ]
        with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="rights") as threads:
            try:
                for done, (call, rows) in enumerate(
                    zip(calls, threads.map(self._rows_or_refusal, calls), strict=True), 1
                ):
                    self._take(call, rows)
                    self._progress(done, len(calls))
            except BaseException:
                self._client.cancel()
                raise
        self._store.settle(members_known=members_known)

    def _members(self) -> None:
        """Read both listings where both answer: one has SCIM, the other names and e-mail addresses."""
        refusals = []
        listed = False
        for path in ("memberships", "memberships/lite"):
            try:
                for row in self._rows(path, "memberships"):
                    if token := _text(row.get("member_token")):
                        listed = True
                        self._store.add_member(
                            token,
                            username=_text(row.get("username") or row.get("member_username")),
                            name=_text(row.get("name")),
                            email=_text(row.get("email") or row.get("member_email")),
                            state=_text(row.get("state")),
                            admin=_flag(row.get("admin")),
                            scim=_flag(row.get("managed_by_scim")),
                        )
            except _REFUSED as error:
                refusals.append(error)
        if len(refusals) == 2:
            self._refused("members", None, None, refusals[-1])
        elif not listed:
            # Whose key this is, is one.
            why = "Mode lists no member of the workspace, which cannot be all there is."
            self.not_read.append(NotRead(part="members", token=None, name=None, status=None, detail=why))

    def _groups(self) -> Iterator[tuple[str, str | None]]:
        try:
            rows = [row for page in self._client.pages("groups", "groups") for row in page]
        except _REFUSED as error:
            self._refused("groups", None, None, error)
            return
        for row in rows:
            if token := _text(row.get("token")):
                name = _text(row.get("name"))
                self._store.add_team(token, name=name, state=_text(row.get("state")))
                self._teams |= {token: token} | ({number: token} if (number := _text(row.get("id"))) else {})
                yield token, name

    def _data_sources(self) -> Iterator[tuple[str, str, str | None]]:
        try:
            rows = list(self._rows("data_sources", "data_sources"))
        except _REFUSED as error:
            self._refused("datasource", None, None, error)
            return
        yield from self._objects("datasource", rows)

    def _collections(self) -> Iterator[tuple[str, str, str | None]]:
        rows = (
            row
            for page in self._client.pages("spaces", "spaces", params={"filter": "all"})
            for row in page
            if (_text(row.get("space_type")) or "").lower() not in ("private", "personal")
        )
        yield from self._objects("collection", rows)

    def _objects(
        self, asset: str, rows: Iterable[Mapping[str, Any]]
    ) -> Iterator[tuple[str, str, str | None]]:
        for row in rows:
            if not (token := _text(row.get("token"))):
                continue
            name = _text(row.get("display_name")) or _text(row.get("name"))
            level = "restricted" if row.get("restricted") is True else _text(row.get("default_access_level"))
            self._store.add_object(
                token,
                asset=asset,
                name=name,
                default_level=level and level.lower(),
                creator=_linked(row, "creator"),
            )
            yield token, asset, name

    def _take(self, call: tuple[str, str, str, str | None], rows: list[dict[str, Any]] | Exception) -> None:
        _, part, token, name = call
        if isinstance(rows, Exception):
            self._refused(part, token, name, rows)
            return
        odd = 0
        for row in rows:
            holder = self._known(_member(row) if part == "group" else _holder(row))
            if holder is None:
                odd += 1
            elif part == "group":
                self._store.add_membership(token, holder[1])
            else:
                self._store.add_entry(on=token, kind=holder[0], holder=holder[1], level=_level(row))
        if odd:
            # Whom they name is not known, so nothing can be concluded from who else is named.
            what = f"{'group' if part == 'group' else 'rights on'} '{visible(name or token)}'"
            why = f"{odd} of {len(rows)} entries of {what} do not say whom they are about."
            self.not_read.append(NotRead(part=part, token=token, name=name, status=None, detail=why))
            return
        self._store.mark_read("team" if part == "group" else "object", token)

    def _known(self, holder: tuple[str, str] | None) -> tuple[str, str] | None:
        """Give a holder by its token; ``None`` for an id that no listing tells."""
        if holder is None:
            return None
        kind, name = holder
        found = self._teams.get(name) if kind == "team" else self._store.member_token(name)
        if found is None and name.isdecimal() and len(name) != _TOKEN_LENGTH:
            return None
        return kind, found or name

    def _rows_or_refusal(self, call: tuple[str, str, str, str | None]) -> list[dict[str, Any]] | Exception:
        try:
            return list(self._rows(call[0]))
        except _REFUSED as error:
            return error

    def _rows(self, path: str, key: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield each row of a listing once, whatever its key is called and whether or not it is paged."""
        seen: set[str] = set()
        for number in range(1, _MOST_PAGES + 1):
            body = self._client.get(path, params={"page": number})
            rows = _listed(body, key, path)
            marks = {json.dumps(row, sort_keys=True): row for row in rows}
            new = {mark: row for mark, row in marks.items() if mark not in seen}
            seen |= new.keys()
            yield from new.values()
            block = body.get("pagination")
            pages = count_of(block.get("total_pages")) if isinstance(block, Mapping) else None
            if (
                not new
                or (pages is not None and number >= pages)
                or (pages is None and len(rows) < _SHORTEST_PAGE)
            ):
                return
        raise MalformedResponseError(f"Mode's listing {path} does not end after {_MOST_PAGES} pages.")

    def _refused(self, part: str, token: str | None, name: str | None, error: Exception) -> None:
        self.not_read.append(
            NotRead(
                part=part, token=token, name=name, status=getattr(error, "status", None), detail=str(error)
            )
        )


def _listed(body: Mapping[str, Any], key: str | None, path: str) -> list[dict[str, Any]]:
    embedded = body.get("_embedded")
    if not isinstance(embedded, Mapping):
        if embedded is None and "_links" in body:
            return []
        raise MalformedResponseError(f"Mode answered {path} with JSON that is not a listing.")
    rows = embedded.get(key) if key in embedded else next(filter(_is_list, embedded.values()), None)
    if rows is None and not any(embedded.values()):
        return []
    if not isinstance(rows, list):
        raise MalformedResponseError(f"Mode answered {path} with JSON in which there is no list.")
    return [row for row in rows if isinstance(row, dict)]


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _holder(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return who has a right: ``member`` or ``team``, and its token or username."""
    for name in ("accessor", "grantee", "subject", "holder"):
        if isinstance(inner := row.get(name), Mapping):
            row = {**{f"{name}_{key}": value for key, value in inner.items()}, **row}
        kind = _text(row.get(f"{name}_type"))
        token = next(
            (found for end in ("token", "username", "id") if (found := _text(row.get(f"{name}_{end}")))), None
        )
        if kind and token:
            return ("team" if "group" in kind.lower() else "member"), token
    for name in ("accessor", "grantee", "user_group", "group", "account", "member", "user"):
        if (last := _linked(row, name)) is not None:
            href = row["_links"][name]["href"]
            return ("team" if "/groups/" in href or "group" in name else "member"), last
        if isinstance(inner := row.get(name), Mapping):
            kind = f"{name} {_text(inner.get('type')) or ''}".lower()
            if found := _text(inner.get("token")) or _text(inner.get("username")):
                return ("team" if "group" in kind else "member"), found
    if group := _text(row.get("user_group_token") or row.get("group_token")):
        return "team", group
    if member := _text(row.get("member_token") or row.get("account_token") or row.get("member_username")):
        return "member", member
    return None


def _member(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the member of a group, in the form of :func:`_holder`."""
    inner = row.get("member")
    for found in (
        _text(row.get("member_token")),
        _text(inner.get("token")) if isinstance(inner, Mapping) else None,
        _linked(row, "member"),
        _text(row.get("member_username") or row.get("username")),
    ):
        if found:
            return "member", found
    return None


def _level(row: Mapping[str, Any]) -> str:
    for name in ("access_level", "level", "action", "permission", "permission_level", "role"):
        if found := _text(row.get(name)):
            return found.lower()
    return "view"


def _linked(row: Mapping[str, Any], name: str) -> str | None:
    links = row.get("_links")
    link = links.get(name) if isinstance(links, Mapping) else None
    href = _text(link.get("href")) if isinstance(link, Mapping) else None
    return unquote(href.partition("?")[0].rstrip("/").rpartition("/")[2]) or None if href else None


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    if not isinstance(value, str | int):
        return None
    # JSON may carry half of a surrogate pair, SQLite may not.
    return str(value).encode("utf-8", "replace").decode("utf-8").strip() or None


def _flag(value: Any) -> int | None:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower())
    return int(value) if value in (0, 1) and isinstance(value, int) else None
