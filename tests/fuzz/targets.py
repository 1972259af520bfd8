"""The parsers of what comes from outside. Each takes whatever comes; only typed errors, or a value, come out.

A target gets a source of chance and tries one input. To add one, write a function with :func:`target` on it.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from requests.structures import CaseInsensitiveDict

from mode_catalog_provider.audit.finding import AuditReport, Family, Finding
from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.responses import raise_passing, raise_redirect, said
from mode_catalog_provider.contract import DATA_ASSETS, KEYS, SUMMARY
from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.http.credential_text import credential_text
from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.http.proxies import proxy_for
from mode_catalog_provider.http.response import Answer, excerpt, read_json
from mode_catalog_provider.http.retry import parse_http_date, parse_retry_after
from mode_catalog_provider.http.session import base_url
from mode_catalog_provider.lock.lease import LeaseRecord
from mode_catalog_provider.mode.credentials import ModeCredentials
from mode_catalog_provider.mode.hosts import Address, workspace_name
from mode_catalog_provider.mode.pages import PageWalk
from mode_catalog_provider.mode.request import json_object, rate_headers, refusal
from mode_catalog_provider.moments import parsed
from mode_catalog_provider.snapshot.facts import FACT_ASSETS, read_facts
from mode_catalog_provider.snapshot.inspection import inspect_file
from mode_catalog_provider.snapshot.manifest import Manifest
from tests.fuzz.mutations import ODD_VALUES, as_json, mutated_bytes, mutated_document

Target = Callable[[random.Random], None]

TARGETS: dict[str, Target] = {}

KEY = ModeCredentials(token="0123456789ab", secret="s3cret")
ID = "11111111-1111-4111-8111-111111111111"
STATUSES = (200, 201, 204, 301, 302, 400, 401, 403, 404, 408, 409, 418, 429, 500, 502, 503, 999)


def target(parser: Target) -> Target:
    """Make a function one of the targets, under its name."""
    TARGETS[parser.__name__] = parser
    return parser


@cache
def folder() -> Path:
    """A folder in memory, where there is one, for parsers that read files."""
    memory = Path("/dev/shm")
    kept = tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory if memory.is_dir() else None)
    _kept.append(kept)
    return Path(kept.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


def some_bytes(good: tuple[Any, ...], chance: random.Random) -> bytes:
    """Something close to one of the good documents, or nothing like it."""
    kind = chance.random()
    if kind < 0.1:
        return bytes(chance.randrange(256) for _ in range(chance.randint(0, 60)))
    document = chance.choice(good)
    if kind < 0.6:
        document = mutated_document(document, chance)
    content = as_json(document, chance)
    return content if kind < 0.5 else mutated_bytes(content, chance)


# -- answers -----------------------------------------------------------------------------------------------

BODIES: tuple[Any, ...] = (
    {"workspace": "acme", "_links": {"self": {"href": "/api/acme"}}, "api_key_scope": "workspace"},
    {"_embedded": {"reports": [{"token": "0a1b", "id": 7, "name": "Sales"}]}, "pagination": {"page": 1}},
    {"message": "no", "id": "not_found"},
    {"message": {"text": "no", "why": ["a", "b"]}},
    {"errors": [{"message": "no"}]},
    {"error": "no"},
    "<html><body>Sign in</body></html>",
    [1, 2, 3],
)


def some_answer(good: tuple[Any, ...], chance: random.Random) -> Answer:
    """An answer with an odd body and odd headers."""
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name in ("Content-Type", "Retry-After", "Date", "X-RateLimit-Limit", "X-RateLimit-Remaining"):
        if chance.random() < 0.6:
            headers[name] = some_header(chance)
    return Answer(
        status=chance.choice(STATUSES),
        headers=headers,
        body=some_bytes(good, chance),
        asked="Mode GET /api/acme/reports",
    )


@target
def json_answers(chance: random.Random) -> None:
    """Bodies of Mode, good ones and refusals."""
    answer = some_answer(BODIES, chance)
    with suppress(ModeCatalogError):
        read_json(answer)
    with suppress(ModeCatalogError):
        json_object(answer, may_be_empty=chance.random() < 0.5)
    assert len(excerpt(answer, hide=KEY.hidden)) <= 200
    assert isinstance(refusal(answer, KEY), ModeCatalogError)


@target
def catalog_answers(chance: random.Random) -> None:
    """What Catalog says with a status and a few words."""
    answer = some_answer(BODIES, chance)
    with suppress(ModeCatalogError):
        raise_passing(answer)
    with suppress(ModeCatalogError):
        raise_redirect(answer, setting="ingest_url", connection="catalog")
    said(answer, ("clsc_x",))


# -- headers -----------------------------------------------------------------------------------------------

HEADERS = (
    "120",
    "1.5",
    "-3",
    "1e300",
    "inf",
    "nan",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "Wednesday, 21-Oct-26 07:28:00 GMT",
    "Wed Oct 21 07:28:00 2026",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "40",
    "\u00b2",
    "\u0663",
    "9" * 5000,
    "application/json",
    "text/html",
    "",
)


def some_header(chance: random.Random) -> str:
    """A header's text: bytes that were read as Latin-1."""
    text = chance.choice(HEADERS)
    if chance.random() < 0.3:
        return text
    return mutated_bytes(text.encode("utf-8"), chance).decode("latin-1")


