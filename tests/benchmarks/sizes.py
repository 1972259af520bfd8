"""The workspaces that are measured, and how far their time is compressed."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sandbox import WorkspaceShape

#: Seconds of the service before each answer of its Mode.
LATENCY = 0.3


@dataclass(frozen=True, kw_only=True)
class Size:
    """A workspace and how it is measured.

    :param compression: seconds of the service in one real second: the rate limit and the latency of answers
        are scaled by it, the speed of the machine is not. The larger it is, the more a late thread weighs.
    :param long_compression: the same for routes that would take from many minutes to hours.
    """

    name: str
    shape: WorkspaceShape
    compression: float
    long_compression: float

    def __str__(self) -> str:
        shape = self.shape
        return (
            f"{self.name} ({shape.collections:,} collections, {shape.reports:,} reports, "
            f"{shape.queries or 0:,} queries, {shape.members:,} members)"
        )


def _shape(collections: int, reports: int, queries: int, members: int) -> WorkspaceShape:
    return WorkspaceShape(
        collections=collections, reports=reports, queries=queries, members=members, nasty=False
    )


SIZES = {
    size.name: size
    for size in (
        Size(name="small", shape=_shape(20, 300, 900, 50), compression=1, long_compression=2),
        Size(name="medium", shape=_shape(200, 5_000, 15_000, 1_000), compression=1, long_compression=10),
        Size(name="large", shape=_shape(1_000, 30_000, 90_000, 5_000), compression=5, long_compression=20),
    )
}
