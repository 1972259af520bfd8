"""`make bench`: what an extraction, a snapshot and an upload cost on this machine, against the sandbox."""
