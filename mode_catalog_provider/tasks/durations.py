"""Lengths of time that are no templates, checked when the DAG is parsed."""

from __future__ import annotations

from datetime import timedelta


def length_of_time(name: str, value: timedelta) -> timedelta:
    """Return a length of time; a number does not say whether seconds, hours or days are meant.

    :param name: the argument's name, for the message.
    :raises ValueError: it is no ``timedelta``.
    """
    if not isinstance(value, timedelta):
        raise ValueError(
            f"{name}={value!r} is no length of time: give a timedelta, such as timedelta(hours=1)."
        )
    return value
