"""Who may see what in Mode: read into one matrix, compared with the last one, and what is wrong with it.

``reading.py`` asks Mode, ``store.py`` holds the answers as tables, ``findings.py`` judges them,
``changes.py`` compares two, ``record.py`` keeps them; ``audit.py`` does these in order.
"""
