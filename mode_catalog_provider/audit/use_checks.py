"""The checks of use: what nobody edits, runs, views or schedules any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.audit.values import sortable, times
from mode_catalog_provider.text import first_of, visible

#: Names in one sentence.
_NAMED = 5


def stale(facts: Facts, pages: Pages, *, stale_after: timedelta, at: datetime) -> Iterator[Finding]:
    """Reports that nobody edited, ran, viewed or scheduled since, as far as Mode says."""
    since = sortable(_before(at, stale_after))
    # "changed" is moved by runs, so it bounds the last run where Mode does not tell it.
    found = facts.ask(
        """
        SELECT token, name, edited, changed, ran, viewed, views, schedules FROM report
        WHERE NOT archived AND changed IS NOT NULL AND max(changed, coalesce(edited, ''), coalesce(ran, ''),
            coalesce(viewed, '')) < :since AND coalesce(schedules, 0) = 0
        ORDER BY coalesce(views, 0), changed, token
        """,
        since=since,
    )
    for token, name, edited, changed, ran, viewed, views, schedules in found:
        said = [f"was edited last on {edited[:10]}" if edited else f"has not changed since {changed[:10]}"]
        said += [f"ran last on {ran[:10]}"] if ran else []
        said += [f"was viewed last on {viewed[:10]}"] if viewed else []
        said += [f"was viewed {times(views)} in all"] if views is not None else []
        said += ["has no schedule"] if schedules == 0 else []
        yield pages.report("stale", token, name, f"{', '.join(said)}.", "Archive it if nobody needs it.")


def unmaintained(facts: Facts, pages: Pages, *, stale_after: timedelta, at: datetime) -> Iterator[Finding]:
    """Reports that are used although nobody has edited them for long: one finding for each collection."""
    since = sortable(_before(at, stale_after))
    found = facts.ask(
        """
        SELECT collection, coalesce(collection.name, collection), json_group_array(report), sum(is_scheduled),
            min(edited)
        FROM (
            SELECT report.token AS report, collection, edited, coalesce(schedules, 0) > 0 AS is_scheduled
            FROM report
            WHERE NOT archived AND edited < :since AND NOT (max(changed, edited, coalesce(ran, ''),
                coalesce(viewed, '')) < :since AND coalesce(schedules, 0) = 0)
            ORDER BY views DESC, report.token
        ) LEFT JOIN collection ON collection.token = collection
        GROUP BY collection ORDER BY count(*) DESC, collection
        """,
        since=since,
    )
    for collection, name, tokens, scheduled, oldest in found:
        reports = json.loads(tokens)
        names = [_name(facts, token) for token in reports[:_NAMED]]
        yield Finding(
            check="unmaintained",
            asset="collection",
            token=collection,
            name=name or "",
            what=f"In collection '{visible(name)}', {_counted(len(reports))} still used, but not edited "
            f"since {since[:10]} (the oldest edit is of {oldest[:10]}; {scheduled} scheduled): "
            f"{first_of(names, _NAMED, of=len(reports))}.",
            advice="Ask the owners whether the numbers are still right.",
            related=tuple(reports),
            url=pages.of("collection", collection),
            group=f"{collection}",
        )


def _before(at: datetime, duration: timedelta) -> datetime:
    try:
        return at - duration
    except OverflowError:
        return datetime.min.replace(tzinfo=at.tzinfo)


def _counted(reports: int) -> str:
    return "1 report is" if reports == 1 else f"{reports} reports are"


def _name(facts: Facts, token: str) -> str:
    ((name,),) = facts.ask("SELECT name FROM report WHERE token = :token", token=token)
    return str(name or token)
