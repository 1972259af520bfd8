"""Whatever stands in a lease file, or is passed on as a lease, ends in a lease or in an error of ours."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.lock import Claim, Holder, Lease, LeaseRecord
from mode_catalog_provider.lock.lease import MAX_TTL
from mode_catalog_provider.lock.machine import is_gone
from mode_catalog_provider.lock.takeover import Expiry

#: The same inputs every time, unless more are asked for: ``FUZZ_EXAMPLES=100000``.
MORE = os.environ.get("FUZZ_EXAMPLES")
EXAMPLES = settings(max_examples=int(MORE or 200), derandomize=not MORE, database=None, deadline=None)

NOW = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
CLAIM = Claim(
    token="t",
    holder=Holder(program="airflow", host="a", pid=1, process="boot 1 2", installation="one", dag_id="sync"),
    ttl=60.0,
    acquired_at=NOW,
    renewed_at=NOW,
    renewed_on="a",
)
LEASE = Lease(path="/data/.lock", generation=7, token="t", ttl=60.0)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.just(10**400)
    | st.just("9" * 5000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
times = st.datetimes().map(datetime.isoformat) | st.sampled_from(
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-21", "20261121T053000Z"]
)


def holds_together(content: bytes, *, modified_at: float | None = None) -> None:
    """A record can be read, told, and judged by a waiter, whatever it says."""
    record = LeaseRecord.read(7, content, released=False, modified_at=modified_at)
    said = record.describe()
    assert said.isprintable()
    assert len(said) < 2000
    expiry = Expiry(ttl=60.0, host="a", wall=lambda: NOW.timestamp())
    assert expiry.why_free(record) in {None, "it has expired", "its process on this machine is gone"}
    if record.claim is not None:
        assert 0 < record.claim.ttl <= MAX_TTL.total_seconds()
        assert Claim.decode(record.claim.encode()) == record.claim


@EXAMPLES
@given(st.binary() | st.text().map(str.encode) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_lease_or_one_that_cannot_be_read(content: bytes) -> None:
    holds_together(content)


@EXAMPLES
@given(st.data())
def test_a_lease_with_any_field_replaced_is_one_or_cannot_be_read(data: st.DataObject) -> None:
    stored: dict[str, Any] = json.loads(CLAIM.encode())
    place = data.draw(st.sampled_from([stored, stored["holder"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(values | times)
    holds_together(json.dumps(stored).encode())


@EXAMPLES
@given(st.data())
def test_a_lease_with_any_bytes_flipped_is_one_or_cannot_be_read(data: st.DataObject) -> None:
    content = bytearray(CLAIM.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    holds_together(bytes(content[:cut] if data.draw(st.booleans()) else content))


@EXAMPLES
@given(st.data())
def test_what_is_passed_on_is_a_lease_or_is_refused(data: st.DataObject) -> None:
    stored = LEASE.to_json()
    for name in data.draw(st.sets(st.sampled_from(sorted(stored)), min_size=1)):
        stored[name] = data.draw(values)
    try:
        lease = Lease.from_json(stored)
    except ConfigurationError:
        return
    assert 0 < lease.ttl <= MAX_TTL.total_seconds()


@EXAMPLES
@given(st.text())
def test_no_mark_but_a_process_of_this_machine_is_gone(mark: str) -> None:
    assert not is_gone(mark)
