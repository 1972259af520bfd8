"""The files of one extraction, and of several side by side. Nothing here knows Mode or Catalog.

``layout.py`` has the names, ``manifest.py`` what a complete set is. *Write*: ``writer.py`` (rows, then the
manifest last) over ``output.py`` (one file), ``facts.py`` (side files). *Read*: ``reader.py`` opens and
verifies, ``rows.py`` gives the rows, ``choice.py`` finds the one a person means. *Compare*: ``changes.py``
and ``diff.py``, ``usage.py``, ``disappeared.py``. ``kept.py`` keeps records beside the snapshots,
``retention.py`` removes what is old.
"""
