"""A credential as people paste it: trimmed, and refused when it holds what no credential holds."""

from __future__ import annotations

import unicodedata

from mode_catalog_provider.errors import ConfigurationError

_QUOTES = "\"'`\u2018\u2019\u201c\u201d"


def credential_text(text: str | None, *, what: str, refuse: str = "") -> str:
    """Return a token or secret without surrounding space; ``""`` when there is none.

    :param text: as it is kept.
    :param what: what it is and where it is kept, as the beginning of a sentence; its text is never shown.
    :param refuse: further characters that it cannot hold.
    :raises ConfigurationError: it holds an invisible character, quotes around it, or one of
        ``refuse``: it was copied badly, and a service would only say that it is wrong.
    """
    credential = (text or "").strip()
    if len(credential) > 1 and credential[0] in _QUOTES and credential[-1] in _QUOTES:
        raise ConfigurationError(f"{what} stands in quotes, which no token has. Store it without them.")
    for position, character in enumerate(credential):
        # A secret may be a phrase.
        if " " <= character <= "~" and character not in refuse:
            continue
        if position == 0:
            place = "at its start"
        elif position == len(credential) - 1:
            place = "at its end"
        else:
            place = f"as character {position + 1} of {len(credential)}"
        raise ConfigurationError(
            f"{what} contains a character that no token has ({_named(character)} {place}). Paste it again."
        )
    return credential


def _named(character: str) -> str:
    if character == "\n":
        return "a line break"
    if "!" <= character <= "~":
        return f"'{character}'"
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X} {name}".rstrip()
