"""Mode clients as people write them: one request after another, rows in lists, files at the end.

:func:`careful` is the best of that kind: it asks for all collections, follows pages until one is empty,
lists datasets too, and waits after a 429 as long as it was told. :func:`hasty` is the common kind: no filter,
so only the collections that the key's owner joined, the first page of each listing, and a 429 is the end.
Neither looks at the rate. Both read members' user records one by one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

Row = dict[str, Any]


class _Client:
    def __init__(self, mode: dict[str, Any], *, waits: bool) -> None:
        self._host, self._workspace, self._waits = mode["url"], mode["workspace"], waits
        self._session = requests.Session()
        self._session.auth = (mode["token"], mode["secret"])

    def get(self, path: str) -> Row:
        url = f"{self._host}/api/{path if path.startswith('person') else f'{self._workspace}/{path}'}"
        answer = self._session.get(url, timeout=60)
        while answer.status_code == 429 and self._waits:
            time.sleep(float(answer.headers.get("Retry-After", 10)))
            answer = self._session.get(url, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())

    def rows(self, path: str, key: str) -> list[Row]:
        return list(self.get(path).get("_embedded", {}).get(key, []))

    def pages(self, path: str, key: str) -> Iterator[Row]:
        page = 1
        while rows := self.rows(f"{path}{'&' if '?' in path else '?'}page={page}", key):
            yield from rows
            page += 1


def careful(mode: dict[str, Any], folder: str) -> None:
    """Extract the workspace into a folder."""
    client = _Client(mode, waits=True)
    found: dict[str, list[Row]] = {"datasource": client.rows("data_sources", "data_sources")}
    found["collection"] = [
        space for space in client.pages("spaces?filter=all", "spaces") if space["space_type"] != "private"
    ]
    found["report"] = []
    found["query"] = []
    for space in found["collection"]:
        for kind in ("reports", "datasets"):
            for report in client.pages(f"spaces/{space['token']}/{kind}", "reports"):
                found["report"].append(report)
                found["query"] += client.rows(f"reports/{report['token']}/queries", "queries")
    found["member"] = _members(client)
    _write(Path(folder), found)


def hasty(mode: dict[str, Any], folder: str) -> None:
    """Extract into a folder what the first page of everything shows."""
    client = _Client(mode, waits=False)
    found: dict[str, list[Row]] = {"datasource": client.rows("data_sources", "data_sources")}
    found["collection"] = client.rows("spaces", "spaces")
    found["report"] = []
    found["query"] = []
    for space in found["collection"]:
        found["report"] += client.rows(f"spaces/{space['token']}/reports", "reports")
    for report in found["report"]:
        found["query"] += client.rows(f"reports/{report['token']}/queries", "queries")
    found["member"] = _members(client)
    _write(Path(folder), found)


def _members(client: _Client) -> list[Row]:
    return [
        {**membership, **client.get(membership["member_username"])}
        for membership in client.rows("memberships", "memberships")
    ]


def _write(folder: Path, found: dict[str, list[Row]]) -> None:
    for asset, rows in found.items():
        (folder / f"{int(time.time())}-{asset}.json").write_text(json.dumps(rows))
