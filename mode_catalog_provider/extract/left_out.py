"""What an extraction does not contain, and why: nothing is dropped without a trace."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mode_catalog_provider.errors import NotFoundError, RequestRefusedError
from mode_catalog_provider.text import visible

Reason = Literal["gone", "forbidden", "no_token", "elsewhere"]


@dataclass(frozen=True)
class LeftOut:
    """An object that Mode lists but does not show to this API token, or that nothing can refer to.

    :param asset: whose file it is missing from, or incomplete in.
    :param token: its token; ``None`` when a whole listing was refused, so that nobody knows what it holds.
    :param name: its name, where it has one.
    :param reason: ``"gone"`` (404: deleted meanwhile, or invisible), ``"forbidden"`` (403), ``"no_token"``
        (a row without any token, so nothing can refer to it), or ``"elsewhere"`` (a query listed under a
        report that is not its own).
    :param detail: one sentence for a person.
    """

    asset: str
    token: str | None
    name: str | None
    reason: Reason
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


class Ledger:
    """Keep the account of one extraction."""

    def __init__(self) -> None:
        self.left_out: list[LeftOut] = []
        self.filtered: Counter[str] = Counter()

    def refused(self, asset: str, *, token: Any, name: Any, what: str, refusal: RequestRefusedError) -> None:
        """Note an object whose reading was answered with 403, 404 or their like.

        :param asset: whose file it is missing from, or incomplete in.
        :param token: its token, ``None`` for a listing.
        :param name: its name, where it has one.
        :param what: what could not be read, as the start of a sentence.
        :param refusal: the answer.
        """
        reason: Reason = "gone" if isinstance(refusal, NotFoundError) else "forbidden"
        self._note(asset, token, name, reason, f"{what}: {refusal}")

    def without_token(self, asset: str, *, name: Any, listing: str) -> None:
        """Note a row that nothing can refer to.

        :param asset: whose file it is missing from.
        :param name: its name, where it has one.
        :param listing: which list it is in.
        """
        detail = f"Mode lists {asset} '{visible(name)}' without a token in {listing}."
        self._note(asset, None, name, "no_token", detail)

    def elsewhere(self, asset: str, *, token: str, name: Any, listing: str, home: str | None) -> None:
        """Note a row that is listed under an object to which it does not belong.

        :param asset: whose file it is missing from, unless its own listing shows it as well.
        :param token: its token.
        :param name: its name, where it has one.
        :param listing: which list it is in.
        :param home: token of the object it says it belongs to.
        """
        detail = f"Mode lists {asset} {token} in {listing}, but it belongs to {visible(home)}."
        self._note(asset, token, name, "elsewhere", detail)

    def _note(self, asset: str, token: Any, name: Any, reason: Reason, detail: str) -> None:
        # Whatever Mode takes for a name: the manifest, and everything that reads it, counts on texts.
        self.left_out.append(LeftOut(asset, _text(token), _text(name), reason, detail))


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else visible(value)
