"""`make versions`: the wheel in an environment of its own for each supported pair of Airflow and Python.

::

    python -m tests.versions                                  # every pair, one after the other
    python -m tests.versions --airflow 3.1.8 --python 3.11    # those pairs only
    python -m tests.versions --part provider --part dags      # these parts only
    python -m tests.versions --whole                          # the whole suite instead of the chosen tests
    python -m tests.versions --record                         # and keep the results for docs/compatibility.md

For each pair: install the wheel with the constraints of that Airflow, look at what Airflow says of the
provider, read the ready DAGs, run the chosen tests, and run the demo once. The table at the end has a line
for each pair; the exit code is 1 if anything failed.
"""
