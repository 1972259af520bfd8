"""The client of one Mode workspace: requests, repeated while that is safe, and walks over listings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

from mode_catalog_provider.errors import (
    AmbiguousRequestError,
    ConfigurationError,
    MalformedResponseError,
    NotFoundError,
    RateLimitedError,
    ServiceUnavailableError,
    UnknownHostError,
    UnreachableError,
    WrongHostError,
)
from mode_catalog_provider.http.retry import RARELY_PASSING, RetryPolicy
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.http.stop import StopSignal
from mode_catalog_provider.mode.credentials import (
    Authority,
    CredentialKeeper,
    ModeCredentials,
)
from mode_catalog_provider.mode.endpoint import ModeEndpoint
from mode_catalog_provider.mode.hosts import DEFAULT_HOST, Address, workspace_name
from mode_catalog_provider.mode.operations import operation_of
from mode_catalog_provider.mode.pages import PageWalk
from mode_catalog_provider.mode.request import FAREWELL_SECONDS, ModeRequests
from mode_catalog_provider.mode.throttle import Throttle
from mode_catalog_provider.text import visible

__all__ = ["DEFAULT_HOST", "ModeClient", "ModeCredentials", "ModeEndpoint"]


class ModeClient:
    """Talk to one Mode workspace. Thread-safe; all threads share one throttle and one credential.

    :param endpoint: which workspace, with what, and how.
    :raises ConfigurationError: host, workspace, or something about the wire cannot be right.
    """

    def __init__(self, endpoint: ModeEndpoint) -> None:
        self.workspace = workspace_name(endpoint.workspace)
        self.statistics = RequestStatistics()
        self._address = Address(
            endpoint.host,
            workspace=self.workspace,
            allow_http=endpoint.allow_http,
            kept_in=endpoint.connection,
        )
        self.host = self._address.configured
        self._place = endpoint.place
        self._credentials = CredentialKeeper(endpoint.credentials, kept_in=endpoint.connection)
        self._stop = StopSignal()
        self._throttle = Throttle(requests_per_second=endpoint.requests_per_second, stop=self._stop)
        self._retries = RetryPolicy(budget=endpoint.retry_budget)
        self.on_secret = endpoint.on_secret
        self._requests = ModeRequests(
            endpoint,
            address=self._address,
            credentials=self._credentials,
            throttle=self._throttle,
            stop=self._stop,
            statistics=self.statistics,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def key(self) -> ModeCredentials:
        """The API key in use now.

        :raises ModeAuthenticationError: Mode refused all there is.
        """
        return self._credentials.current()

    def verify(self) -> dict[str, Any]:
        """Check host, credential and workspace with ``GET /api/verify``; must be the first call.

        :return: Mode's answer: ``workspace``, ``workspace_token``, ``_links``, mostly ``api_key_scope``.
        :raises ModeAuthenticationError: the credential is refused.
        :raises WrongHostError: the host answers, but is not Mode.
        :raises ConfigurationError: the credential is of another workspace.
        :raises ServiceUnavailableError: the host cannot be reached.
        """
        # A mistyped host will not come up however long one waits.
        policy = RetryPolicy(budget=self._retries.budget, few_for=(*RARELY_PASSING, UnreachableError), few=3)
        try:
            body = self._read("/api/verify", policy=policy)
        except (NotFoundError, MalformedResponseError) as error:
            # What was cut off, broken or too large says nothing about who sent it.
            if type(error) not in (NotFoundError, MalformedResponseError):
                raise
            raise self._not_mode() from error
        workspace = body.get("workspace")
        if not isinstance(workspace, str):
            raise self._not_mode()
        if workspace.lower() != self.workspace:
            raise ConfigurationError(
                f"API token {self._credentials.current().suffix} is of Mode workspace "
                f"'{visible(workspace)}', but '{self.workspace}' is configured in "
                f"{self._place}. Correct the workspace, or use a token of that one."
            )
        return body

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        authority: Authority | None = None,
        retry_budget: float | None = None,
    ) -> dict[str, Any]:
        """Read one resource or one page of a listing.

        :param path: below ``/api/{workspace}/``, or from the host's root when it starts with a slash.
        :param params: query parameters.
        :param authority: what to ask with instead of the API key; a 401 then is a ``RequestRefusedError`` and
            says nothing of the key.
        :param retry_budget: seconds for all attempts, if less than the client's.
        :return: the JSON object of the answer, ``{}`` for an answer without body (204).
        :raises ForbiddenError: 403. :raises NotFoundError: 404, gone or invisible.
        :raises RequestRefusedError: any other 4xx. :raises ModeAuthenticationError: 401.
        :raises RateLimitedError: still 429 after the whole retry budget.
        :raises ServiceUnavailableError: still 5xx, reset or silent after the whole retry budget.
        :raises MalformedResponseError: not JSON, or too large.
        :raises CancelledError: :meth:`cancel` was called.
        """
        policy = self._retries
        if retry_budget is not None:
            policy = replace(policy, budget=min(retry_budget, policy.budget))
        return self._read(path, params=params, policy=policy, authority=authority)

    def pages(
        self,
        path: str,
        key: str,
        *,
        params: Mapping[str, Any] | None = None,
        confirm: bool = True,
        repeats: int = 0,
    ) -> Iterator[list[dict[str, Any]]]:
        """Walk a listing; yields the new rows of each page, each row once. Always ends.

        :param path: as for :meth:`get`.
        :param key: name of the rows under ``_embedded``; a page without it is empty.
        :param params: query parameters sent with each page.
        :param confirm: see :class:`~mode_catalog_provider.mode.pages.PageWalk`, as for ``repeats``.
        :raises MalformedResponseError: the listing does not end, or keeps changing.
        """
        walk = PageWalk(path, key, params=params, confirm=confirm, repeats=repeats)
        while not walk.done:
            if rows := walk.take(self.get(walk.path, params=walk.params)):
                yield rows

    def post_once(self, path: str, json: Any = None) -> dict[str, Any]:
        """Start something that must not be started twice; as :meth:`send_once` with POST."""
        return self.send_once("POST", path, json)

    def send_once(
        self, method: str, path: str, json: Any = None, *, authority: Authority | None = None
    ) -> dict[str, Any]:
        """Send a request that changes something, and never repeat it unless it surely was not carried out.

        Repeated are a request that found no connection, one answered 429, and one answered 401 when there is
        a new credential.

        :param method: HTTP method.
        :param path: as for :meth:`get`.
        :param json: body, ``None`` for none.
        :param authority: as for :meth:`get`.
        :return: the JSON object of the answer, ``{}`` for an answer without body.
        :raises AmbiguousRequestError: there was no clear answer; look what happened before asking again.
        :raises RequestRefusedError: 4xx, not carried out.
        """

        def attempt() -> dict[str, Any]:
            try:
                return self._requests.read_object(
                    method, path, json=json, authority=authority, may_be_empty=True
                )
            except UnreachableError:
                raise
            except (ServiceUnavailableError, MalformedResponseError) as error:
                raise AmbiguousRequestError(
                    f"{error} Nobody can tell whether it was carried out; look before asking again.",
                    status=error.status,
                ) from error

        policy = RetryPolicy(budget=self._retries.budget, few_for=(UnknownHostError,))
        return self._with_retries(
            attempt, policy, passing=(RateLimitedError, UnreachableError), operation=operation_of(path)
        )

    @property
    def authority(self) -> ModeCredentials:
        """The API key as it is now."""
        return self._credentials.current()

    def send_last(self, method: str, path: str, *, shown_as: str) -> None:
        """Send a request that tidies up, even after :meth:`cancel`; takes about five seconds at most.

        :param method: HTTP method; the request may be repeated.
        :param path: as for :meth:`get`.
        :param shown_as: the path in messages, which do not show the real one.
        :raises ServiceError: it was not carried out, as far as one can tell.
        """
        stop = StopSignal()
        attempt = partial(self._requests.ask_last, method, path, shown_as=shown_as, stop=stop)
        RetryPolicy(budget=FAREWELL_SECONDS).call(
            attempt, stop=stop, statistics=self.statistics, operation=operation_of(path)
        )

    def in_flight_wanted(self) -> int:
        """How many requests must be under way at once to use the whole rate, as slow as answers are now."""
        return self._throttle.in_flight_wanted()

    def cancel(self) -> None:
        """Make every call under way and every later one raise ``CancelledError`` at once.

        Callable from any thread and from a signal handler.
        """
        self._stop.set()

    def close(self) -> None:
        """Close the connections."""
        self._requests.close()

    # -- one request ---------------------------------------------------------------------------------------

    def _read(
        self,
        path: str,
        *,
        policy: RetryPolicy,
        params: Mapping[str, Any] | None = None,
        authority: Authority | None = None,
    ) -> dict[str, Any]:
        def attempt() -> dict[str, Any]:
            return self._requests.read_object("GET", path, params=params, authority=authority)

        return self._with_retries(attempt, policy, operation=operation_of(path))

    def _with_retries(
        self, attempt: Callable[[], dict[str, Any]], policy: RetryPolicy, **options: Any
    ) -> dict[str, Any]:
        def before_wait(error: Exception, seconds: float) -> None:
            if isinstance(error, RateLimitedError):
                self._throttle.back_off(seconds)

        return policy.call(
            attempt, stop=self._stop, statistics=self.statistics, on_wait=before_wait, **options
        )

    def _not_mode(self) -> WrongHostError:
        return WrongHostError(
            f"{self._address.current} answers but is not Mode: /api/verify is no route of Mode's API there. "
            f"Correct the host in {self._place}; Mode's own is https://app.mode.com."
        )
