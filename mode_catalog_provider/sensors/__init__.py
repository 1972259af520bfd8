"""The sensors: both wait until Catalog has ingested sources (``ingestion.py``), each for its own reason."""
