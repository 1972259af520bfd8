"""What can be the name of a host at all: told at once, before a resolver is asked for it again and again."""

from __future__ import annotations

import ipaddress
import re

#: Longest name that a resolver takes.
_LONGEST = 253

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")


def is_host_name(text: str) -> bool:
    """Whether a text can name a host: an IP address, or labels with dots between them.

    :param text: without port and without the brackets of an IPv6 address.
    """
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        pass
    else:
        return True
    try:
        name = text.encode("idna").decode("ascii").removesuffix(".")
    except UnicodeError:
        return False
    return len(name) <= _LONGEST and all(_LABEL.fullmatch(label) for label in name.split("."))
