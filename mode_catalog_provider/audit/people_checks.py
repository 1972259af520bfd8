"""The check of owners: who can be asked about a report?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.audit.values import times
from mode_catalog_provider.text import visible

#: States in which a member cannot sign in; Mode says "active" of the others, and "invited" of those to come.
GONE = ("banned", "deactivated", "inactive", "removed", "disabled", "rejected", "suspended", "deleted")

#: What programs call themselves.
_KEY = re.compile(r"(?:^|[-_.\s])(?:api|workspace)[-_.\s]?(?:key|token|user)(?:$|[-_.\s\d])")


def is_program(creator: str, workspace: str) -> bool:
    """Whether this is the workspace's own key, which makes things through the API and cannot leave."""
    name = creator.casefold()
    return name == workspace.casefold() or _KEY.search(name) is not None


def owner_gone(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports whose creator left, was deactivated, or is not named."""
    workspace = facts.snapshot.manifest.workspace
    found = facts.ask(
        """
        SELECT report.token, report.name, creator, views, state, username FROM report
        LEFT JOIN member ON username = folded(creator)
        WHERE NOT archived AND (creator IS NULL OR username IS NULL OR state IS NOT NULL)
        ORDER BY views DESC, report.token
        """
    )
    for token, name, creator, views, state, username in found:
        seen = "" if views is None else f"; it was viewed {times(views)}"
        advice = "Give it an owner who can answer for it, or archive it."
        if creator is None:
            what = f"has no creator that Mode names{seen}."
        elif username is None:
            if is_program(creator, workspace):
                continue
            what = f"was made by '{visible(creator)}', who is no member any more{seen}."
        elif state.casefold() in GONE:
            what = f"was made by '{visible(creator)}', whose account is {visible(state)}{seen}."
        else:
            continue
        yield pages.report("owner_gone", token, name, what, advice)
