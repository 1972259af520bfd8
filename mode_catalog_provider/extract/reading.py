"""What the parts of one extraction share: whom they ask, and whom they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mode_catalog_provider.extract.known import Recollection
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.pipeline import Call, Lane, Pipeline, Refusal, Row
from mode_catalog_provider.mode.client import ModeClient

#: Gets an asset, a token, and what Mode says of that object beyond the contract.
Facts = Callable[[str, str, Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of a workspace under way.

    :param client: asks Mode.
    :param options: what is wanted.
    :param pipeline: gets the calls.
    :param ledger: is told what was left out and filtered.
    :param facts: is told what Mode says of an object beyond the contract: asset, token, facts.
    :param recollection: knows some of it already, and is told what was read.
    """

    client: ModeClient
    options: ExtractionOptions
    pipeline: Pipeline
    ledger: Ledger
    recollection: Recollection
    facts: Facts

    def ask(
        self,
        lane: Lane,
        path: str,
        then: Callable[[Any], Iterable[Row]],
        refused: Callable[[Refusal], Iterable[Row]] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Queue the reading of one resource, or of one page.

        :param lane: decides when it is read.
        :param path: as for :meth:`ModeClient.get`, as are ``params``.
        :param then: gets the answer.
        :param refused: gets a 403 or 404; default: that ends everything.
        """
        self.pipeline.add(Call(lane, partial(self.client.get, path, params=params), then, refused))
