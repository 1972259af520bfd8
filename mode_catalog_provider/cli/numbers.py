"""Numbers as they are typed, refused with a sentence when they make no sense."""

from __future__ import annotations

import argparse
import math
from datetime import timedelta


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def seconds(text: str) -> float:
    """Read zero or more seconds."""
    if (value := _number(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is negative")
    return value


def positive(text: str) -> float:
    """Read a number above zero."""
    if (value := _number(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def share(text: str) -> float:
    """Read a share between 0 and 1."""
    if not 0 <= (value := _number(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def count(text: str) -> int:
    """Read a whole number that is zero or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, zero or more")
    return int(text)


def days(text: str) -> timedelta:
    """A duration in days, above zero."""
    try:
        return timedelta(days=positive(text))
    except OverflowError:
        raise argparse.ArgumentTypeError(f"{text!r} days are too many") from None
