"""Coalesce Catalog: a snapshot pushed, a source ingested, and whether what was pushed arrived.

Four words, of which each means one thing. To *upload* is to send one file to Catalog's ingest endpoint
(``ingest.py``, the only place that does). To *push* is to check a whole snapshot and upload its six files,
the summary last (``push.py``, guarded by ``guards.py`` and ``push_target.py``, noted in ``push_record.py``).
*Ingestion* is what Catalog does afterwards, by itself, once a day: it takes in what was uploaded to a source
(``ingestion.py`` asks when). What *arrived* is what Catalog shows after that (``reconciliation.py``).

``api.py`` asks the public API, ``sources.py`` says what a source is, ``coverage.py`` whether a run that
waited behind a push still has anything to do.
"""
