"""Who may see what in Mode: read into one matrix, compared with the last one, and what is wrong with it."""
