"""The server: one thread pool, one lock around each request, and switches."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from botocore.session import get_session
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import create_backend_app
from upath import UPath
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

KEY, SECRET, REGION = "test", "testtest", "us-east-1"

#: Status line, headers and body.
Answer = tuple[str, list[tuple[str, str]], bytes]


class _Exchange(WSGIRequestHandler):
    """One connection for many requests; werkzeug's own handler would end it after each."""

    protocol_version = "HTTP/1.1"
    # Header and body leave together.
    wbufsize = 65536
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def handle_expect_100(self) -> bool:
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        # All of it, so that the next request begins where this one ends.
        length = None if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        status, headers, body = self.server.answer(environ)
        number, _, reason = status.partition(" ")
        self.send_response(int(number), reason)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection") or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""


class _Server(ThreadedWSGIServer):
    daemon_threads = True

    def __init__(self, port: int, answer: Callable[[dict[str, Any]], Answer]) -> None:
        self.answer = answer
        self.connections: set[socket.socket] = set()
        super().__init__("127.0.0.1", port, lambda *_: [], handler=_Exchange)
        # Who is announced may be gone when it is let in; the end must not wait for the next one.
        self.socket.settimeout(1)

    def drop_connections(self) -> None:
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class S3Server:
    """A bucket of an S3 lookalike on loopback.

    Requests are carried out one after the other: S3 promises that of two conditional writes one wins, which
    moto's own threads do not.

    :param bucket: name of the one bucket that is made.
    :param port: default 0 = any free one.
    """

    def __init__(self, *, bucket: str = "staging", port: int = 0) -> None:
        self.bucket = bucket
        #: Whether ``If-None-Match`` is honoured.
        self.conditional_writes = True
        #: Method and path of each request, with its query.
        self.requests: list[tuple[str, str]] = []
        self._port = port
        self._one_at_a_time = threading.Lock()
        self._to_lose: list[str] = []
        self._to_refuse: list[tuple[int, str]] = []
        self._listings: dict[str, Answer] | None = None
        self._app = create_backend_app("s3")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Self:
        self._server = _Server(self._port, self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="s3-server")
        self._thread.start()
        client = get_session().create_client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name=REGION,
        )
        client.create_bucket(Bucket=self.bucket)
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()
        self._server.drop_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- how to reach it ----------------------------------------------------------------------------------

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of fsspec's S3 file system."""
        return {
            "endpoint_url": self.url,
            "key": KEY,
            "secret": SECRET,
            "client_kwargs": {"region_name": REGION},
        }

    def path(self, *parts: str) -> UPath:
        """A path in the bucket."""
        return UPath("/".join((f"s3://{self.bucket}", *parts)), **self.options)

    def connection(self) -> str:
        """An Airflow connection, as JSON."""
        extra = {"endpoint_url": self.url, "region_name": REGION}
        return json.dumps({"conn_type": "aws", "login": KEY, "password": SECRET, "extra": extra})

    def objects(self, *parts: str) -> dict[str, bytes]:
        """What lies below a prefix, by the rest of its key, without a request."""
        prefix = "".join(f"{part}/" for part in parts)
        with self._one_at_a_time:
            keys = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[self.bucket].keys
            return {
                name.removeprefix(prefix): key.value for name, key in keys.items() if name.startswith(prefix)
            }

    # -- switches -------------------------------------------------------------------------------------------

    def lose_answer(self, suffix: str) -> None:
        """Carry out the next write of a key that ends like this, and answer 500."""
        self._to_lose.append(suffix)

    @contextmanager
    def refused_creates(self, status: int, code: str, *, times: int = 1000) -> Iterator[None]:
        """Answer so many conditional writes within the block like this, and carry none of them out."""
        self._to_refuse = [(status, code)] * times
        try:
            yield
        finally:
            self._to_refuse = []

    @contextmanager
    def stale_listings(self) -> Iterator[None]:
        """Answer each listing as it was answered first within the block."""
        self._listings = {}
        try:
            yield
        finally:
            self._listings = None

    # -- inside ---------------------------------------------------------------------------------------------

    def _answer(self, environ: dict[str, Any]) -> Answer:
        with self._one_at_a_time:
            return self._carry_out(environ)

    def _carry_out(self, environ: dict[str, Any]) -> Answer:
        method, key, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]
        self.requests.append((method, f"{key}?{query}" if query else key))
        if not self.conditional_writes:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if self._to_refuse and "HTTP_IF_NONE_MATCH" in environ:
            status, code = self._to_refuse.pop()
            body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            return f"{status} {code}", [("Content-Length", str(len(body)))], body
        is_listing = method == "GET" and "list-type=2" in query
        if is_listing and self._listings is not None:
            if query not in self._listings:
                self._listings[query] = self._ask_moto(environ)
            return self._listings[query]
        answer = self._ask_moto(environ)
        lost = next((suffix for suffix in self._to_lose if method == "PUT" and key.endswith(suffix)), None)
        if lost is None:
            return answer
        self._to_lose.remove(lost)
        return "500 Internal Server Error", [("Content-Length", "0")], b""

    def _ask_moto(self, environ: dict[str, Any]) -> Answer:
        begun: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], None]:
            begun[:] = [status, headers]
            return lambda _: None

        body = self._app(environ, start_response)
        content = b"".join(body)
        return begun[0], begun[1], content
