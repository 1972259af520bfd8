"""A real Airflow on this machine, with the sandbox servers or real connections: what `make run` starts."""
