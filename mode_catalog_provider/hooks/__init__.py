"""Airflow connections made into clients: ``ModeHook`` and ``CatalogHook``, and the forms to fill in."""
