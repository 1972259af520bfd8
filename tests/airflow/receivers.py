"""Servers that take what Airflow sends: lineage events by HTTP, metrics by OTLP."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

LINEAGE, METRICS = "/api/v1/lineage", "/v1/metrics"


class Receiver:
    """Keeps what it gets, in the order in which it came.

    :param refuse: status that is answered to every event, with none kept; default: none.
    """

    def __init__(self, refuse: int | None = None) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        self.asked = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.asked += 1
                if refuse is None:
                    receiver.bodies.append((self.path, body))
                is_otlp = self.path == METRICS
                self.send_response(refuse or 200)
                self.send_header("Content-Type", "application/x-protobuf" if is_otlp else "text/plain")
                answer = ExportMetricsServiceResponse().SerializeToString() if is_otlp else b""
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lineage events."""
        return [json.loads(body) for path, body in self.bodies if path == LINEAGE]

    @property
    def points(self) -> Iterator[tuple[str, dict[str, str], Any]]:
        """Name, tags and value of each point of a metric, as often as it was exported."""
        for path, body in self.bodies:
            if path != METRICS:
                continue
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metric in (one for scope in resource.scope_metrics for one in scope.metrics):
                    kind = metric.WhichOneof("data")
                    for point in getattr(metric, str(kind)).data_points:
                        tags = {one.key: one.value.string_value for one in point.attributes}
                        if "histogram" in str(kind):
                            yield metric.name, tags, point.sum
                        else:
                            yield metric.name, tags, getattr(point, point.WhichOneof("value"))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
