"""The findings of the newest audit as a list with filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mode_catalog_provider.audit.finding import CHECKS, Finding
from mode_catalog_provider.page import parameters
from mode_catalog_provider.page.workspaces import Workspace


def findings_page(workspace: Workspace, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the list shows.

    :param workspace: whose audit is meant.
    :param given: ``q``, ``check``, ``new``, ``page`` and ``rows`` of the request.
    """
    page, rows = parameters.page_and_rows(given)
    words = parameters.search(given)
    check = parameters.one_of(given, "check", CHECKS)
    new = parameters.one_of(given, "new", ("yes",))
    audit = next(iter(workspace.records.audits(1)), None)
    if audit is None:
        return {"audit": None}
    wanted = words.casefold().split()[:20]
    found = [
        one
        for one in audit.findings
        if (not check or one.check == check) and (not new or one.is_new) and _has(one, wanted)
    ]
    return {
        "audit": audit,
        "checks": CHECKS,
        "found": found[(page - 1) * rows : page * rows],
        "total": len(found),
        "asked": {"q": words, "check": check, "new": new, "page": page, "rows": rows},
    }


def _has(finding: Finding, words: list[str]) -> bool:
    if not words:
        return True
    text = f"{finding.name} {finding.token} {finding.what} {finding.advice}".casefold()
    return all(word in text for word in words)
