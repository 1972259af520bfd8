"""What a key saw at the last snapshot and does not see any more: told, or a reason to make no snapshot."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

from mode_catalog_provider.errors import ConfigurationError, NewlyForbiddenError
from mode_catalog_provider.mode.hosts import PAGES
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import newest_snapshot
from mode_catalog_provider.snapshot.refusals import (
    asked_for_before,
    describe_forbidden,
    newly_forbidden,
    out_of_sight,
)

if TYPE_CHECKING:
    from mode_catalog_provider.extract.extraction import Extraction

OnForbidden = Literal["ignore", "warn", "fail"]


def on_forbidden(value: str) -> OnForbidden:
    """Return what to do about new refusals.

    :raises ConfigurationError: it is none of the three.
    """
    for choice in get_args(OnForbidden):
        if value == choice:
            return choice  # type: ignore[no-any-return]
    raise ConfigurationError(f"on_forbidden is 'ignore', 'warn' or 'fail', not {value!r}.")


def look_at_refusals(
    extraction: Extraction, layout: Layout, *, react: OnForbidden, log: logging.Logger
) -> int:
    """Compare what an extraction was shown with the newest snapshot, however Mode hides what it hides.

    :param extraction: whose rows were all read.
    :param layout: where the earlier snapshots lie.
    :param react: ``warn`` names what is new in the log, ``fail`` raises, ``ignore`` does not look.
    :return: how many objects are new among what is refused or out of sight.
    :raises NewlyForbiddenError: there are such, and ``react`` is ``fail``.
    """
    if react == "ignore":
        return 0
    new: list[Mapping[str, Any]] = []
    with _told_if_it_cannot_be(log):
        if (previous := newest_snapshot(layout)) is not None:
            options = extraction.options.to_json()
            refused = newly_forbidden([entry.to_json() for entry in extraction.left_out], previous.manifest)
            new += asked_for_before(refused, options=options, previous=previous)
            new += list(out_of_sight(extraction.shown, options=options, previous=previous))
    if not new:
        return 0
    said = f"Mode refuses what it showed at the last snapshot, or does not show it: {describe_forbidden(new)}"
    if react == "fail":
        pages = (f"{PAGES[one['asset']]}/{one['token']}" for one in new if one["asset"] in PAGES)
        first = next(pages, None)
        at = f" The first is {first}." if first else ""
        raise NewlyForbiddenError(
            f"{said}{at} No snapshot was made. To accept it once, run with on_forbidden='warn'."
        )
    log.warning("%s", said)
    return len(new)


@contextmanager
def _told_if_it_cannot_be(log: logging.Logger) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # The extraction is good whatever became of the earlier files. Any exception: they may be damaged, or
        # somebody else's, and each object store has errors of its own.
        log.warning("Whether the key sees less than at the last snapshot cannot be told: %s", error)
