"""The values of Liquid that a query's own text tells: assigned ones, loops over them, defaults of a form."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: A text, a list of them, or ``None`` where only a run of the report would tell.
Value = str | tuple[str, ...] | None

#: Items of a list that a loop goes through; what is longer is cut, for the tables repeat.
LONGEST_LIST = 40

#: Characters of one value. Values made of values could grow without end otherwise.
_LONGEST = 20_000

_PIECE = re.compile(r"""'[^']*'|"[^"]*"|\||[^'"|]+|['"]""")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")
_RANGE = re.compile(r"\(\s*(\d{1,6})\s*\.\.\s*(\d{1,6})\s*\)")
_COMPARISON = re.compile(r"\s*([\w.-]+)\s*(==|!=|<>)\s*('[^']*'|\"[^\"]*\"|[\w.-]+)\s*")
_FORM_FIELD = re.compile(r"([A-Za-z_][\w-]*)\s*:\s*")
_FORM_DEFAULT = re.compile(r"\s+default\s*:\s*(\S.*?)\s*", re.IGNORECASE)


def value_of(expression: str, known: Mapping[str, Value]) -> Value:
    """Return the value of a Liquid expression with its filters, ``None`` where it is not known.

    :param expression: what stands between ``{{`` and ``}}``, or after the ``=`` of an ``assign``.
    :param known: values by name.
    """
    first, *filters = _split(expression)
    value = _operand(first.strip(), known)
    for one in filters:
        value = _filtered(value, one.strip(), known)
        if isinstance(value, str) and len(value) > _LONGEST:
            return None
    return value


def truth_of(condition: str, known: Mapping[str, Value]) -> bool | None:
    """Return whether a condition holds, ``None`` where it is not known.

    Only what the text itself decides: the place in a loop, and comparisons with an assigned value.
    """
    text = condition.strip()
    if text in ("true", "false"):
        return text == "true"
    if text in ("forloop.first", "forloop.last"):
        place = known.get(text)
        return None if place is None else place == "true"
    compared = _COMPARISON.fullmatch(condition)
    if compared is None:
        return None
    one, other = _operand(compared[1], known), _operand(compared[3], known)
    if not isinstance(one, str) or not isinstance(other, str):
        return None
    return (one == other) is (compared[2] == "==")


def equality(condition: str) -> tuple[str, str] | None:
    """Return the name and the value of a condition such as ``kind == 'a'``, ``None`` for another one."""
    compared = _COMPARISON.fullmatch(condition)
    if compared is None or compared[2] != "==" or not is_name(compared[1]):
        return None
    value = _operand(compared[3], {})
    return (compared[1], value) if isinstance(value, str) else None


def form_defaults(form: str) -> dict[str, str]:
    """Return the defaults of a form's fields that are a single value, by the field's name.

    :param form: what stands between ``{% form %}`` and ``{% endform %}``.
    """
    defaults: dict[str, str] = {}
    name = None
    for line in form.splitlines():
        if field := _FORM_FIELD.fullmatch(line):
            name = field[1]
        elif name is not None and len(line) < 300 and (default := _FORM_DEFAULT.fullmatch(line)):
            text = default[1]
            if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
                text = text[1:-1]
            if text and text[0] not in "[{&*!|>%@" and "{" not in text:
                defaults[name] = text
    return defaults


def _split(expression: str) -> list[str]:
    parts = [""]
    for piece in _PIECE.findall(expression):
        if piece == "|":
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _operand(text: str, known: Mapping[str, Value]) -> Value:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if _NUMBER.fullmatch(text) or text in ("true", "false"):
        return text
    if found := _RANGE.fullmatch(text):
        first, last = int(found[1]), int(found[2])
        return tuple(str(number) for number in range(first, min(last, first + LONGEST_LIST - 1) + 1))
    return known.get(text)


def _filtered(value: Value, text: str, known: Mapping[str, Value]) -> Value:
    name, _, rest = text.partition(":")
    name = name.strip()
    arguments = [_operand(one.strip(), known) for one in _arguments(rest)] if rest else []
    if name == "default":
        return value if value else (arguments[0] if arguments else None)
    if isinstance(value, tuple):
        if name == "join" and len(arguments) < 2 and all(isinstance(one, str) for one in arguments):
            return str(arguments[0] if arguments else " ").join(value)
        if name in ("first", "last") and value:
            return value[0 if name == "first" else -1]
        return value if name in ("uniq", "sort", "compact", "reverse") else None
    if value is None or not all(isinstance(one, str) for one in arguments):
        return None
    texts = [str(one) for one in arguments]
    match name, texts:
        case "split", [separator]:
            items = value.split(separator, LONGEST_LIST) if separator else list(value)
            return tuple(items[:LONGEST_LIST])
        case "append", [other]:
            return value + other
        case "prepend", [other]:
            return other + value
        case "upcase", []:
            return value.upper()
        case "downcase", []:
            return value.lower()
        case (("strip" | "lstrip" | "rstrip"), []):
            return value.strip()
        case "remove", [other]:
            return value.replace(other, "") if other else value
        case "replace", [old, new]:
            return value.replace(old, new) if old and len(new) < 200 else None
        case _:
            return None


def _arguments(text: str) -> list[str]:
    parts = [""]
    for piece in re.findall(r"""'[^']*'|"[^"]*"|,|[^'",]+|['"]""", text):
        if piece == ",":
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def is_name(text: str) -> bool:
    """Whether a text can be the name of a Liquid variable."""
    return _NAME.fullmatch(text) is not None
