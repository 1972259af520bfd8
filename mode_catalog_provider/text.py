"""Text that strangers wrote, made safe to show: names and messages from Mode and Catalog.

Whoever may name a report in Mode writes into our logs, terminals, mails and pages. Each such text passes here
first; only the files for Catalog keep it as it is. HTML is escaped by its templates on top of this.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sized

#: Characters of a name that are shown by default; the rest is told as an ellipsis.
NAME_LENGTH = 100

#: Escapes people know; every other invisible character is shown by its number.
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

#: Control, format (direction marks, zero width), surrogates, private use, unassigned, line and paragraph
#: separators.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

#: Invisible as well, though Unicode has them among letters, marks and signs: fillers, and what chooses a
#: variant of the character before, but for the one of emoji behind an emoji.
_BLANK = re.compile(
    "[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\ufe00-\\ufe0e\\uffa0\\U000e0100-\\U000e01ef]"
    "|(?<![\\xa9\\xae\\u2000-\\u2bff\\u3000-\\u303f\\u3297\\u3299\\U0001f000-\\U0001faff])\\ufe0f(?!\\u20e3)"
)

#: What makes a terminal, a log page, a mail or a chat draw a link.
_LINKING = re.compile(
    r"(?i):(?=//)|(?<=\bwww)\.|(?<=\bjavascript):|(?<=\bvbscript):|(?<=\bdata):|(?<=\bmailto):"
)

#: What a cell of a spreadsheet that is a formula begins with, and what some of them pass over before it.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_LEADING = ("\t", "\r", "\n")

#: What makes Markdown draw one of an e-mail address, escaped or not.
_MAILING = re.compile(r"(?<=[\w.+-])@(?=[\w-])")

#: What Markdown, and HTML inside it, take for more than text.
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~$@])")


def visible(value: object, limit: int = NAME_LENGTH) -> str:
    """Return a stranger's text as one printable line in which nothing is clickable.

    Control and direction characters are shown by their escapes, white space at the ends and in a row is
    folded, ``://`` and ``www.`` are written ``[:]//`` and ``www[.]`` as people defang addresses.

    :param value: any value of an answer; ``None`` becomes ``""``.
    :param limit: most characters returned, default 100; what is longer ends in ``…``.
    """
    if value is None:
        return ""
    # Nobody reads on after the limit, so a name of many megabytes costs nothing.
    text = value if isinstance(value, str) else _spelled(value)
    text = text.strip()[: limit + 1]
    text = printable(text)
    text = _LINKING.sub(lambda found: found.group(0).replace(":", "[:]").replace(".", "[.]"), text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def printable(line: str) -> str:
    """Return one line as it is, with its control and direction characters shown by their escapes.

    The last guard of a terminal and of a log; strangers' texts in it have passed :func:`visible` before.
    """
    if not line.isprintable():
        line = "".join(_seen(character) for character in line)
    return line if line.isascii() else _BLANK.sub(lambda found: _escaped(found[0]), line)


def cell(text: str) -> str:
    """Return a stranger's text for a cell of a CSV file: printable, and no formula to a spreadsheet.

    It keeps its length and its links; what a spreadsheet would compute gets an apostrophe before it.
    """
    shown = printable(text)
    return f"'{shown}" if text.lstrip().startswith(_FORMULA) or text[:1] in _LEADING else shown


def markdown(value: object, limit: int = NAME_LENGTH) -> str:
    """Return a stranger's text for Markdown, in which it is nothing but text; safe inside HTML as well.

    :param value: as for :func:`visible`, as is ``limit``.
    """
    text = _MAILING.sub("[@]", visible(value, limit))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\1", text)


def first_of(
    names: Iterable[object],
    limit: int = 10,
    *,
    of: int | None = None,
    separator: str = ", ",
    length: int = NAME_LENGTH,
) -> str:
    """Return the first few names of many, and how many more there are: ``a, b, and 3 more``.

    :param names: strangers' texts; each passes :func:`visible`.
    :param limit: how many are named, default 10.
    :param of: how many there are, where ``names`` is not all of them and has no length.
    :param separator: between two of them, default a comma.
    :param length: most characters of each, default 100.
    """
    shown: list[str] = []
    rest = 0
    for name in names:
        if len(shown) < limit:
            shown.append(visible(name, length))
            continue
        if isinstance(names, Sized):
            rest = len(names) - limit
            break
        rest += 1
    if of is not None:
        rest = max(of - len(shown), 0)
    return separator.join([*shown, f"and {rest} more"] if rest else shown)


def _spelled(value: object) -> str:
    try:
        return str(value)
    except (RecursionError, ValueError):
        # Lists in lists in lists, or an integer of thousands of digits, which Python refuses to write out.
        return f"({type(value).__name__})"


def _seen(character: str) -> str:
    if character == " " or not (
        unicodedata.category(character) in _UNSEEN or (character.isspace() and character != " ")
    ):
        return character
    return _ESCAPES.get(character) or _escaped(character)


def _escaped(character: str) -> str:
    number = ord(character)
    if number > 0xFFFF:
        return f"\\U{number:08x}"
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
