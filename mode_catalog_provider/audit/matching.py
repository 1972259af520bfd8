"""Matches names with a regular expression that somebody configured, in bounded time.

Python's expressions may take years for a short name (``(a+)+$``), cannot be stopped, and keep the interpreter
from doing anything else. The names are strangers' texts. So a process of its own does the work, and is ended
when it takes too long.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence

from mode_catalog_provider.errors import ModeCatalogError

#: Seconds for one pattern and all names of a workspace; a good one needs milliseconds.
SECONDS = 10.0

#: Characters of a name that are looked at. Mode allows 64.
LONGEST = 200

_PROGRAM = """
import json, re, sys
pattern, names = json.load(sys.stdin)
find = re.compile(pattern).search
json.dump([find(name) is not None for name in names], sys.stdout)
"""


class MatchingTimeoutError(ModeCatalogError):
    """A regular expression took too long."""


def matches(pattern: str, names: Sequence[str]) -> Iterator[bool]:
    """Yield of each name whether the expression is found in it.

    :param pattern: a valid regular expression; ``^`` and ``$`` bind it to the whole name.
    :param names: of each, the first :data:`LONGEST` characters are looked at.
    :raises MatchingTimeoutError: it took longer than :data:`SECONDS` for all of them.
    """
    if not names:
        return iter(())
    asked = json.dumps([pattern, [name[:LONGEST] for name in names]]).encode("ascii")
    try:
        # Nothing of the caller's is given to a shell: the interpreter, a fixed program, data by its input.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            input=asked,
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        found: list[bool] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise MatchingTimeoutError(
            f"the regular expression takes longer than {SECONDS:g} s for {len(names)} names; it tries the "
            "same characters in too many ways, as (a+)+ does"
        ) from None
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise MatchingTimeoutError(
            f"names could not be matched in a process of their own ({type(error).__name__})"
        ) from error
    return iter(found)
