"""The operators, one subject a file. What several do alike is in ``tasks``; the work itself in the core."""
