"""Take and give back the run lock, as setup and teardown of the work between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import BaseOperator

from mode_catalog_provider.lock import Lease, RunLock
from mode_catalog_provider.operators.acquire_lock import AcquireLockOperator
from mode_catalog_provider.staging import staging_path
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.rendered import rendered_mapping

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.xcom_arg import XComArg

__all__ = ["AcquireLockOperator", "ReleaseLockOperator", "RunLockTasks", "run_lock"]


class RunLockTasks(NamedTuple):
    """The two tasks of a lock: ``acquire, release = run_lock(...)``."""

    acquire: AcquireLockOperator
    release: ReleaseLockOperator

    @property
    def lease(self) -> XComArg:
        """The lease, for the ``lease`` argument of the operators that work under the lock."""
        return self.acquire.output


def run_lock(
    path: str,
    *,
    ttl: timedelta = timedelta(hours=1),
    conflict: str = "wait",
    timeout: timedelta = timedelta(hours=6),
    output_conn_id: str | None = None,
    poll_interval: timedelta = timedelta(seconds=30),
    deferrable: bool = True,
    acquire_task_id: str = "acquire_lock",
    release_task_id: str = "release_lock",
) -> RunLockTasks:
    """Make the two tasks of a lock, wired as setup and teardown; put the work between them.

    .. code-block:: python

        lock = run_lock("s3://bucket/mode/.lock", output_conn_id="aws_default")
        extract = ModeExtractOperator(task_id="extract", output_dir=..., lease=lock.lease)
        upload = CatalogUploadOperator(task_id="upload", manifest=extract.output, lease=lock.lease)
        lock.acquire >> extract >> upload >> lock.release

    The teardown is only the fast way to free the lock. It does not run when a DAG run exceeds its
    ``dagrun_timeout`` or when the acquiring task fails; the lock is then taken over as soon as the run is
    over, at the latest when the lease has expired.

    :param path: directory of the lock, local or a URL. Everything that must not overlap uses the same one.
        Templated.
    :param ttl: time without renewal after which others take the lock over, default one hour. Tasks that are
        given the lease renew it while they work, but nobody does between tasks: it must exceed the time that
        a task waits in the queue, and the delay before a retry.
    :param conflict: what to do while somebody else holds the lock: ``wait`` (default), ``skip`` the work, or
        ``fail`` at once. Templated.
    :param timeout: how long to wait at most, default six hours; then the task fails and is not retried. A
        shorter ``execution_timeout`` takes its place, also while deferred.
    :param output_conn_id: connection of the object store, default ``None``. Templated.
    :param poll_interval: time between two looks while waiting, default 30 seconds.
    :param deferrable: wait in the triggerer, default ``True`` whatever ``[operators] default_deferrable``
        says: a wait may take hours, and must not hold the worker slot that the holder's work needs.
        ``False``, for an Airflow without triggerer, waits on the worker.
    :param acquire_task_id: id of the setup, default ``acquire_lock``.
    :param release_task_id: id of the teardown, default ``release_lock``.
    :return: both tasks, and the lease to pass on.
    """
    acquire = AcquireLockOperator(
        task_id=acquire_task_id,
        path=path,
        ttl=ttl,
        conflict=conflict,
        timeout=timeout,
        output_conn_id=output_conn_id,
        poll_interval=poll_interval,
        deferrable=deferrable,
    )
    release = ReleaseLockOperator(task_id=release_task_id, lease=acquire.output)
    # A lock that could not be given back expires; the work that was done is no less done.
    release.as_teardown(setups=acquire, on_failure_fail_dagrun=False)
    return RunLockTasks(acquire=acquire, release=release)


class ReleaseLockOperator(BaseOperator):
    """Give the run lock back; may be repeated.

    A lease that was taken over meanwhile is left alone, with a warning: the work that needed it has failed by
    itself, and this task has nothing to add.

    :param lease: what the acquiring task returned; ``None`` when it took nothing. Templated.
    :return: whether the lock was given back, by this try or an earlier one.
    """

    template_fields: Sequence[str] = ("lease",)
    ui_color = "#f4e6c8"

    def __init__(self, *, lease: Mapping[str, Any] | str | XComArg | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lease = lease

    def execute(self, context: Context) -> bool:
        """Release the lease and no other."""
        with airflow_errors():
            stored = rendered_mapping("lease", self.lease)  # type: ignore[arg-type]  # rendered by now
            if stored is None:
                self.log.info("There is no lease to give back.")
                return False
            lease = Lease.from_json(stored)
            lock = RunLock(staging_path(lease.path), ttl=timedelta(seconds=lease.ttl))
            released = lock.release(lease)
            if released:
                self.log.info("The lock at %s (generation %d) is given back.", lease.path, lease.generation)
            else:
                record = lock.state()
                self.log.warning(
                    "Nothing to give back: lease %d of the lock at %s was taken over. The lock is %s.",
                    lease.generation,
                    lease.path,
                    "gone" if record is None else record.describe(),
                )
            return released
