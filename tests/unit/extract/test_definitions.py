"""Mode definitions on their way into the queries of an extraction."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mode_catalog_provider.errors import ForbiddenError, NotFoundError, ServiceUnavailableError
from mode_catalog_provider.extract.definitions import QueriesAsWritten, read_definitions
from tests.unit.extract.answers import listing

USERS = {"token": "d1", "name": "users", "source": "select 1", "data_source_id": 7}


def read(answer: Any) -> Any:
    class Client:
        def get(self, path: str) -> Any:
            assert path == "definitions"
            if isinstance(answer, Exception):
                raise answer
            return answer

    client: Any = Client()
    return read_definitions(client)


def definitions(*rows: Any) -> Any:
    return read(listing("definitions", *rows))


def query(text: Any, source: Any = 7) -> dict[str, Any]:
    return {"token": "q1", "raw_query": text, "data_source_id": source}


def put(one: Any, text: Any, source: Any = 7) -> Any:
    row = query(text, source)
    said = one.put_into(row)
    assert row == query(text, source)
    assert {**said, "raw_query": text} == row
    return said["raw_query"]


def test_a_definition_takes_the_place_of_its_name_and_that_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    one = definitions(USERS, {**USERS, "token": "d2", "name": "orders"})
    assert put(one, "from {{ @users as u }}, {{ @users as v }}") == "from (select 1) AS u, (select 1) AS v"
    assert put(one, "from {{ @users as u }}") == "from (select 1) AS u"
    for _ in range(2):
        assert put(one, "from {{ @gone as g }}") == "from {{ @gone as g }}"
    for other in ("select 1", "select {{ x }}", None, 7):
        assert put(one, other) == other
    assert one.to_json() == {
        "definitions": {
            "listed": 2,
            "used": 1,
            "queries": 2,
            "unresolved": [{"name": "gone", "reason": "unknown", "queries": 2}],
            "refused": None,
        }
    }
    one.tell()
    told, stays = caplog.records
    assert told.getMessage() == "Definitions: 2 are listed, 1 of them were put into 2 queries"
    assert stays.levelno == logging.WARNING
    assert stays.getMessage().endswith("that the key may see: gone")


def test_a_definition_of_the_querys_own_connection_comes_first() -> None:
    one = definitions({**USERS, "source": "select 8", "data_source_id": "8"}, USERS)
    assert put(one, "{{ @users as u }}", 7) == "(select 1) AS u"
    assert put(one, "{{ @users as u }}", 8) == "(select 8) AS u"


@pytest.mark.parametrize("odd", [None, "users", {**USERS, "name": None}, {**USERS, "name": ""}, {}], ids=str)
def test_a_definition_without_a_name_is_passed_over(odd: Any) -> None:
    assert definitions(odd, USERS).to_json()["definitions"]["listed"] == 1


def test_a_definition_may_lack_its_sql_its_connection_and_its_token() -> None:
    one = definitions({"name": "bare"}, {"name": "users", "source": "select 1"}, {**USERS, "source": 5})
    assert put(one, "{{ @bare as b }}") == "{{ @bare as b }}"
    assert put(one, "{{ @users as u }}", None) == "(select 1) AS u"
    assert one.to_json()["definitions"]["used"] == 1
    assert one.to_json()["definitions"]["unresolved"][0]["reason"] == "empty"


@pytest.mark.parametrize("name", sorted(USERS))
def test_whatever_changes_of_a_definition_changes_the_fingerprint_and_their_order_does_not(name: str) -> None:
    other = {**USERS, "token": "d2", "name": "orders"}
    mark = definitions(USERS, other).fingerprint
    assert mark
    assert definitions(other, USERS).fingerprint == mark
    assert definitions({**USERS, name: "9"}, other).fingerprint != mark
    assert definitions({**USERS, "description": "other"}, other).fingerprint == mark


@pytest.mark.parametrize(
    ("refusal", "word"),
    [(NotFoundError("404", status=404), "gone"), (ForbiddenError("403", status=403), "forbidden")],
    ids=["404", "403"],
)
def test_a_refused_list_leaves_queries_as_they_are_and_is_told(
    refusal: Exception, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    one = read(refusal)
    assert put(one, "{{ @users as u }}") == "{{ @users as u }}"
    assert one.to_json()["definitions"]["refused"] == word
    assert any("refuses the list of definitions" in line for line in caplog.messages)


def test_another_error_is_one() -> None:
    with pytest.raises(ServiceUnavailableError):
        read(ServiceUnavailableError("503", status=503))


def test_queries_as_written_stay_so_and_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    one = QueriesAsWritten()
    one.tell()
    assert (put(one, "{{ @users as u }}"), one.to_json(), one.fingerprint) == ("{{ @users as u }}", {}, "")
    assert caplog.messages == []
