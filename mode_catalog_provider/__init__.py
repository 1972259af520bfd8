"""Keeps Mode Analytics and Coalesce Catalog in step, as an Apache Airflow provider.

Each folder says at its door (its ``__init__.py``) what is inside. Without Airflow: ``http``, ``mode`` (Mode's
API), ``extract`` (a workspace into rows), ``snapshot`` (its files), ``catalog`` (push, and what arrived),
``refresh`` (runs in Mode), ``lock``, ``audit``, ``rights``, ``schedules``, ``sql``, ``report``, ``cli``.
With it: ``hooks``, ``operators``, ``sensors``, ``triggers``, ``dags``, and ``tasks``, which they share.

Three things to follow: a report's token into its file begins in ``extract``, a lease in ``lock``, a run of a
refresh in ``refresh``. Who may import whom is tested in ``tests/unit/test_architecture.py``.
"""

__version__ = "0.1.0"
