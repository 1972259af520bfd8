"""Mode's own scheduler: which schedules there are, which fail, and which reports show old results.

``audit.py`` reads the schedules (``schedule.py``) of the reports that a snapshot knows (``reports.py``),
``findings.py`` says what is wrong with them.
"""
