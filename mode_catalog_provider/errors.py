"""The typed error tree: what can go wrong, said once, so that callers can decide by type.

An error is *permanent* when the same call will fail again until a person changes something (a rotated
token, a wrong host, a snapshot that shrank). Everything else may be retried. Messages say what happened, to
which object, and what to do; they never contain a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mode_catalog_provider.text import printable

#: Characters of a message; what is longer holds an answer's text that nobody would read to its end.
_LONGEST = 20_000


class ModeCatalogError(Exception):
    """Root of every error this package raises on purpose."""

    permanent: ClassVar[bool] = False

    def __init__(self, message: str = "") -> None:
        # Whatever a service said to whom, a message is one line that a log and a terminal can show.
        text = str(message)
        super().__init__(printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"))


# -- configuration and credentials: nothing works until a person mends them ---------------------------------


class ConfigurationError(ModeCatalogError):
    """A setting is missing or cannot be right (bad host, unknown zone, source id that is not a UUID)."""

    permanent = True


class WrongHostError(ConfigurationError):
    """The configured host answers, but it is not the service, or it sends its callers elsewhere."""


class UnknownSourceError(ConfigurationError):
    """The Catalog source does not exist in this zone, was deleted, or is of another technology."""


class AuthenticationError(ModeCatalogError):
    """The service refused the credential itself (401)."""

    permanent = True


class ModeAuthenticationError(AuthenticationError):
    """Mode refused the API token."""


class CatalogAuthenticationError(AuthenticationError):
    """Catalog refused the API token."""


# -- answers of the two services ----------------------------------------------------------------------------


class ServiceError(ModeCatalogError):
    """A service answered with an error, or not at all, after the retries that make sense.

    :param message: what happened, to which object, and what to do.
    :param status: HTTP status code, ``None`` when there was no answer.
    :param retry_after: seconds the service asked callers to wait, ``None`` when it did not say.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class RateLimitedError(ServiceError):
    """Still 429 after the whole retry budget; ``retry_after`` says when to come back, where known."""


class ServiceUnavailableError(ServiceError):
    """5xx, connection reset or timeout, still after the whole retry budget."""


class TimedOutError(ServiceUnavailableError):
    """The answer did not come, or not whole, in the time that is allowed."""


class MalformedResponseError(ServiceError):
    """The answer was HTML, truncated, too large, or not the documented shape."""


class ResponseTruncatedError(MalformedResponseError):
    """The connection closed in the middle of the answer; the next attempt usually gets it whole."""


class ResponseGarbledError(MalformedResponseError):
    """The bytes of the answer are broken: its compression, its head, or it is no HTTP at all."""


class ResponseTooLargeError(MalformedResponseError):
    """The answer is larger than the limit; asking again gives the same."""

    permanent = True


class UnreachableError(ServiceUnavailableError):
    """No connection could be made, so nothing was sent: even a request that must not be repeated may be."""


class UnknownHostError(UnreachableError):
    """The name of the host, or of the proxy, cannot be resolved, and was never so far: probably mistyped."""


class RequestRefusedError(ServiceError):
    """The service understood and refused the request (any other 4xx)."""

    permanent = True


class ForbiddenError(RequestRefusedError):
    """403: the credential is valid but lacks the right to this object."""


class NotFoundError(RequestRefusedError):
    """404: the object is gone, or invisible to this credential (Mode does not tell the two apart)."""


class DiscoveryUnavailableError(RequestRefusedError):
    """Mode's Discovery API was asked for, but this API token or this workspace's plan does not open it."""


class GraphQLError(RequestRefusedError):
    """Catalog's GraphQL API answered with ``errors``."""


class UploadConflictError(RequestRefusedError):
    """409: Catalog already holds a file of this name, and it is not known to be ours."""


class AmbiguousRequestError(ServiceError):
    """A request that must not be replayed got no clear answer: it may or may not have been carried out."""


class CancelledError(ModeCatalogError):
    """The caller asked to stop (task killed, Ctrl-C)."""


# -- snapshots ----------------------------------------------------------------------------------------------


class SnapshotError(ModeCatalogError):
    """A set of files is refused; nothing of it was pushed (further).

    :param timestamp: of the set, where several are read and one of them is damaged.
    """

    permanent = True
    timestamp: int | None = None


class SnapshotNotFoundError(SnapshotError):
    """There is no manifest, or the folder cannot be seen from this machine."""


class SnapshotIncompleteError(SnapshotError):
    """Files are missing, or more than one set lies in the folder."""


class SnapshotAlteredError(SnapshotError):
    """A file's size, hash, rows or name disagree with the manifest."""


class SnapshotStaleError(SnapshotError):
    """The snapshot is too old, or a newer one has been pushed already."""


class SnapshotMismatchError(SnapshotError):
    """The snapshot is of another workspace or host than the source has been fed with."""


class NewlyForbiddenError(SnapshotError):
    """Mode refuses objects that the last snapshot still had the right to see, and that was not accepted."""


class SnapshotShrunkError(SnapshotError):
    """Rows disappeared beyond the limit against the last pushed snapshot.

    :param shrunk: per asset, rows before and after.
    :param since: timestamp of the last pushed snapshot, which it was compared with.
    """

    def __init__(self, message: str, *, shrunk: Mapping[str, tuple[int, int]], since: int) -> None:
        super().__init__(message)
        self.shrunk = dict(shrunk)
        self.since = since


# -- the texts of queries ----------------------------------------------------------------------------------


class SqlError(ModeCatalogError):
    """What a query reads cannot be told."""

    permanent = True


class SqlUnavailableError(SqlError):
    """The library that reads SQL is not installed."""


class SqlNotParsedError(SqlError):
    """A query's text is not SQL that can be read; the message says where.

    :param line: line of the text, counted from 1; ``None`` when no place is known.
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


# -- the run lock -------------------------------------------------------------------------------------------


class LockError(ModeCatalogError):
    """Anything about the run lock."""


class LockHeldError(LockError):
    """Somebody else holds the lock.

    :param state: what is known of the holder (see :class:`mode_catalog_provider.lock.LeaseRecord`).
    """

    def __init__(self, message: str, *, state: Any = None) -> None:
        super().__init__(message)
        self.state = state


class LockTimeoutError(LockError):
    """The lock did not become free within the time allowed."""


class LockLostError(LockError):
    """This worker was superseded: another holder has taken the lease over. Stop at once, push nothing."""

    permanent = True


# -- Mode runs and Catalog freshness ------------------------------------------------------------------------


class RefreshFailedError(ModeCatalogError):
    """One or more Mode runs failed or were cancelled; the message carries the reasons Mode gave.

    :param result: the same dict the operator would have returned.
    """

    def __init__(self, message: str, *, result: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.result = dict(result)


class TooManyRunsError(ModeCatalogError):
    """A refresh would start more runs than its ``max_runs`` allows; none was started."""

    permanent = True
