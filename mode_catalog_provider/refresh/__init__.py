"""Runs of Mode's reports and datasets: found, started, followed, judged.

A run goes through here in this order:

1. ``targets``: a selection (tokens, names, collections, connections) becomes choices, each with its reason;
2. ``limit``: too many of them are refused before any is started;
3. ``progress.plan``: the choices become one :class:`~mode_catalog_provider.refresh.progress.Progress` each;
4. ``refresh.Refresh.step``: looks at the runs in flight (``runs.read_run``) and starts what there is room for
   (``runs.start_run``), until all is over;
5. ``progress.result_of`` and ``failure_sentence``: what came of it, and whether that is good enough.

``operators.cache_refresh`` and ``mode-catalog refresh`` go through these five, each waiting in its own way:
the operator between two steps in ``triggers.mode_runs``, the command line by sleeping.
"""
