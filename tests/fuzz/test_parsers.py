"""Whatever bytes come, only a typed error or a value comes out. `make fuzz` tries many more."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mode_catalog_provider.audit.finding import AuditReport
from mode_catalog_provider.catalog.push_record import PushRecord
from mode_catalog_provider.lock.lease import VERSION, Claim
from mode_catalog_provider.snapshot.manifest import Manifest
from tests.fuzz.targets import AUDITS, LEASES, MANIFEST, PUSHED, REPORT, TARGETS, with_checksum

#: So many inputs each, the same ones every time.
EXAMPLES = 150
#: A socket of its own for each input costs more.
FEWER = {"raw_answers": 40}


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_takes_whatever_comes(name: str) -> None:
    @settings(
        max_examples=FEWER.get(name, EXAMPLES),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**64))
    def try_one(seed: int) -> None:
        TARGETS[name](random.Random(seed))

    try_one()


def test_the_documents_that_are_made_odd_are_good_ones() -> None:
    """Else only the first check of each parser would be tried."""
    assert Manifest.from_json(with_checksum(MANIFEST)).workspace == "acme"
    assert PushRecord.from_json(PUSHED[0]).timestamp == 1763616600
    assert AuditReport.from_bytes(json.dumps(AUDITS[0]).encode()) == REPORT
    assert Claim.decode(json.dumps({**LEASES[0], "version": VERSION}).encode()).token == "t"
