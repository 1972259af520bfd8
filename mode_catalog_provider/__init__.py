"""Keeps Mode Analytics and Coalesce Catalog in step, as an Apache Airflow provider."""

__version__ = "0.1.0"