@target
def headers(chance: random.Random) -> None:
    """Retry-After, Date, and how much of the rate limit is left."""
    now = parse_http_date(some_header(chance)) if chance.random() < 0.7 else None
    seconds = parse_retry_after(some_header(chance), now)
    assert seconds is None or 0 <= seconds < 1e9
    for number in rate_headers(some_answer(BODIES, chance)):
        assert number is None or 0 <= number < 10**18


ADDRESSES = (
    "https://app.mode.com/api/verify",
    "http://127.0.0.1:8443/below",
    "//app.mode.com/x?page=1",
    "/api/acme/reports",
    "https://[::1]:1/",
    "https://[::1",
    "https://user:pass@app.mode.com/",
    "https://app.mode.com:99999999/",
    "https://\u2100.com/",
    "https://b\u00fccher.example/",
    "socks5h://proxy.example.com:1080",
    "proxy:3128",
    "javascript:alert(1)",
)


def some_address(chance: random.Random) -> str:
    """An address, or what may stand where one belongs."""
    text = chance.choice(ADDRESSES)
    if chance.random() < 0.2:
        return text
    return mutated_bytes(text.encode(), chance).decode(chance.choice(("latin-1", "utf-8")), "surrogateescape")


@target
def addresses(chance: random.Random) -> None:
    """Where a redirect leads, and addresses and names as people type them."""
    address = Address("https://app.mode.com", workspace="acme", allow_http=False, kept_in="mode_default")
    with suppress(ModeCatalogError):
        address.follow("https://app.mode.com/api/verify", some_address(chance))
    with suppress(ModeCatalogError):
        address.url(f"reports/{some_address(chance)}")
    with suppress(ModeCatalogError):
        base_url(some_address(chance), what="Mode host", allow_http=chance.random() < 0.5)
    with suppress(ModeCatalogError):
        workspace_name(some_address(chance))
    with suppress(ModeCatalogError):
        proxy_for("https://app.mode.com", Endpoint(connection="c", proxies={"https": some_address(chance)}))
    with suppress(ModeCatalogError):
        credential_text(some_address(chance), what="The token", refuse=":")


# -- listings and GraphQL ----------------------------------------------------------------------------------

PAGES: tuple[Any, ...] = (
    {
        "pagination": {"page": 1, "per_page": 30, "count": 2, "total_pages": 2, "total_count": 40},
        "_links": {"self": {"href": "/api/acme/reports"}},
        "_embedded": {"reports": [{"token": "a", "id": 1}, {"token": "b", "id": 2, "_links": {}}]},
    },
    {"_embedded": {"reports": []}, "_links": {}},
    {"pagination": {"total_count": "7", "total_pages": "1"}, "_embedded": {"reports": [{"id": "1"}, {}]}},
)


@target
def listings(chance: random.Random) -> None:
    """Pages of a listing, which may change, lie, and never end."""
    walk = PageWalk("spaces/a/reports", "reports", confirm=chance.random() < 0.5, most_pages=6)
    for _ in range(12):
        if walk.done:
            break
        try:
            body = json_object(Answer(200, {}, some_bytes(PAGES, chance), "Mode GET /api/acme/reports"))
            walk.take(body)
        except ModeCatalogError:
            break


