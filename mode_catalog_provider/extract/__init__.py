"""A workspace read into rows, and the rows into a snapshot.

A report's token, from Mode's answer to the file:

1. ``capture.capture`` opens a ``snapshot.writer.SnapshotWriter`` and asks ``extraction.Extraction.rows``;
2. ``reports.ReportReading`` lists collection by collection through ``pipeline.Pipeline``, which makes the
   requests in threads, and hears each answer in ``_reports_page``;
3. ``listed.Listed.add`` takes the token once; ``queries.QueryReading`` asks for its queries;
4. ``rows.report_row`` makes of the answer the row that the contract wants;
5. ``SnapshotWriter.add`` keeps it in ``scratch.RowStore``, ``finish`` writes
   ``{timestamp}-report.json`` sorted by token, then the manifest.

What is not read again comes from ``previous.py`` (``carried_over.py`` notes it), what is missing and why is
in ``left_out.py``, what the bulk API gives in ``batch.py``.
"""
