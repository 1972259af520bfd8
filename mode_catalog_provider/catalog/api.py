"""Catalog's public GraphQL API, read only: which sources there are, and what arrived."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

from mode_catalog_provider.catalog.credential import CatalogCredential
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.operations import operation_of
from mode_catalog_provider.catalog.responses import raise_passing, raise_redirect, said
from mode_catalog_provider.catalog.sources import CatalogSource, ListedSources
from mode_catalog_provider.catalog.zones import resolve
from mode_catalog_provider.errors import (
    ConfigurationError,
    ForbiddenError,
    GraphQLError,
    MalformedResponseError,
    RequestRefusedError,
    ServiceUnavailableError,
    UnreachableError,
    WrongHostError,
)
from mode_catalog_provider.http.endpoint import place
from mode_catalog_provider.http.response import Answer, read_json
from mode_catalog_provider.http.retry import RARELY_PASSING, RetryPolicy
from mode_catalog_provider.http.session import HttpSession, base_url
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.http.stop import StopSignal
from mode_catalog_provider.text import visible

log = logging.getLogger(__name__)

# 500 is the most that is known to work; the others are for when Catalog answers that with nothing.
_PAGE_SIZES = (500, 100, 20)

# A tenant has a handful of sources; a walk this long is going in circles.
_MOST_PAGES = 200

_LONGEST_ANSWER = 32 * 1024 * 1024
_ENUM_VALUE = re.compile(r"[A-Z][A-Z0-9_]*")

# The pagination argument's type was renamed during 2026, so its object is written out here instead of being
# declared as a variable.
_SOURCES = """
query getSources($nbPerPage: Int!, $page: Int!) {
  getSources(scope: {%s}, pagination: {nbPerPage: $nbPerPage, page: $page}) {
    totalCount
    data { id name technology type origin lastRefreshedAt deletedAt }
  }
}
"""

_DASHBOARDS_COUNT = """
query getDashboards($sourceId: String!) {
  getDashboards(scope: {sourceId: $sourceId}, pagination: {nbPerPage: 1, page: 0}) { totalCount }
}
"""


class EmptyAnswerError(MalformedResponseError):
    """2xx with neither data nor errors: Catalog gives up on a heavy read without saying so."""


class CatalogApi:
    """Asks Catalog's GraphQL API.

    :param endpoint: which tenant, with what token, and how; heavy reads are known to take more than 30 s.
    :raises ConfigurationError: the zone, the URL, or something about the wire cannot be right.
    """

    def __init__(self, endpoint: CatalogEndpoint) -> None:
        self.zone = resolve(endpoint.zone, api_url=endpoint.api_url)
        self.connection = endpoint.connection
        self.statistics = RequestStatistics()
        #: How many sources the last listing announced and did not give.
        self.unlisted_sources = 0
        self._told_of_unlisted = False
        self._url = base_url(
            self.zone.api_url,
            what="Catalog's api_url",
            allow_http=endpoint.allow_http,
            example="https://api.castordoc.com",
        )
        self._credential = CatalogCredential(endpoint.token, connection=endpoint.connection)
        self._policy = RetryPolicy(budget=endpoint.retry_budget, few_for=(*RARELY_PASSING, EmptyAnswerError))
        self._stop = endpoint.stop or StopSignal()
        self._session = HttpSession(
            endpoint,
            service="Catalog",
            pool_size=1,
            max_bytes=_LONGEST_ANSWER,
            stop=self._stop,
            statistics=self.statistics,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def cancel(self) -> None:
        """Break off what is under way: the asking thread raises ``CancelledError``."""
        self._stop.set()

    def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        field: str,
        budget: float | None = None,
        again_if_empty: bool = True,
    ) -> Any:
        """Run one query and return the value of its root field.

        :param document: the GraphQL document; a query, since it may be sent more than once.
        :param variables: values of its variables.
        :param field: its only root field.
        :param budget: seconds for all attempts, default ``None``: those of the client.
        :param again_if_empty: ask again after an answer with neither data nor errors; default ``True``.
        :raises GraphQLError: Catalog answered with errors, even if some of the data came along.
        :raises ServiceUnavailableError: still failing when the retry budget was spent.
        :raises ForbiddenError: the token lacks the right to read this.
        :raises CatalogAuthenticationError: the token was refused, and asking for it again gave the same.
        :raises EmptyAnswerError: neither data nor errors, still after some attempts.
        :raises MalformedResponseError: the answer is not the documented JSON.
        """
        policy = self._hurried(budget)
        if not again_if_empty:
            few_for = tuple(kind for kind in policy.few_for if kind is not EmptyAnswerError)
            policy = replace(policy, few_for=few_for)
        return policy.call(
            lambda: self._ask(document, variables, field, budget),
            stop=self._stop,
            statistics=self.statistics,
            operation=operation_of(field),
        )

    def sources(
        self, type: str | None = None, *, with_deleted: bool = True, budget: float | None = None
    ) -> Iterator[CatalogSource]:
        """Yield the sources of the tenant, each once.

        :param type: only sources of this type, such as ``WAREHOUSE``; ``None`` = all.
        :param with_deleted: include deleted ones; default ``True``.
        :param budget: seconds for all attempts of one request, default ``None``: those of the client.
        :raises MalformedResponseError: the listing does not end, or counts sources and gives none.
        """
        scope = f"withDeleted: {'true' if with_deleted else 'false'}"
        if type is not None:
            if not _ENUM_VALUE.fullmatch(type):
                raise ConfigurationError(f"{type!r} is not a type of Catalog sources, such as WAREHOUSE.")
            scope += f", type: {type}"
        walk = _SourcesWalk(self, _SOURCES % scope, deadline=budget)
        policy = self._hurried(budget)
        seen: set[str] = set()
        self.unlisted_sources = 0
        looked_again = False
        for _ in range(_MOST_PAGES):
            rows = policy.call(
                walk.next_page,
                stop=self._stop,
                statistics=self.statistics,
                operation=operation_of("getSources"),
            )
            for source in map(CatalogSource.from_graphql, rows):
                if source.id not in seen:
                    seen.add(source.id)
                    yield source
            announced = max(walk.announced or 0, 0)
            # a full page is followed by another, even when the count says that this is all
            if rows and (walk.announced is None or len(seen) < announced or len(rows) >= walk.size):
                continue
            if seen and len(seen) >= announced:
                return
            # One empty answer is no empty world. Behind the last row it is what was to be expected.
            if not looked_again and (not seen or walk.ended_early):
                looked_again = True
                walk.begin()
                continue
            if announced and not seen:
                raise MalformedResponseError(
                    f"Catalog's getSources announced {announced} sources and gave none."
                )
            if announced:
                self.unlisted_sources = announced - len(seen)
                if not self._told_of_unlisted:
                    log.warning(
                        "Catalog announced %d sources and listed %d: nothing is known of the others.",
                        announced,
                        len(seen),
                    )
                self._told_of_unlisted = True
            return
        raise MalformedResponseError(
            f"Catalog's getSources did not come to an end within {_MOST_PAGES} pages; {len(seen)} different "
            f"sources were listed."
        )

    def listed_sources(self) -> ListedSources:
        """Return the sources of the tenant, deleted ones included, with how many are not listed.

        :raises MalformedResponseError: as :meth:`sources`.
        """
        listed = list(self.sources())
        return ListedSources(listed, unlisted=self.unlisted_sources)

    def dashboards_count(self, source_id: str, *, budget: float | None = None) -> int:
        """Return how many dashboards Catalog shows for a source, tiles and the like included.

        :param source_id: UUID of the source.
        :param budget: as for :meth:`query`.
        """
        answer = self.query(_DASHBOARDS_COUNT, {"sourceId": source_id}, field="getDashboards", budget=budget)
        count = answer.get("totalCount") if isinstance(answer, dict) else None
        if type(count) is not int or count < 0:
            raise MalformedResponseError("Catalog's getDashboards gave no totalCount.")
        return count

    def _hurried(self, budget: float | None) -> RetryPolicy:
        """Return the policy for a question that must not hold up other work for longer than ``budget``."""
        if budget is None:
            return self._policy
        few_for = (*self._policy.few_for, UnreachableError)
        return replace(self._policy, budget=min(budget, self._policy.budget), few_for=few_for)

    def _ask(
        self,
        document: str,
        variables: Mapping[str, Any] | None,
        field: str,
        deadline: float | None = None,
    ) -> Any:
        answer = self._send(document, variables, field, deadline)
        if answer.status == 401 and self._credential.renew():
            answer = self._send(document, variables, field, deadline)
        raise_passing(answer)
        raise_redirect(answer, setting="api_url", connection=self.connection)
        if answer.status == 401:
            raise self._credential.refused(f"for {field}")
        if answer.status == 403:
            raise self._forbidden(answer, field)
        if answer.status == 404:
            raise WrongHostError(
                f"There is no GraphQL API at {self._url} (404). Check 'api_url' and 'zone' of "
                f"{place(self.connection)}."
            )
        if not (200 <= answer.status < 300 or answer.status == 400):
            raise RequestRefusedError(
                f"Catalog refused {field} ({answer.status}).{self._said(answer)}", status=answer.status
            )
        return self._value(answer, field)

    def _send(
        self, document: str, variables: Mapping[str, Any] | None, field: str, deadline: float | None
    ) -> Answer:
        return self._session.exchange(
            "POST",
            self._url,
            authorization=self._credential.authorization(),
            headers={"Accept": "application/json"},
            params={"op": field},
            json={"query": document, **({"variables": dict(variables)} if variables else {})},
            deadline=deadline,
            operation=operation_of(field),
        )

    def _value(self, answer: Answer, field: str) -> Any:
        envelope = read_json(answer)
        errors = envelope.get("errors") if isinstance(envelope, dict) else None
        if errors:
            # a missing right shows in the error's name; which field that stands in is documented nowhere
            if "AuthorizationError" in str(errors):
                raise self._forbidden(answer, field)
            text = f"{field} ({answer.status}): {self._messages(errors)}"
            # the code that GraphQL servers give to their own failures, which pass; all others stay
            if "INTERNAL_SERVER_ERROR" in str(errors):
                raise ServiceUnavailableError(f"Catalog failed at {text}", status=answer.status)
            raise GraphQLError(f"Catalog refused {text}", status=answer.status)
        if answer.status == 400:
            raise RequestRefusedError(f"Catalog refused {field} (400).{self._said(answer)}", status=400)
        fields = envelope.get("data") if isinstance(envelope, dict) else None
        if not isinstance(fields, dict) or fields.get(field) is None:
            raise EmptyAnswerError(
                f"Catalog answered {field} with neither data nor errors ({answer.status}).",
                status=answer.status,
            )
        return fields[field]

    def _forbidden(self, answer: Answer, field: str) -> ForbiddenError:
        if answer.is_html:
            return ForbiddenError(
                f"{answer.asked} was refused with a web page (403): by a firewall or proxy that does not let "
                f"it through, or by Catalog: the token of {place(self.connection)} may not read {field}.",
                status=answer.status,
            )
        return ForbiddenError(
            f"The Catalog token of {place(self.connection)} is valid, but may not read {field}."
            f"{self._said(answer)}",
            status=answer.status,
        )

    def _messages(self, errors: Any) -> str:
        listed = errors if isinstance(errors, list) else [errors]
        texts = [str(error.get("message") if isinstance(error, dict) else error) for error in listed]
        text = "; ".join(texts)
        for secret in self._credential.secrets():
            text = text.replace(secret, "…")
        return visible(text, 500)

    def _said(self, answer: Answer) -> str:
        return said(answer, self._credential.secrets())


class _SourcesWalk:
    """The place in the listing of sources; an answer with nothing in it starts again with smaller pages."""

    def __init__(self, api: CatalogApi, document: str, *, deadline: float | None = None) -> None:
        self._api = api
        self._deadline = deadline
        self._document = document
        self._sizes = iter(_PAGE_SIZES[1:])
        self.size = _PAGE_SIZES[0]
        self.announced: int | None = None
        self.begin()

    def begin(self) -> None:
        """Start at the first row again."""
        self._page = 0

    @property
    def ended_early(self) -> bool:
        """Whether by the count there are rows on the last page that was asked for, or behind it."""
        return (self._page - 1) * self.size < (self.announced or 0)

    def next_page(self) -> list[Any]:
        """Return the rows of the next page; ``announced`` is how many there are in all, if that is told."""
        try:
            answer = self._ask()
        except EmptyAnswerError:
            self.size = next(self._sizes, self.size)
            self.begin()
            raise
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise MalformedResponseError("Catalog's getSources gave no list of sources.")
        total = answer.get("totalCount")
        if type(total) is int:
            self.announced = total if self._page == 0 else max(total, self.announced or 0)
        self._page += 1
        return rows

    def _ask(self) -> Any:
        while True:
            given = {"nbPerPage": self.size, "page": self._page}
            try:
                return self._api._ask(self._document, given, "getSources", self._deadline)
            except GraphQLError as error:
                smaller = next(self._sizes, None)
                if smaller is None or "nbPerPage" not in str(error):
                    raise
                self.size = smaller
                self.begin()
