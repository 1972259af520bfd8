"""What Mode sends, turned into the rows Catalog expects.

Values are kept as JSON gave them (ids are numbers or strings, by date and resource); only keys that Mode does
not have, or spells as a link, are made here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from mode_catalog_provider.contract import contract_row

Wire = Mapping[str, Any]

_ENCLOSING_REPORT = re.compile(r"/(?:reports|datasets)/([^/]+)")
_COLLECTION = re.compile(r"/(?:spaces|collections)/([^/]+)/?$")


def linked_path(resource: Wire, rel: str) -> str | None:
    """Return the path of a link, without host, query and fragment; ``None`` when the link is missing.

    :param resource: an object as Mode sent it.
    :param rel: name of the link under ``_links``.
    """
    links = resource.get("_links")
    link = links.get(rel) if isinstance(links, dict) else None
    href = link.get("href") if isinstance(link, dict) else None
    try:
        return urlsplit(href).path if isinstance(href, str) else None
    except ValueError:
        return None


def creator_of(resource: Wire) -> str | None:
    """Return the username in the creator link: there is no creator field, and not every row has the link."""
    path = linked_path(resource, "creator")
    return unquote(path.removeprefix("/api").strip("/")) or None if path else None


def report_of(query: Wire) -> str | None:
    """Return the token of the report a query says it belongs to, ``None`` when it does not say.

    Mode does not check the report in a query's route: asked for a query under the wrong report, it answers
    200 with the other report's query, and only the links tell.
    """
    for rel in ("self", "report"):
        match = _ENCLOSING_REPORT.search(linked_path(query, rel) or "")
        if match:
            return unquote(match[1])
    return None


def collection_of(report: Wire) -> str | None:
    """Return the token of the collection that a report or dataset says it is in, ``None`` if it does not."""
    for name in ("space_token", "collection_token"):
        if isinstance(token := report.get(name), str) and token:
            return token
    match = _COLLECTION.search(linked_path(report, "space") or "")
    return unquote(match[1]) if match else None


def datasource_row(resource: Wire) -> dict[str, Any]:
    """Return the contract's row of a data source."""
    return contract_row("datasource", resource)


def collection_row(resource: Wire) -> dict[str, Any]:
    """Return the contract's row of a collection."""
    return {**contract_row("collection", resource), "creator": creator_of(resource)}


def report_row(resource: Wire, *, collection_token: str) -> dict[str, Any]:
    """Return the contract's row of a report or dataset.

    :param resource: the report as listed.
    :param collection_token: the collection it was listed under, for rows that do not name theirs.
    """
    row = {**contract_row("report", resource), "creator": creator_of(resource)}
    if row["space_token"] is None:
        row["space_token"] = collection_token
    return row


def query_row(resource: Wire, *, report_token: str) -> dict[str, Any]:
    """Return the contract's row of a query.

    :param resource: the query as listed; Mode does not put the report into it.
    :param report_token: the report it was listed under.
    """
    return {**contract_row("query", resource), "report_token": report_token}


def member_row(membership: Wire) -> dict[str, Any]:
    """Return the contract's row of a member as far as a list of members goes: without id and creation time.

    :param membership: a row of ``/memberships``, of ``/memberships/lite`` or of the batch listing, which name
        the person differently.
    """
    username = membership.get("username")
    return contract_row(
        "member",
        {
            "token": membership.get("member_token"),
            "username": membership.get("member_username") if username is None else username,
            "name": membership.get("name"),
            "email": membership.get("email", membership.get("member_email")),
        },
    )


def completed_member(row: Mapping[str, Any], profile: Wire) -> dict[str, Any]:
    """Return a member's row with what only the person's user record has.

    :param row: what the list gave; stands where the user record says nothing.
    :param profile: the user record, whose values the vendor's tool writes.
    """
    said = {key: value for key, value in profile.items() if value is not None and value != ""}
    return contract_row("member", {**row, **said})


def token_of(resource: Wire) -> str | None:
    """Return the token by which a resource is known, and asked for; ``None`` when it has none.

    Two texts are none, whatever is encoded: as parts of a path they lead elsewhere.
    """
    token = resource.get("token")
    return token if isinstance(token, str) and token not in ("", ".", "..") else None
