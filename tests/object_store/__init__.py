"""An S3-compatible object store for tests: moto's server, with the promises and the vices of real ones.

::

    with S3Server() as s3:
        path = s3.path("staging")              # UPath for the core
        s3.connection()                        # the same as an Airflow connection (JSON)
        s3.conditional_writes = False          # as a store that ignores If-None-Match
        s3.lose_answer(".lease")               # carried out, answered 500
    with s3.refused_creates(501, "NotImplemented"): ...
        with s3.stale_listings(): ...          # listings stay as they were

:mod:`tests.object_store.seaweed` is a second server, a real one.
"""

from __future__ import annotations

from tests.object_store.server import S3Server

__all__ = ["S3Server"]
