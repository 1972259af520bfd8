"""Values as they are typed, refused with a sentence when they make no sense.

The sentences do not repeat what was typed: a secret behind the wrong flag must not end in a log.
"""

from __future__ import annotations

import argparse
import math
from datetime import timedelta

#: Seconds that somebody may want to wait; a platform cannot hold much more.
_LONGEST = 366 * 86_400.0

#: Days that somebody may want to look back; before that there were neither dates nor Mode.
_LONGEST_LOOK = 36_525.0


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError("it is not a number")
    return value


def seconds(text: str) -> float:
    """Read zero or more seconds."""
    if (value := _number(text)) < 0:
        raise argparse.ArgumentTypeError("it is negative")
    if value > _LONGEST:
        raise argparse.ArgumentTypeError("it is more than a year")
    return value


def positive(text: str) -> float:
    """Read a number above zero."""
    if (value := _number(text)) <= 0:
        raise argparse.ArgumentTypeError("it is not above 0")
    return value


def share(text: str) -> float:
    """Read a share between 0 and 1."""
    if not 0 <= (value := _number(text)) <= 1:
        raise argparse.ArgumentTypeError("it is not between 0 and 1")
    return value


def count(text: str) -> int:
    """Read a whole number that is zero or more."""
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError("it is not a whole number, zero or more")
    return int(text)


def at_least_one(text: str) -> int:
    """Read a whole number above zero."""
    if not (value := count(text)):
        raise argparse.ArgumentTypeError("it is not above 0")
    return value


def hours(text: str) -> timedelta:
    """A duration in hours, above zero, of at most a hundred years."""
    if (value := positive(text)) > _LONGEST_LOOK * 24:
        raise argparse.ArgumentTypeError("so many hours are too many")
    return timedelta(hours=value)


def days(text: str) -> timedelta:
    """A duration in days, above zero, of at most a hundred years."""
    if (value := positive(text)) > _LONGEST_LOOK:
        raise argparse.ArgumentTypeError("so many days are too many")
    return timedelta(days=value)


def assignment(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("it is not NAME=VALUE")
    return name, value
