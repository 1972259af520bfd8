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
    UnreachableError,
    WrongHostError,
)
from mode_catalog_provider.http.response import DEFAULT_MAX_BYTES
from mode_catalog_provider.http.retry import RetryPolicy
from mode_catalog_provider.http.session import READ_TIMEOUT
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.http.stop import StopSignal
from mode_catalog_provider.mode.answers import json_object
from mode_catalog_provider.mode.credentials import (
    Authority,
    CredentialKeeper,
    CredentialsSource,
    ModeCredentials,
)
from mode_catalog_provider.mode.hosts import DEFAULT_HOST, Address, workspace_name
from mode_catalog_provider.mode.pages import PageWalk
from mode_catalog_provider.mode.request import FAREWELL_SECONDS, ModeExchange
from mode_catalog_provider.mode.throttle import Throttle

__all__ = ["DEFAULT_HOST", "ModeClient", "ModeCredentials"]


class ModeClient:
    """Talk to one Mode workspace. Thread-safe; all threads share one throttle and one credential.

    :param workspace: name of the workspace, as in its address.
    :param credentials: called for the API key when it is needed, and again when Mode refuses it.
    :param host: base URL, default ``https://modeanalytics.com``.
    :param connection: name of the Airflow connection that keeps the key (or a phrase such as "the command
        line"), for messages.
    :param requests_per_second: never go above this; default ``None``: the published 40 in any 10 s, or what
        Mode's rate limit headers say.
    :param timeout: seconds of silence after which a request is given up, or ``(connect, read)``; default 60.
        A whole answer may take five times as long.
    :param retry_budget: seconds for all attempts of one request, default 300.
    :param max_response_bytes: largest answer accepted, decompressed; default 128 MiB.
    :param verify: check certificates: ``True``, ``False``, or the path of a bundle.
    :param proxies: scheme to proxy URL; default: those of the environment.
    :param allow_http: accept a plain http host other than this machine, default false.
    :param max_in_flight: connections kept open, default 32; as many threads can ask without waiting for one.
    :param on_secret: told of each secret that is made on the way (those of a Discovery token), so that it can
        be kept out of logs; default: nothing is done.
    :raises ConfigurationError: host, workspace or a number cannot be right.
    """

    def __init__(
        self,
        *,
        workspace: str,
        credentials: CredentialsSource,
        host: str = DEFAULT_HOST,
        connection: str = "mode_default",
        requests_per_second: float | None = None,
        timeout: float | tuple[float, float] = READ_TIMEOUT,
        retry_budget: float = 300.0,
        max_response_bytes: int = DEFAULT_MAX_BYTES,
        verify: bool | str = True,
        proxies: Mapping[str, str] | None = None,
        allow_http: bool = False,
        max_in_flight: int = 32,
        on_secret: Callable[[str], None] = lambda _: None,
    ) -> None:
        read_timeout = timeout[1] if isinstance(timeout, tuple) else timeout
        if not read_timeout > 0:
            raise ConfigurationError(f"timeout must be above 0 seconds, not {read_timeout}.")
        self.workspace = workspace_name(workspace)
        self.statistics = RequestStatistics()
        self._address = Address(host, workspace=self.workspace, allow_http=allow_http, kept_in=connection)
        self.host = self._address.configured
        self._connection = connection
        self._credentials = CredentialKeeper(credentials, kept_in=connection)
        self._stop = StopSignal()
        self._throttle = Throttle(requests_per_second=requests_per_second, stop=self._stop)
        self._retries = RetryPolicy(budget=retry_budget)
        self.on_secret = on_secret
        self._exchange = ModeExchange(
            address=self._address,
            credentials=self._credentials,
            throttle=self._throttle,
            stop=self._stop,
            statistics=self.statistics,
            timeout=timeout,
            pool_size=max_in_flight,
            verify=verify,
            proxies=proxies,
            max_bytes=max_response_bytes,
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
        policy = RetryPolicy(
            budget=self._retries.budget, few_for=(MalformedResponseError, UnreachableError), few=3
        )
        try:
            body = self._read("/api/verify", policy=policy)
        except (NotFoundError, MalformedResponseError) as error:
            raise self._not_mode() from error
        workspace = body.get("workspace")
        if not isinstance(workspace, str):
            raise self._not_mode()
        if workspace.lower() != self.workspace:
            raise ConfigurationError(
                f"API token {self._credentials.current().suffix} is of Mode workspace '{workspace}', but "
                f"'{self.workspace}' is configured ('{self._connection}'). Correct the workspace, or use a "
                "token of that one."
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
                return json_object(
                    self._exchange.ask(method, path, json=json, authority=authority), may_be_empty=True
                )
            except UnreachableError:
                raise
            except (ServiceUnavailableError, MalformedResponseError) as error:
                raise AmbiguousRequestError(
                    f"{error} Nobody can tell whether it was carried out; look before asking again.",
                    status=error.status,
                ) from error

        policy = RetryPolicy(budget=self._retries.budget, few_for=())
        return self._with_retries(attempt, policy, passing=(RateLimitedError, UnreachableError))

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
        attempt = partial(self._exchange.ask_last, method, path, shown_as=shown_as, stop=stop)
        RetryPolicy(budget=FAREWELL_SECONDS).call(attempt, stop=stop, statistics=self.statistics)

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
        self._exchange.close()

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
            return json_object(self._exchange.ask("GET", path, params=params, authority=authority))

        return self._with_retries(attempt, policy)

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
            f"Correct the host ('{self._connection}'); Mode's own is https://app.mode.com."
        )
