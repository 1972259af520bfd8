"""What operators and sensors share: nothing here is a task, everything here needs Airflow.

*The lock*: ``lock_wait.py`` waits for it, ``held_lease.py`` works under it, ``lock_holder.py`` says whose.
*Arguments*: ``rendered.py``, ``refresh_policy.py``. *A task and its tries*:
``errors.py`` (ours into Airflow's), ``try_memory.py``, ``kill_switch.py``, ``deferral.py``. *For people*:
``links.py``, ``sync_summary.py``, ``shrink_question.py``. ``compat.py`` is the only place that knows that
there is more than one version of Airflow.
"""
