"""Addresses in Mode's web interface, for people, and what tells one Mode from another."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

#: Assets of which each object has a page, and the path of these pages in the workspace.
PAGES = {"report": "reports", "collection": "spaces"}

# Which of these serves the API has changed over the years; all belong to Mode and may see its credentials.
CLOUD_HOSTS = frozenset(
    f"{prefix}{name}" for name in ("modeanalytics.com", "app.mode.com", "mode.com") for prefix in ("", "www.")
)


def installation_of(host: str) -> str:
    """Return what tells one installation of Mode from another: host, port and path, without the scheme.

    :param host: base URL. Mode's own cloud hosts are one. What is no URL stands for itself.
    """
    try:
        parts = urlsplit(host.lower().rstrip("/"))
    except ValueError:
        return host
    if parts.hostname in CLOUD_HOSTS:
        return "mode.com"
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def path_part(name: str) -> str:
    """Return a token or name that Mode gave as one part of a path, whatever it holds.

    Half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a part that no object has.
    """
    return quote(name.encode("utf-8", "surrogatepass"), safe="")


def web_url(host: str, workspace: str, *parts: str) -> str:
    """Return the address of a workspace, or of something in it, in Mode's web interface.

    :param host: base URL, such as ``https://app.mode.com``.
    :param workspace: name of the workspace.
    :param parts: path below it, such as ``"reports", "0a1b2c3d4e5f"``.
    """
    return "/".join([host.rstrip("/"), *map(path_part, (workspace, *parts))])
