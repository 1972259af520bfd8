"""Catalog's upload endpoint: put one file there exactly once, whatever happens on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import BinaryIO, Literal, Self
from urllib.parse import quote

from mode_catalog_provider.catalog.credential import CatalogCredential
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.multipart import FileBody
from mode_catalog_provider.catalog.operations import UPLOAD
from mode_catalog_provider.catalog.responses import raise_passing, raise_redirect, said
from mode_catalog_provider.catalog.sources import parse_source_id
from mode_catalog_provider.catalog.zones import other_zone, resolve
from mode_catalog_provider.errors import (
    CatalogAuthenticationError,
    ConfigurationError,
    ForbiddenError,
    MalformedResponseError,
    NotFoundError,
    RequestRefusedError,
    UploadConflictError,
)
from mode_catalog_provider.http.endpoint import place
from mode_catalog_provider.http.response import UNREADABLE, Answer
from mode_catalog_provider.http.retry import RetryPolicy
from mode_catalog_provider.http.session import HttpSession, base_url
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.http.stop import StopSignal

#: How the upload path begins, per file type. The path of LOOKML is documented nowhere, so it is not offered.
PATH_PREFIXES: Mapping[str, str] = MappingProxyType(
    {"VIZ": "visualization", "WAREHOUSE": "warehouse", "DBT": "transformation", "QUALITY": "quality"}
)

#: Types whose files get the time of the upload put before their name, as the vendor's uploader does.
STAMPED_TYPES = frozenset({"DBT", "QUALITY"})

# No size limit is documented, so neither is a duration: a link slower than this is taken for dead.
_SLOWEST_BYTES_PER_SECOND = 64 * 1024
_LONGEST_ANSWER = 1024 * 1024

# Seconds for a question beside the work.
_BRIEF = 20.0

Outcome = Literal["stored", "already_there"]


@dataclass
class OutgoingFile:
    """A file on its way to Catalog.

    :param open: opens it for reading bytes; called anew for every attempt.
    :param name: the name Catalog gets to see.
    :param size: its bytes.
    :param sha256: hash of its content, in hex.
    :param maybe_stored: whether an earlier attempt with these bytes may have reached Catalog, so that a 409
        is its echo. Kept up to date while the file is pushed, also when the push fails.
    """

    open: Callable[[], BinaryIO] = field(repr=False)
    name: str
    size: int
    sha256: str
    maybe_stored: bool = False


class CatalogIngest:
    """Uploads files to one source of one zone.

    :param endpoint: which tenant, with what token, and how. A file may take longer than other requests, by
        the time that its bytes need.
    :param source_id: UUID of the source that is pushed to.
    :param file_type: ``VIZ`` (default) for Mode and other BI tools, ``WAREHOUSE``, ``DBT`` or ``QUALITY``.
    :raises ConfigurationError: the source id is not a UUID, or zone, type, URL, or something about the wire
        cannot be right.
    """

    def __init__(self, endpoint: CatalogEndpoint, *, source_id: str, file_type: str = "VIZ") -> None:
        self.source_id = parse_source_id(source_id)
        self.zone = resolve(endpoint.zone, ingest_url=endpoint.ingest_url)
        self.file_type = _known_type(file_type)
        self.connection = endpoint.connection
        self.statistics = RequestStatistics()
        self._root = base_url(
            self.zone.ingest_url,
            what="Catalog's ingest_url",
            allow_http=endpoint.allow_http,
            example="https://ingest.castordoc.com",
        )
        self._credential = CatalogCredential(endpoint.token, connection=endpoint.connection)
        self._retry_budget = endpoint.retry_budget
        self._deadline = endpoint.deadline
        self._stop = endpoint.stop or StopSignal()
        # A body is sent under the connect timeout, and a busy endpoint may pause for longer.
        patient = replace(endpoint, timeout=(endpoint.read_timeout, endpoint.read_timeout))
        self._session = HttpSession(
            patient if not isinstance(endpoint.timeout, tuple) else endpoint,
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
        """Break off what is under way: the pushing thread raises ``CancelledError``."""
        self._stop.set()

    def name_for(self, base_name: str) -> str:
        """Return the name under which a file is uploaded: its own, after the time if the type wants it.

        What dbt writes is called manifest.json there, whatever it is called here.
        """
        if self.file_type == "DBT":
            base_name = "manifest.json"
        return f"{int(time.time())}-{base_name}" if self.file_type in STAMPED_TYPES else base_name

    def refuses_token(self) -> bool:
        """Whether the upload endpoint refuses the token (401), asked by a request that stores nothing."""
        place = f"{self._root}/{PATH_PREFIXES[self.file_type]}-{self.source_id}/"
        answer = self._session.exchange(
            "HEAD",
            place,
            authorization=self._credential.authorization(),
            deadline=_BRIEF,
            operation=UPLOAD,
        )
        return answer.status == 401

    def push(self, file: OutgoingFile, *, before_attempt: Callable[[], None] = lambda: None) -> Outcome:
        """Upload a file, from its first byte on every attempt.

        :param file: what to upload; its ``maybe_stored`` is right afterwards, also when this raises.
        :param before_attempt: called before each attempt; what it raises ends the push.
        :return: ``stored``, or ``already_there`` when an earlier attempt had arrived after all.
        :raises UploadConflictError: Catalog holds a file of this name that no attempt of ours stored.
        :raises CatalogAuthenticationError: the token was refused, and asking for it again gave the same.
        :raises SnapshotAlteredError: the file is not the expected one; Catalog did not get it whole.
        :raises MalformedResponseError: answers that are web pages, of a proxy or a sign-in.
        :raises RateLimitedError: still 429 when the retry budget was spent.
        :raises ServiceUnavailableError: still failing when the retry budget was spent.
        """
        time_needed = file.size / _SLOWEST_BYTES_PER_SECOND
        policy = RetryPolicy(budget=self._retry_budget + time_needed)

        def attempt() -> Outcome:
            answer = self._send(file, before_attempt, deadline=self._deadline + time_needed)
            if answer.status == 401 and self._credential.renew():
                answer = self._send(file, before_attempt, deadline=self._deadline + time_needed)
            return self._outcome(file, answer)

        return policy.call(attempt, stop=self._stop, statistics=self.statistics, operation=UPLOAD)

    def _send(self, file: OutgoingFile, before_attempt: Callable[[], None], *, deadline: float) -> Answer:
        before_attempt()
        body = FileBody(file.open, name=file.name, size=file.size, sha256=file.sha256)
        answer = None
        try:
            answer = self._session.exchange(
                "POST",
                f"{self._root}/{PATH_PREFIXES[self.file_type]}-{self.source_id}/{quote(file.name, safe='')}",
                authorization=self._credential.authorization(),
                headers={"Accept": "text/csv, application/json", "Content-Type": body.content_type},
                data=body,
                deadline=deadline,
                operation=UPLOAD,
            )
        finally:
            if _leaves_doubt(answer):
                file.maybe_stored |= body.handed_over
        if _is_success(answer) and not body.handed_over:
            raise MalformedResponseError(
                f"The upload of {file.name} was answered with success ({answer.status}) before the file was "
                f"sent whole: a proxy in front of {self._root} answers by itself, and the file did not "
                f"arrive.",
                status=answer.status,
            )
        return answer

    def _outcome(self, file: OutgoingFile, answer: Answer) -> Outcome:
        if _is_success(answer):
            if answer.is_web_page:
                raise MalformedResponseError(
                    f"The upload of {file.name} was answered with a web page: a sign-in or proxy page stands "
                    f"in front of {self._root}, and the file may not have arrived.",
                    status=answer.status,
                )
            if _tells_error(answer):
                what = said(answer, self._credential.secrets())
                raise MalformedResponseError(
                    f"The upload of {file.name} was answered with an error under a status of success "
                    f"({answer.status}), and the file may not have arrived.{what}",
                    status=answer.status,
                )
            file.maybe_stored = True
            return "stored"
        if answer.status == 409 and file.maybe_stored:
            return "already_there"
        raise_passing(answer)
        raise_redirect(answer, setting="ingest_url", connection=self.connection)
        if answer.status == 401:
            error = self._credential.refused(f"for the upload of {file.name}")
            # What a Read Only token is answered with here is not documented; it reads, and looks refused.
            raise CatalogAuthenticationError(
                f"{error} When the same token is accepted for reading, it is a Read Only one."
            )
        raise self._refusal(file, answer)

    def _refusal(self, file: OutgoingFile, answer: Answer) -> RequestRefusedError:
        status = answer.status
        if status == 409:
            return UploadConflictError(
                f"Catalog source {self.source_id} already holds a file named {file.name}, and it was not put "
                f"there by an attempt known here, so its content is unknown (409). Catalog never replaces a "
                f"file: extract again (a new snapshot has new names) and upload that.",
                status=status,
            )
        if status == 403 and answer.is_html:
            return ForbiddenError(
                f"The upload of {file.name} was refused with a web page (403). A firewall or proxy in front "
                f"of {self._root} answers so, to which the SQL in the file may look like an attack: have it "
                f"let these uploads through. If it is Catalog itself, the token of "
                f"{place(self.connection)} is a Read Only one.",
                status=status,
            )
        if status == 403:
            return ForbiddenError(
                f"The Catalog token of {place(self.connection)} may not upload {file.name} (403). A Read "
                f"Only token is not enough: make a Read & Write token in Catalog under Settings > API.",
                status=status,
            )
        if status == 404:
            return NotFoundError(
                f"Catalog's upload endpoint of zone {self.zone.name} ({self._root}) does not know source "
                f"{self.source_id} (404). Check the source id, and whether the tenant lives in zone "
                f"{other_zone(self.zone).name}.",
                status=status,
            )
        if status == 413:
            return RequestRefusedError(
                f"{file.name} is too large for Catalog: {file.size} bytes ({file.size / 1e6:.1f} MB) were "
                f"refused (413). Leave collections out of the extraction, or ask Catalog's support for the "
                f"limit.",
                status=status,
            )
        return RequestRefusedError(
            f"Catalog refused {file.name} ({status}).{said(answer, self._credential.secrets())}",
            status=status,
        )


def _known_type(file_type: str) -> str:
    name = (file_type or "").strip().upper()
    if name not in PATH_PREFIXES:
        raise ConfigurationError(
            f"File type {file_type!r} cannot be uploaded; known are {', '.join(PATH_PREFIXES)}. "
            f"Mode's files are VIZ."
        )
    return name


def _leaves_doubt(answer: Answer | None) -> bool:
    """Whether a file that was handed over may be stored although Catalog did not say so."""
    if answer is None or answer.status >= 500 or answer.status == 408:
        return True
    return _is_success(answer) and (answer.is_web_page or _tells_error(answer))


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _tells_error(answer: Answer) -> bool:
    """Whether a body says what the status does not; of what else a stored file is told, nothing is known."""
    try:
        told = json.loads(answer.body)
    except UNREADABLE:
        return False
    return isinstance(told, dict) and bool(
        told.get("error") or told.get("errors") or told.get("success") is False
    )
