"""Mode's own scheduler: which schedules there are, which fail, and which reports show old results."""
