"""Waiting without a worker: each trigger only polls, knows its deadline, and tells once what it saw."""
