"""What a request to Mode is about, in one of a few words: read off the shape of its path, never a token."""

from __future__ import annotations

from urllib.parse import urlsplit

from mode_catalog_provider.http.statistics import OTHER

#: The segment of a path that tells most, and the word for it; the last one of a path counts.
_WORDS = {
    "verify": "verify",
    "api_keys": "keys",
    "access_tokens": "keys",
    "signature_tokens": "keys",
    "data_sources": "sources",
    "schema_updates": "schema_updates",
    "spaces": "spaces",
    "definitions": "definitions",
    "reports": "reports",
    "datasets": "datasets",
    "queries": "queries",
    "runs": "runs",
    "report_runs": "runs",
    "query_runs": "runs",
    "schedules": "schedules",
    "memberships": "members",
    "users": "members",
    "groups": "groups",
    "permissions": "permissions",
    "entitlements": "permissions",
}

#: All words there are, in the order of the alphabet. The batch listings of the Discovery API are one.
OPERATIONS = tuple(sorted({*_WORDS.values(), "batch", OTHER}))


def operation_of(path: str) -> str:
    """Return the word for a path or address of Mode's API.

    :param path: absolute or below the workspace, a query and whole addresses allowed.
    """
    segments = [segment for segment in urlsplit(path).path.split("/") if segment]
    # The segment after these two is the workspace's name, which may read like one of the words.
    if segments[:1] in (["api"], ["batch"]) and len(segments) > 2:
        del segments[1]
    found = next((_WORDS[segment] for segment in reversed(segments) if segment in _WORDS), OTHER)
    return "batch" if segments[:1] == ["batch"] and found != "keys" else found
