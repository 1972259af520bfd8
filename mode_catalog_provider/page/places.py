"""Which workspaces belong to a DAG: the staging areas and connections that its tasks name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select

#: What a task of ours that works on a staging area has; so have subclasses of users.
_FIELDS = {"output_dir", "output_conn_id", "mode_conn_id"}

#: Values with these are known when a run renders them, and to nobody else.
_TEMPLATED = ("{{", "{%")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a DAG stages the snapshots of one workspace.

    :param dag_id: of the DAG.
    :param output_dir: as the DAG has it.
    :param output_conn_id: connection of the object store.
    :param mode_conn_id: connection that names host and workspace.
    :param catalog_conn_id: connection of the Catalog that is fed, where the DAG names one.
    :param preflight: task that asks how long the key lasts, where the DAG has one.
    :param extracts: whether the DAG makes the snapshots, and does not only look at them.
    """

    dag_id: str
    output_dir: str
    output_conn_id: str | None
    mode_conn_id: str
    catalog_conn_id: str | None = None
    preflight: str | None = None
    extracts: bool = False

    @property
    def identity(self) -> str:
        """What names it in an address; it says nothing of path or connection."""
        named = json.dumps([self.output_dir, self.output_conn_id, self.mode_conn_id])
        return hashlib.sha256(named.encode()).hexdigest()[:16]

    @property
    def is_templated(self) -> bool:
        """Whether only a run knows where this is."""
        named = (self.output_dir, self.output_conn_id or "", self.mode_conn_id)
        return any(mark in text for text in named for mark in _TEMPLATED)


def places_of(dag_id: str) -> tuple[Place, ...]:
    """Return the places of one DAG, as it was read last."""
    return next(_read([dag_id]), (dag_id, ()))[1]


def places_in(dag_ids: Iterable[str]) -> list[Place]:
    """Return each place of some DAGs once, with the DAG that extracts into it where there is one."""
    found: dict[str, Place] = {}
    for _, places in sorted(_read(dag_ids)):
        for place in places:
            known = found.get(place.identity)
            if known is None or (place.extracts and not known.extracts):
                found[place.identity] = place
    return list(found.values())


def _read(dag_ids: Iterable[str]) -> Iterator[tuple[str, tuple[Place, ...]]]:
    """Read the newest version of each DAG; what did not change since is remembered."""
    wanted = set(dag_ids)
    model = SerializedDagModel
    with create_session() as session:
        versions = select(model.dag_id, model.dag_hash, model.id).order_by(model.created_at)
        if len(wanted) == 1:
            versions = versions.where(model.dag_id == next(iter(wanted)))
        newest = {dag_id: (digest, key) for dag_id, digest, key in session.execute(versions)}
    for dag_id, (digest, key) in newest.items():
        if dag_id in wanted:
            yield dag_id, _places(dag_id, digest, key)


@lru_cache(maxsize=10_000)
def _places(dag_id: str, _: str, key: Any) -> tuple[Place, ...]:
    with create_session() as session:
        row = session.get(SerializedDagModel, key)
        document = row.data if row is not None else None
    tasks = document.get("dag", {}).get("tasks", ()) if isinstance(document, Mapping) else ()
    all_fields = [task.get("__var", task) for task in tasks]
    named = {one for fields in all_fields if isinstance(one := fields.get("catalog_conn_id"), str) and one}
    catalog_conn_id = named.pop() if len(named) == 1 else None
    found: dict[str, dict[str, Any]] = {}
    for fields in all_fields:
        if not set(fields.get("template_fields") or ()) >= _FIELDS or fields.get("_is_mapped"):
            continue
        place = _place(dag_id, fields)
        if place is not None:
            known = found.setdefault(place.identity, {"place": place})
            kind = fields.get("task_type")
            if kind == "ModeCatalogPreflightOperator":
                known["preflight"] = str(fields.get("task_id"))
            known["extracts"] = known.get("extracts", False) or "lease" in fields["template_fields"]
    return tuple(
        Place(
            dag_id=dag_id,
            output_dir=one["place"].output_dir,
            output_conn_id=one["place"].output_conn_id,
            mode_conn_id=one["place"].mode_conn_id,
            catalog_conn_id=catalog_conn_id,
            preflight=one.get("preflight"),
            extracts=one["extracts"],
        )
        for one in found.values()
    )


def _place(dag_id: str, fields: Mapping[str, Any]) -> Place | None:
    output_dir, connection = fields.get("output_dir"), fields.get("mode_conn_id")
    store = fields.get("output_conn_id") or None
    if not isinstance(output_dir, str) or not isinstance(connection, str) or not output_dir:
        return None
    if store is not None and not isinstance(store, str):
        return None
    return Place(dag_id=dag_id, output_dir=output_dir, output_conn_id=store, mode_conn_id=connection)
