"""What Mode's answers say beyond the six files, and what audits ask for: runs, schedules, states, views.

Nothing here costs a request: the answers are read anyway. A field that Mode did not send is left away, so
that "unknown" is never taken for "none".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mode_catalog_provider.extract.rows import Wire, linked_path

#: Gets an asset, a token, and what Mode says of that object beyond the contract.
Facts = Callable[[str, str, Mapping[str, Any]], None]

_REPORT = (
    "last_saved_at",
    "last_run_at",
    "last_successfully_run_at",
    "runs_count",
    "schedules_count",
    "has_imported_datasets",
)
_COLLECTION = ("restricted",)
_MEMBER = ("state", "admin", "managed_by_scim", "invited", "activated_at")
_BATCH_REPORT = ("last_viewed_at",)

#: Links of a report that say that it has a notebook.
_NOTEBOOK = ("python_notebook", "python_visualizations")


def report_facts(resource: Wire) -> dict[str, Any]:
    """Return what a listed report or dataset says of its runs, schedules, datasets and notebook.

    :param resource: the report as listed.
    :return: some of ``last_saved_at``, ``last_run_at``, ``last_successfully_run_at``, ``runs_count``,
        ``schedules_count``, ``has_imported_datasets``, ``imported_datasets`` (a list of objects), and
        ``python_notebook``, ``python_visualizations`` (paths in Mode's API).
    """
    facts = _sent(resource, _REPORT)
    datasets = resource.get("imported_datasets")
    if isinstance(datasets, list):
        facts["imported_datasets"] = [_without_links(one) for one in datasets]
    for rel in _NOTEBOOK:
        if path := linked_path(resource, rel):
            facts[rel] = path
    return facts


def collection_facts(resource: Wire) -> dict[str, Any]:
    """Return whether a listed collection calls itself ``restricted``, if it says so."""
    return _sent(resource, _COLLECTION)


def member_facts(membership: Wire) -> dict[str, Any]:
    """Return some of ``state``, ``admin``, ``managed_by_scim``, ``invited``, ``activated_at`` of a member.

    :param membership: a row of any list of members; each knows others of these.
    """
    return _sent(membership, _MEMBER)


def batch_report_facts(row: Wire) -> dict[str, Any]:
    """Return ``last_viewed_at`` of a report as the Discovery API lists it, if it says so."""
    return _sent(row, _BATCH_REPORT)


def _sent(resource: Wire, names: Iterable[str]) -> dict[str, Any]:
    return {name: resource[name] for name in names if name in resource and _flat(resource[name])}


def _flat(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def _without_links(dataset: Any) -> Any:
    if not isinstance(dataset, Mapping):
        return dataset
    # Links may carry signatures, and forms say what the key may do: neither is about the dataset.
    return {name: value for name, value in dataset.items() if not name.startswith("_") and _flat(value)}
