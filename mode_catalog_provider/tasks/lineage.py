"""What our tasks tell OpenLineage: what they read, what they wrote, and how much.

Imported only by the methods that Airflow's OpenLineage provider calls, so only where it is installed. Nothing
here asks a service: all of it is known when the task ends. What reports read of the warehouse is told by
:mod:`mode_catalog_provider.tasks.report_lineage`. Names of datasets:

- a Mode workspace is ``{workspace}`` in the namespace ``mode://{host}`` (``app.mode.com`` for all hosts of
  Mode's cloud), a report or dataset of it
  ``{workspace}/reports/{token}`` or ``{workspace}/datasets/{token}``;
- a staged file is what OpenLineage's naming rules make of its address: ``file`` and the path, ``s3://{bucket}``
  and the key, likewise for other stores;
- a Catalog source is ``sources/{id}`` in the namespace ``coalesce-catalog://{host of the zone's API}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.openlineage.facet import (
    Dataset,
    ExternalQueryRunFacet,
    InputDataset,
    OutputDataset,
    OutputStatisticsOutputDatasetFacet,
)
from airflow.providers.openlineage.extractors import OperatorLineage

from mode_catalog_provider.mode.hosts import lineage_host

#: Datasets of one event, at most: consumers refuse events of many MB.
MOST = 200


def of_extraction(
    *, host: str, workspace: str, directory: str | None, files: Iterable[Mapping[str, Any]] = ()
) -> OperatorLineage[Any, Any]:
    """Return the lineage of an extraction: the Mode workspace, and each file of the snapshot.

    :param host: base URL of Mode.
    :param workspace: its name.
    :param directory: where the files lie; ``None``: none were written, the task failed.
    :param files: ``name``, ``rows`` and ``bytes`` of each.
    """
    outputs = [] if directory is None else [_file(directory, one) for one in files]
    return OperatorLineage(inputs=[_workspace(host, workspace)], outputs=outputs)


def of_upload(
    *,
    api_url: str,
    source_id: str,
    directory: str | None,
    files: Iterable[Mapping[str, Any]] = (),
    pushed: bool = True,
    snapshot: int | None = None,
) -> OperatorLineage[Any, Any]:
    """Return the lineage of an upload: the files, and the Catalog source, with their rows and bytes together.

    :param api_url: address of Catalog's API.
    :param source_id: UUID of the source.
    :param directory: where the files lie; ``None``: not known, the task failed early.
    :param files: as for :func:`of_extraction`.
    :param pushed: whether Catalog has the files now.
    :param snapshot: timestamp of the snapshot: the id of the push, beside the source.
    """
    files = list(files)
    inputs = [] if directory is None else [_file_read(directory, one) for one in files]
    statistics = OutputStatisticsOutputDatasetFacet(
        rowCount=sum(one["rows"] or 0 for one in files), size=sum(one["bytes"] for one in files)
    )
    source = _source(api_url, source_id, {"outputStatistics": statistics} if pushed and files else {})
    run_facets = (
        {}
        if snapshot is None
        else {"externalQuery": _external(f"{source_id}/{snapshot}", "coalesce-catalog")}
    )
    return OperatorLineage(inputs=inputs, outputs=[source], run_facets=run_facets)


def of_refresh(*, host: str, workspace: str, runs: Iterable[Mapping[str, Any]]) -> OperatorLineage[Any, Any]:
    """Return the lineage of a refresh: the reports and datasets whose results are new, and Mode's run ids.

    :param host: base URL of Mode.
    :param workspace: its name.
    :param runs: ``target`` (path below the workspace) and ``run`` (token or ``None``) of each good one.
    """
    ended = list(runs)
    outputs = [
        OutputDataset(namespace=mode_namespace(host), name=f"{workspace}/{one['target']}")
        for one in ended[:MOST]
    ]
    tokens = [one["run"] for one in ended if one["run"]]
    run_facets = {"externalQuery": _external(",".join(tokens[:MOST]), "mode")} if tokens else {}
    return OperatorLineage(inputs=[_workspace(host, workspace)], outputs=outputs, run_facets=run_facets)


def of_reconciliation(*, api_url: str, source_id: str, manifest: str | None) -> OperatorLineage[Any, Any]:
    """Return the lineage of a reconciliation, which reads both sides and writes neither.

    :param api_url: address of Catalog's API.
    :param source_id: UUID of the source.
    :param manifest: path of the snapshot that was compared; ``None``: not known, the task failed early.
    """
    source = _source(api_url, source_id, {})
    inputs = [InputDataset(namespace=source.namespace, name=source.name)]
    if manifest is not None:
        namespace, name = place_of(manifest)
        inputs.append(InputDataset(namespace=namespace, name=name))
    return OperatorLineage(inputs=inputs)


def place_of(location: str) -> tuple[str, str]:
    """Return namespace and name of a file by OpenLineage's naming rules.

    :param location: absolute path or address.
    """
    parts = urlsplit(location)
    if not parts.scheme or parts.scheme == "file":
        return "file", parts.path or location
    # The user before the host is the Airflow connection: it says nothing of where the file is.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/")


def mode_namespace(host: str) -> str:
    """Return the namespace of what lies in Mode.

    :param host: base URL of Mode.
    """
    return f"mode://{lineage_host(urlsplit(host).netloc.rpartition('@')[2].lower())}"


def _workspace(host: str, workspace: str) -> InputDataset:
    return InputDataset(namespace=mode_namespace(host), name=workspace)


def _source(api_url: str, source_id: str, facets: Mapping[str, Any]) -> OutputDataset:
    host = urlsplit(api_url).netloc.rpartition("@")[2]
    return OutputDataset(
        namespace=f"coalesce-catalog://{host}", name=f"sources/{source_id}", outputFacets=dict(facets)
    )


def _file(directory: str, one: Mapping[str, Any]) -> OutputDataset:
    namespace, name = place_of(f"{directory}/{one['name']}")
    statistics = OutputStatisticsOutputDatasetFacet(rowCount=one["rows"], size=one["bytes"])
    return OutputDataset(namespace=namespace, name=name, outputFacets={"outputStatistics": statistics})


def _file_read(directory: str, one: Mapping[str, Any]) -> Dataset:
    namespace, name = place_of(f"{directory}/{one['name']}")
    return InputDataset(namespace=namespace, name=name)


def _external(run_id: str, source: str) -> ExternalQueryRunFacet:
    return ExternalQueryRunFacet(externalQueryId=run_id, source=source)
