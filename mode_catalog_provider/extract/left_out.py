"""What an extraction does not contain, and why: nothing is dropped without a trace."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mode_catalog_provider.errors import ForbiddenError, NotFoundError

Refusal = ForbiddenError | NotFoundError


@dataclass(frozen=True)
class LeftOut:
    """An object that Mode lists but does not show to this API token.

    :param asset: whose file it is missing from.
    :param token: its token; ``None`` when a whole listing was refused, so that nobody knows what it holds.
    :param name: its name, where it has one.
    :param reason: ``"gone"`` (404: deleted meanwhile, or invisible), ``"forbidden"`` (403), or ``"no_token"``
        (a member without any token, so nothing can refer to it).
    :param detail: one sentence for a person.
    """

    asset: str
    token: str | None
    name: str | None
    reason: Literal["gone", "forbidden", "no_token"]
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


class Ledger:
    """Keep the account of one extraction."""

    def __init__(self) -> None:
        self.left_out: list[LeftOut] = []
        self.filtered: Counter[str] = Counter()

    def refused(self, asset: str, *, token: Any, name: Any, what: str, refusal: Refusal) -> None:
        """Note an object whose reading was answered with 403 or 404.

        :param asset: whose file it is missing from, or incomplete in.
        :param token: its token, ``None`` for a listing.
        :param name: its name, where it has one.
        :param what: what could not be read, as the start of a sentence.
        :param refusal: the answer.
        """
        reason: Literal["gone", "forbidden"] = "gone" if isinstance(refusal, NotFoundError) else "forbidden"
        self.left_out.append(LeftOut(asset, token, name, reason, f"{what}: {refusal}"))
