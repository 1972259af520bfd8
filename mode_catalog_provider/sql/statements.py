"""Parts the statements of SQL Server, where nobody writes semicolons; the library sqlglot needs them."""

from __future__ import annotations

import re

_WORD = re.compile(
    r"""
    (?P<comment> --[^\n]*+ | /\*.*?(?:\*/|\Z) )
  | (?P<other> '(?:[^']++|'')*+(?:'|\Z) | "[^"]*+(?:"|\Z) | \[[^\]]*+(?:\]|\Z) | [@#\d]\w*+ | \.\s*+\w++ )
  | (?P<go> (?:^|(?<=\n))[ \t]*+ go (?:[ \t]+\d+)? [ \t\r]*+ (?=\n|\Z) )
  | (?P<name> \w++ )
  | (?P<sign> [();] )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)

#: Reserved words that begin a statement, but for the places in ``_WITHIN``.
_STARTING = frozenset(
    {"commit", "create", "declare", "delete", "deny", "drop", "exec", "execute", "grant", "if", "insert"}
    | {"print", "raiserror", "return", "revoke", "rollback", "select", "set", "truncate", "update", "use"}
    | {"waitfor", "while"}
)

#: Statements that read no table. The library does not know all of them, so they are left out.
_SILENT = frozenset(
    {"commit", "deny", "exec", "execute", "grant", "print", "raiserror", "return", "revoke", "rollback"}
    | {"use", "waitfor"}
)

_VARIABLE = re.compile(r"\s*+@")

#: What may follow within a statement that begins with the first word, once.
_WITHIN = {
    "with": {"select", "insert", "update", "delete", "merge"},
    "insert": {"select"},
    "update": {"set"},
    "alter": {"set", "drop"},
}

#: Behind the second word, the first one takes nothing of another statement in any more.
_ENDING = {"insert": "values", "grant": "on", "deny": "on", "revoke": "on"}

#: After these a query goes on.
_GOING_ON = frozenset({"union", "all", "except", "intersect", "as", "for"})


def parted(text: str) -> str:
    """Return a text of SQL Server with semicolons between its statements, each on the line where it was.

    Blocks are opened, and what they depend on is a query of its own. Linear in the length of the text.
    """
    return _Parting().of(text)


class _Parting:
    def __init__(self) -> None:
        self._is_condition = False
        self._begin()

    def _begin(self, head: str = "") -> str:
        """Begin a statement by its first word, and return what ends the one before."""
        ended = " then 1 end;" if self._is_condition else ";"
        self._head, self._before, self._depth, self._cases = head, head, 0, 0
        self._is_condition = head in ("if", "while")
        self._is_silent = head in _SILENT
        return ended

    def of(self, text: str) -> str:
        pieces, at = [], 0
        for word in _WORD.finditer(text):
            if word["comment"]:
                continue
            pieces.append(self._shown(text[at : word.start()]))
            pieces.append(self._instead(word))
            at = word.end()
        return "".join([*pieces, self._shown(text[at:]), "\n", self._begin()])

    def _shown(self, text: str) -> str:
        return "\n" * text.count("\n") if self._is_silent else text

    def _instead(self, word: re.Match[str]) -> str:
        text, low = word[0], word[0].lower()
        if word["go"] or text == ";":
            return self._begin()
        if word["name"] and self._depth == 0:
            if low in ("begin", "end", "else") and not self._cases:
                return self._begin()
            if low in ("try", "catch", "tran", "transaction") and not self._head:
                return ""
            if low in _STARTING and not self._goes_on(low):
                ended = self._begin(low)
                # Options of a session; a variable may be set to what a table holds.
                self._is_silent |= low == "set" and not _VARIABLE.match(word.string, word.end())
                return ended + ("select case when" if self._is_condition else self._shown(text))
        self._cases += (low == "case") - (low == "end" and self._cases > 0)
        self._depth = max(0, self._depth + (low == "(") - (low == ")"))
        # A view or a cursor may begin with common table expressions.
        is_of_query = low == "with" and self._before in ("as", "for") and self._depth == 0
        self._head = low if is_of_query else self._head or low
        if low == _ENDING.get(self._head):
            self._head = "body"
        self._before = low
        return self._shown(text)

    def _goes_on(self, low: str) -> bool:
        if self._head in ("merge", "grant", "deny", "revoke") or self._before in _GOING_ON:
            return True
        if low == "if" and self._head in ("drop", "create", "alter"):
            return True
        if low in _WITHIN.get(self._head, ()):
            # A common table expression is followed by what could have stood alone.
            self._head = low if self._head == "with" else "body"
            return True
        return False
