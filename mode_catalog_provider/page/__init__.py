"""The page in Airflow's UI: what is known of each workspace, for people who never open a task log.

Read-only. Importing :mod:`mode_catalog_provider.page.plugin` costs next to nothing; everything else is loaded
in the API server when the page is first asked for.
"""
