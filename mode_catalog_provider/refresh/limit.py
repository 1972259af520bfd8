"""How many runs a refresh may start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from mode_catalog_provider.errors import TooManyRunsError
from mode_catalog_provider.refresh.runs import RunTarget
from mode_catalog_provider.refresh.targets import Choice


def refuse_too_many(
    choices: Iterable[Choice],
    *,
    max_runs: int | None,
    begun: Collection[str] = (),
    going_on: Callable[[RunTarget], bool] = lambda target: False,
) -> None:
    """Refuse a refresh that would start more runs than allowed, before any is started.

    :param choices: from :func:`find_targets`.
    :param max_runs: how many may be started; ``None``: any number.
    :param begun: paths of targets that have their run already.
    :param going_on: whether a run of a target is in progress, and so will be joined; asked only as long as
        the answer can make a difference.
    :raises TooManyRunsError: with the number.
    """
    wanted = [choice.target for choice in choices if choice.run and choice.target.path not in begun]
    if max_runs is None:
        return
    joined = 0
    for looked_at, target in enumerate(wanted):
        if len(wanted) - joined <= max_runs or looked_at - joined > max_runs:
            break
        joined += going_on(target)
    refuse_more(len(wanted) - joined, max_runs=max_runs)


def refuse_more(number: int, *, max_runs: int | None, what: str = "runs") -> None:
    """Refuse to start so many.

    :raises TooManyRunsError: it is more than allowed.
    """
    if max_runs is not None and number > max_runs:
        raise TooManyRunsError(
            f"This refresh would start up to {number} {what} in Mode; max_runs allows {max_runs}. Nothing "
            "was started. Narrow the selection (dry_run lists it), or raise max_runs."
        )