SOURCES: tuple[Any, ...] = (
    {
        "data": {
            "getSources": {
                "totalCount": 1,
                "data": [
                    {
                        "id": ID,
                        "name": "Snowflake",
                        "technology": "SNOWFLAKE",
                        "type": "WAREHOUSE",
                        "origin": "API",
                        "lastRefreshedAt": 1763616600000,
                        "deletedAt": None,
                    }
                ],
            },
            "getDashboards": {"totalCount": 5},
        }
    },
    {"errors": [{"message": "no", "name": "AuthorizationError", "extensions": {"code": "FORBIDDEN"}}]},
    {"errors": [{"message": "no", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}], "data": None},
    {"data": None},
)


@cache
def _api() -> CatalogApi:
    return CatalogApi(CatalogEndpoint(token=lambda: "clsc_x", retry_budget=-1))


@target
def graphql(chance: random.Random) -> None:
    """Answers of Catalog's GraphQL API."""
    api = _api()
    api._session = SimpleNamespace(exchange=lambda *_, **__: some_answer(SOURCES, chance))  # type: ignore[assignment]
    with suppress(ModeCatalogError):
        list(api.sources())
    with suppress(ModeCatalogError):
        api.dashboards_count(ID)


# -- files -------------------------------------------------------------------------------------------------


def _file(asset: str, rows: int | None) -> dict[str, Any]:
    return {
        "asset": asset,
        "name": f"1763616600-{asset}.json",
        "bytes": 10,
        "rows": rows,
        "sha256": hashlib.sha256(b"").hexdigest(),
    }


MANIFEST: dict[str, Any] = {
    "format_version": 1,
    "timestamp": 1763616600,
    "workspace": "acme",
    "host": "https://app.mode.com",
    "provider_version": "0.1.0",
    "started_at": "2026-11-20T05:30:00+00:00",
    "finished_at": "2026-11-20T05:40:00+00:00",
    "strategy": "rest",
    "options": {"members": "full"},
    "files": [*(_file(asset, 2) for asset in DATA_ASSETS), _file(SUMMARY, None)],
    "left_out": [{"asset": "report", "token": "a", "name": "x", "reason": "forbidden", "status": 403}],
    "filtered": {"personal": 1},
    "figures": {"requests": 7},
    "readings": None,
    "facts": [],
    "reuse": {"snapshot": None, "full_because": "first"},
    "answers": [{"dag_id": "d", "run_id": "r"}],
}


