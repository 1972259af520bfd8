"""Airflow on several machines, played on one: Celery, PostgreSQL, Redis, an object store, two workers."""
