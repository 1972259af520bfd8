"""Mode definitions in the queries of an extraction: asked for once, put in the place of their names."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mode_catalog_provider.errors import ForbiddenError, NotFoundError
from mode_catalog_provider.extract.rows import Wire
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.pages import embedded_rows
from mode_catalog_provider.sql.definitions import REASONS, Definition, Definitions, Unresolved
from mode_catalog_provider.text import first_of, visible

log = logging.getLogger(__name__)

#: References that stay as they are and are told in a manifest; of more there is the number.
_TOLD = 100


class QueriesAsWritten:
    """Stands for the definitions where queries are kept as they were written."""

    #: Goes into the mark of a report: what was read with other definitions is read again.
    fingerprint = ""

    def put_into(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a query's row as it is."""
        return row

    def to_json(self) -> dict[str, Any]:
        """Return nothing, for nothing is to be told."""
        return {}

    def tell(self) -> None:
        """Say nothing."""


class DefinitionsInQueries:
    """The definitions of a workspace, put into its queries one after the other.

    :param definitions: all that the key may see.
    :param refused: what Mode answered instead, ``None`` when it listed them.
    """

    def __init__(self, definitions: Definitions, *, refused: str | None = None) -> None:
        self._definitions = definitions
        self._refused = refused
        self._queries = 0
        self._used: Counter[str] = Counter()
        self._unresolved: Counter[Unresolved] = Counter()
        self.fingerprint = _fingerprint(definitions)

    def put_into(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a query's row with the SQL of the definitions that it takes in."""
        text = row["raw_query"]
        if not isinstance(text, str) or "{{" not in text:
            return row
        expanded = self._definitions.expand(text, data_source=row["data_source_id"])
        self._unresolved.update(expanded.unresolved)
        if not expanded.used:
            return row
        self._queries += 1
        self._used.update(expanded.used)
        return {**row, "raw_query": expanded.text}

    def to_json(self) -> dict[str, Any]:
        """Return what is told of it in the manifest's figures.

        :return: ``{"definitions": {"listed", "used", "queries", "unresolved": [{"name", "reason",
            "queries"}], "refused"}}``; ``queries`` counts those that were changed.
        """
        return {
            "definitions": {
                "listed": len(self._definitions),
                "used": len(self._used),
                "queries": self._queries,
                "unresolved": [
                    {"name": one.name, "reason": one.reason, "queries": count}
                    for one, count in self._unresolved.most_common(_TOLD)
                ],
                "refused": self._refused,
            }
        }

    def tell(self) -> None:
        """Log how many queries were changed, and which references stay as they are."""
        log.info(
            "Definitions: %d are listed, %d of them were put into %d queries",
            len(self._definitions),
            len(self._used),
            self._queries,
        )
        for reason, why in REASONS.items():
            names = sorted({one.name for one in self._unresolved if one.reason == reason})
            if names:
                log.warning("These stay as they are in queries, for %s: %s", why, first_of(names))


def read_definitions(client: ModeClient) -> DefinitionsInQueries:
    """Ask Mode for the definitions of the workspace, with one request.

    A listing that Mode refuses is no reason to have no snapshot: queries then stay as they were written.

    :raises ModeCatalogError: anything but a refusal.
    """
    try:
        answer = client.get("definitions")
    except (ForbiddenError, NotFoundError) as error:
        log.warning(
            "Mode refuses the list of definitions, so queries stay as they were written. %s",
            visible(error, 300),
        )
        return DefinitionsInQueries(Definitions(()), refused="gone" if error.status == 404 else "forbidden")
    return DefinitionsInQueries(Definitions(_definitions(answer)))


def _definitions(answer: Wire) -> Iterator[Definition]:
    for resource in embedded_rows(answer, "definitions", what="the list of definitions"):
        name, source = resource.get("name"), resource.get("source")
        if not isinstance(name, str) or not name:
            continue
        source_id = resource.get("data_source_id")
        yield Definition(
            token=str(resource.get("token") or f"{name} of {source_id}"),
            name=name,
            source=source if isinstance(source, str) else "",
            data_source="" if source_id is None else str(source_id),
        )


def _fingerprint(definitions: Definitions) -> str:
    parts = sorted([one.name, one.source, one.data_source, one.token] for one in definitions)
    return hashlib.blake2b(json.dumps(parts).encode("ascii"), digest_size=8).hexdigest()
