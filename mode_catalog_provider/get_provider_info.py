"""Placeholder until the Airflow layer lands."""

from __future__ import annotations


def get_provider_info() -> dict[str, object]:
    """Return the provider metadata."""
    return {
        "package-name": "mode-catalog-provider",
        "name": "Mode Catalog",
        "description": "x",
        "versions": ["0.1.0"],
    }
