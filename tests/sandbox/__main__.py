"""``python -m tests.sandbox``: both servers in the foreground until Ctrl-C or SIGTERM.

Prints one line of JSON (addresses, credentials, connections), then nothing. Fixed credentials, for
compositions that must know them beforehand, come from the environment: ``SANDBOX_MODE_TOKEN``,
``SANDBOX_MODE_SECRET``, ``SANDBOX_CATALOG_TOKEN``, ``SANDBOX_SOURCE_ID``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import threading
from dataclasses import fields
from typing import Any

from tests.sandbox import CatalogSwitches, Credentials, ModeSwitches, Sandbox, WorkspaceShape


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox; see the module."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with _sandbox(options) as sandbox:
        # The workspace stays: a collector that walks through all of it would hold up requests meanwhile.
        gc.freeze()
        # Threads take turns as often in the service's time as they do in real time.
        sys.setswitchinterval(sys.getswitchinterval() * min(1.0, options.time_scale))
        sys.stdout.write(json.dumps(sandbox.describe()) + "\n")
        sys.stdout.flush()
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument(
        "--advertise", help="host name in the printed addresses (default: the one listened on)"
    )
    parser.add_argument("--port-mode", type=int, default=0, help="default: any free port")
    parser.add_argument("--port-catalog", type=int, default=0, help="default: any free port")
    parser.add_argument("--time-scale", type=float, default=1.0, help="real seconds per service second")
    shape = " ".join(field.name for field in fields(WorkspaceShape))
    parser.add_argument("--shape", nargs="*", default=[], metavar="NAME=VALUE", help=f"names: {shape}")
    for name in ("mode", "catalog"):
        parser.add_argument(
            f"--{name}",
            nargs="*",
            default=[],
            metavar="SWITCH=VALUE",
            help=f"switches of {name}; JSON values",
        )
    return parser


def _sandbox(options: argparse.Namespace) -> Sandbox:
    token, secret = os.environ.get("SANDBOX_MODE_TOKEN"), os.environ.get("SANDBOX_MODE_SECRET")
    return Sandbox(
        shape=WorkspaceShape(**_pairs(options.shape)),
        mode=ModeSwitches().throw(**_pairs(options.mode)),
        catalog=CatalogSwitches().throw(**_pairs(options.catalog)),
        time_scale=options.time_scale,
        host=options.host,
        advertise=options.advertise,
        port_mode=options.port_mode,
        port_catalog=options.port_catalog,
        mode_credentials=Credentials(token, secret) if token and secret else None,
        catalog_token=os.environ.get("SANDBOX_CATALOG_TOKEN"),
        source_id=os.environ.get("SANDBOX_SOURCE_ID"),
    )


def _pairs(texts: list[str]) -> dict[str, Any]:
    """``name=value`` pairs; a value that is not JSON is a string."""
    pairs = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            pairs[name] = json.loads(value)
        except ValueError:
            pairs[name] = value
    return pairs


if __name__ == "__main__":
    sys.exit(main())
