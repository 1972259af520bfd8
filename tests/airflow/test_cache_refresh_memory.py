from __future__ import annotations

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
