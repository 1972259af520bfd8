from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from mode_catalog_provider.tasks.try_memory import TryMemory


class Store(dict[str, Any]):
    """As much of Airflow's task state store as is used."""

    set = dict.__setitem__


def memory(store: Store | None, *, max_tries: int = 2) -> TryMemory:
    context: Any = {"ti": SimpleNamespace(max_tries=max_tries)}
    if store is not None:
        context["task_state_store"] = store
    return TryMemory(context, "runs")


def test_the_next_try_finds_what_this_one_saved():
    store = Store()
    memory(store).save({"a": 1})
    assert memory(store).load() == {"a": 1}


def test_a_cleared_task_finds_nothing():
    store = Store()
    memory(store, max_tries=2).save({"a": 1})
    assert memory(store, max_tries=4).load() is None


def test_the_first_try_finds_nothing():
    assert memory(Store()).load() is None


def test_an_airflow_without_a_store_keeps_nothing_and_complains_about_nothing():
    memory(None).save({"a": 1})
    assert memory(None).load() is None


def runs_of(count: int, **changed: Any) -> dict[str, Any]:
    targets = {f"reports/{number:012x}": {"run": f"reports/{number:012x}/runs/1"} for number in range(count)}
    return {"version": 1, "targets": targets | changed}


class CountingStore(Store):
    """A store that counts what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def set(self, key: str, value: Any) -> None:
        self.written += len(json.dumps(value))
        self[key] = value


def test_a_memory_of_many_runs_is_found_whole():
    store = Store()
    memory(store).save(runs_of(1000))
    assert memory(store).load() == runs_of(1000)
    assert max(len(json.dumps(value)) for value in store.values()) < 4000


def test_one_more_run_among_many_rewrites_few_of_them():
    store = CountingStore()
    kept = memory(store)
    kept.save(runs_of(1000))
    whole, store.written = store.written, 0
    kept.save(runs_of(1000, new={"run": "x"}))
    assert 0 < store.written < whole / 20
    assert memory(store).load() == runs_of(1000, new={"run": "x"})


def test_a_task_that_goes_on_writes_only_what_is_new():
    store = CountingStore()
    memory(store).save(runs_of(1000))
    whole, store.written = store.written, 0
    context: Any = {"ti": SimpleNamespace(max_tries=2), "task_state_store": store}
    TryMemory(context, "runs", known=runs_of(1000)).save(runs_of(1000, new={"run": "x"}))
    assert 0 < store.written < whole / 20


def test_what_is_forgotten_is_not_found_again():
    store = Store()
    kept = memory(store)
    kept.save(runs_of(1000))
    for count in (999, 60, 3, 0):
        kept.save(runs_of(count))
        assert memory(store).load() == runs_of(count)


def test_a_memory_that_an_earlier_version_has_written_is_read():
    store = Store(runs={"max_tries": 2, "value": runs_of(300)})
    assert memory(store).load() == runs_of(300)


def test_a_cleared_task_finds_nothing_of_many_runs_either():
    store = Store()
    memory(store, max_tries=2).save(runs_of(1000))
    assert memory(store, max_tries=4).load() is None
