from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox import RecordedRequest, Sandbox, peak_in_flight, peak_rate, span


def _at(started, ended=None):
    return RecordedRequest(
        1, 0.0, "GET", "/", "", "none", "", started, started + 0.5 if ended is None else ended
    )


def test_the_record_keeps_order_target_status_and_caller(caller):
    caller.mode("spaces", params={"filter": "all", "page": "2"}, headers={"User-Agent": "somebody/1"})
    caller.mode("nothing")
    first, second = caller.sandbox.mode.requests
    assert (first.number, first.method, first.path) == (1, "GET", "/api/acme/spaces")
    assert (first.params, first.agent) == ({"filter": "all", "page": "2"}, "somebody/1")
    assert (first.status, second.status) == (200, 404)
    assert first.started <= first.ended <= second.started


def test_a_client_that_has_its_answer_finds_the_entry_closed(caller):
    for _ in range(50):
        caller.mode("/api/verify")
        assert caller.sandbox.mode.requests[-1].ended is not None


def test_every_credential_is_recorded_by_its_label(caller):
    mode = caller.sandbox.mode
    wrong_secret, unknown = (mode.token, "wrong"), ("0a1b2c3d4e5f", "x")
    for auth in ((mode.token, mode.secret), wrong_secret, unknown, lambda request: request):
        caller.mode("/api/verify", auth=auth)
    assert [one.key for one in mode.requests] == ["mode:key-1", "mode:key-1:wrong-secret", "unknown", "none"]


def test_a_mode_key_sent_to_catalog_is_recognised(caller):
    mode, catalog = caller.sandbox.mode, caller.sandbox.catalog
    caller.session.post(catalog.api_url, auth=(mode.token, mode.secret), data=b"{}")
    caller.session.get(f"{mode.url}/api/verify", headers={"Authorization": f"Token {catalog.token}"})
    assert (catalog.requests[0].key, mode.requests[0].key) == ("mode:key-1", "catalog:rw")


def test_no_secret_is_in_the_record(caller):
    caller.mode("/api/verify")
    caller.upload("1-report.json", b"[]")
    sandbox = caller.sandbox
    record = repr(sandbox.mode.requests) + repr(sandbox.catalog.requests)
    assert sandbox.mode.secret not in record
    assert sandbox.catalog.token not in record
    assert sandbox.mode.secret not in repr(sandbox.mode.credentials())


def test_rotation_gives_a_new_key_and_kills_the_old_one(caller):
    mode = caller.sandbox.mode
    old = (mode.token, mode.secret)
    new = mode.rotate()
    assert caller.mode("/api/verify", auth=old).status_code == 401
    assert caller.mode("/api/verify", auth=(new.token, new.secret)).status_code == 200
    assert mode.credentials() == new
    assert [one.key for one in mode.requests] == ["mode:key-1", "mode:key-2"]


def test_a_key_can_be_revoked_from_the_nth_request_on(caller):
    caller.sandbox.mode.revoke_after(2)
    assert [caller.mode("/api/verify").status_code for _ in range(4)] == [200, 200, 401, 401]


def test_requests_side_by_side_are_seen_as_such(start):
    caller = start(latency=0.2)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(caller.mode, ["data_sources"] * 4))
    assert peak_in_flight(caller.sandbox.mode.requests) > 1


def test_one_request_after_another_is_never_two_in_flight(caller):
    for _ in range(20):
        caller.mode("data_sources")
    assert peak_in_flight(caller.sandbox.mode.requests) == 1


def test_the_peak_rate_counts_the_fullest_window():
    assert peak_rate([_at(0.0), _at(0.5), _at(1.0), _at(1.4), _at(9.0)], 1.0) == 3


def test_a_span_is_first_arrival_to_last_end():
    assert span([_at(2.0, 3.0), _at(1.0, 5.0)]) == (1.0, 5.0)


def test_the_record_is_bounded_but_counts_on(caller):
    record = caller.sandbox.mode.record
    record._entries = type(record._entries)(maxlen=3)
    for _ in range(5):
        caller.mode("/api/verify")
    assert [one.number for one in record.all()] == [3, 4, 5]
    assert record.total == 5


def test_a_request_body_is_counted(caller):
    caller.upload("1-report.json", b"x" * 1000)
    assert caller.sandbox.catalog.requests[0].bytes_received > 1000


def test_an_address_before_the_start_is_a_mistake_with_a_name():
    with pytest.raises(RuntimeError, match="not started"):
        Sandbox().mode.url  # noqa: B018