def with_checksum(document: dict[str, Any]) -> dict[str, Any]:
    """Give a manifest the checksum that its content has."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return {**document, "checksum": hashlib.sha256(canonical.encode()).hexdigest()}


@target
def manifests(chance: random.Random) -> None:
    """Manifests, mostly with a right checksum: what somebody rewrote by program is refused as well."""
    document = mutated_document(MANIFEST, chance) if chance.random() < 0.9 else dict(MANIFEST)
    content = as_json(with_checksum(document) if isinstance(document, dict) else document, chance)
    try:
        manifest = Manifest.from_bytes(content if chance.random() < 0.7 else mutated_bytes(content, chance))
    except ModeCatalogError:
        return
    # What is read by everybody who opens a snapshot.
    assert set(manifest.rows) == set(DATA_ASSETS)
    assert sum(manifest.left_out_counts.values()) == len(manifest.left_out)
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


PUSHED: tuple[Any, ...] = (
    {
        "format_version": 1,
        "source_id": ID,
        "timestamp": 1763616600,
        "workspace": "acme",
        "host": "https://app.mode.com",
        "rows": {"report": 12, "query": 30},
        "files": {"1763616600-report.json": {"sha256": "0" * 64, "state": "stored"}},
        "completed_at": "2026-11-20T05:45:00+00:00",
        "refused": None,
        "accepted": None,
    },
)


@target
def push_records(chance: random.Random) -> None:
    """Records of what Catalog holds."""
    path = folder() / "1763616600.pushed"
    path.write_bytes(some_bytes(PUSHED, chance))
    with suppress(ModeCatalogError):
        record = push_record.read(path)
        assert record is not None
        push_record.write(folder() / "again.pushed", record)


REPORT = AuditReport(
    timestamp=1763616600,
    workspace="acme",
    checks=("same_name",),
    findings=(
        Finding(
            check="same_name", asset="report", token="a", name="Sales", what="has a twin", related=("b",)
        ),
        Finding(check="same_name", asset="report", token=None, name="", what="x", group="g", difference="-1"),
    ),
    not_checked={"owners": "no members"},
    families=(Family(survivor="a", why="viewed most", members=("a", "b"), advice={"b": "archive it"}),),
)
AUDITS: tuple[Any, ...] = (json.loads(REPORT.to_bytes()),)


@target
def audits(chance: random.Random) -> None:
    """Reports of earlier audits, with which a new one is compared."""
    with suppress(ModeCatalogError):
        earlier = AuditReport.from_bytes(some_bytes(AUDITS, chance))
        REPORT.compared([earlier])
        assert isinstance(earlier.counts, dict)
        assert all(isinstance(found.message, str) for found in earlier.findings)


@target
def facts(chance: random.Random) -> None:
    """Side files of a snapshot."""
    asset = chance.choice(tuple(FACT_ASSETS))
    lines = [{"version": 1, "asset": asset}, *({"token": f"{n:04}", "name": "x", "n": n} for n in range(3))]
    content = b"".join(as_json(line, random.Random(0)).replace(b"\n", b"") + b"\n" for line in lines)
    place = chance.randrange(len(lines))
    if chance.random() < 0.5:
        lines[place] = mutated_document(lines[place], chance)
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    else:
        content = mutated_bytes(content, chance)
    path = folder() / "1763616600.facts"
    path.write_bytes(content)
    entry = SimpleNamespace(asset=f"facts-{asset}", sha256=hashlib.sha256(content).hexdigest())
    snapshot: Any = SimpleNamespace(manifest=SimpleNamespace(facts=[entry]), file_path=lambda _: path)
    with suppress(ModeCatalogError):
        for one in read_facts(snapshot, asset):
            assert isinstance(one["token"], str)


@target
def data_files(chance: random.Random) -> None:
    """The six files, as the uploader looks at them."""
    asset = chance.choice((*DATA_ASSETS, SUMMARY))
    if asset == SUMMARY:
        good: Any = {"client_name": "ModeAnalytics/API", "connection_identity": {"base_url": "https://x/y"}}
    else:
        good = [dict.fromkeys(KEYS[asset], "x") | {"token": f"{n:04}"} for n in range(3)]
    path = folder() / f"1763616600-{asset}.json"
    path.write_bytes(some_bytes((good,), chance))
    with suppress(ModeCatalogError):
        inspect_file(path, asset, sorted_rows=chance.random() < 0.5)


# -- leases and times --------------------------------------------------------------------------------------

LEASES: tuple[Any, ...] = (
    {
        "version": 1,
        "token": "t",
        "holder": {"program": "airflow", "host": "h", "pid": 7, "dag_id": "d", "run_id": "r", "task_id": "t"},
        "ttl": 1800,
        "acquired_at": "2026-11-20T05:30:00+00:00",
        "renewed_at": "2026-11-20T05:31:00+00:00",
        "renewed_on": "h",
        "renewals": 3,
    },
)


@target
def leases(chance: random.Random) -> None:
    """Lease files: what cannot be read counts as held, and is described all the same."""
    from mode_catalog_provider.lock import lease

    good = tuple({**one, "version": lease.VERSION} for one in LEASES)
    record = LeaseRecord.read(7, some_bytes(good, chance), released=chance.random() < 0.1)
    assert record.describe()


@target
def moments(chance: random.Random) -> None:
    """Times as services write them."""
    text: Any = chance.choice((*ODD_VALUES, "2026-11-20T05:30:00Z", "2026-11-20", "20261120T053000.5+0100"))
    if isinstance(text, str) and chance.random() < 0.8:
        text = mutated_bytes(text.encode("utf-8", "surrogatepass"), chance).decode("latin-1")
    parsed(text)


# -- the wire itself ---------------------------------------------------------------------------------------

RAW = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"a": "bcd"}',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 429 Slow\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: https://x.example/\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x4a",
    b"HTTP/1.0 200\r\n\r\n{}",
    b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://[::1]:8443/\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
)


@target
def raw_answers(chance: random.Random) -> None:
    """Bytes on a socket, read by a whole session."""
    from tests.fuzz.wire import exchange

    raw = chance.choice(RAW)
    with suppress(ModeCatalogError):
        exchange(raw if chance.random() < 0.1 else mutated_bytes(raw, chance))
