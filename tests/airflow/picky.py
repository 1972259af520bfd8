"""An auth manager with a right per DAG, as those of larger companies have; Airflow's simple one has none."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class PickyAuthManager(SimpleAuthManager):
    """The user ``stranger`` is a viewer who may read no DAG; ``guest`` may read DAGs, but not their runs."""

    def is_authorized_dag(
        self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None
    ) -> bool:
        if user.get_name() == "stranger" or (user.get_name() == "guest" and access_entity is not None):
            return False
        return super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )
