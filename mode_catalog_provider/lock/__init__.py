"""The run lock: one extract-and-upload at a time, across runs, DAGs, machines and the command line.

A lease from acquire to release, in files: ``run_lock.py`` takes, checks, renews and gives back;
``takeover.py`` says when somebody else's may be taken, with ``machine.py`` for processes of this machine;
``lease.py`` is what stands in a file and what its holder keeps; ``store.py`` has the files, on disks and
object stores; ``keeper.py`` renews while work runs. How tasks wait and work under it is in
``tasks/lock_wait.py`` and ``tasks/held_lease.py``, the tasks themselves in ``operators/lock.py``.

Files
    A lock is a directory. ``000000000007.lease`` is the seventh generation; it was made by exclusive create
    (``open("xb")``) and holds the claim of its holder: who, since when, ttl, number of renewals.
    ``000000000007.released`` beside it says that it was given back. Other files are ignored.

States
    Only the highest generation counts; all lower ones are history. It is

    * *free*, when there is no generation or the highest was released;
    * *held*, else. Also when its content is half-written, unreadable or of an unknown version;
    * *expired*, when it is held and may be taken over: this waiter has seen its content unchanged for the
      whole ttl by the waiter's own clock; or the claim's own times say so, written on this same machine, or
      on another one and more than an hour ago beyond the ttl (two clocks are never compared any closer); or
      it was to end with its process, which ran on this machine and is gone; or the waiter's own Airflow says
      that the holder's run is over; or the holder was an earlier try of the same task of the same Airflow.
      Which Airflow it is, a claim says by a mark: two may run the same DAG at the same times, so that the ids
      are equal. A claim without a mark (an older one, or an Airflow that does not tell) is another's.

Steps
    *acquire*: read the highest generation *n*; if it is free or expired, create *n + 1* exclusively with the
    whole claim; look again, and hold only if *n + 1* is the highest. *renew*: rewrite one's own file, every
    third of the ttl. *check*: hold only if one's own generation is the highest, carries one's own token and
    was not released. *release*: create the ``released`` file. A new holder deletes generations more than 16
    below its own. Nobody ever deletes the highest, writes into another's lease, or undoes a release.

    A person who unlocks by hand creates the ``released`` file of the lease they saw, and of no other.

Invariants, as long as only this package writes to the directory
    1. At any instant at most one lease passes the check: the highest generation is one file with one token.
    2. The number of a granted lease is higher than that of every lease granted before (fencing token).
    3. A lease that failed the check once never passes it again.
       A model of these steps is explored exhaustively in ``tests/unit/lock/test_model.py``, the code itself
       step by step in ``test_races.py`` and ``test_interleavings.py`` beside it.
    4. Whoever paused, slept or was cut off finds out at its next check, whatever its clock says: no clock
       takes part in the check. Clocks decide only when a waiter may take over, and a wrong clock there
       costs the old holder its work, never the exclusion.

What happens when
    * *crash between create and write*: an empty file; counts as held until somebody saw it unchanged for its
      own ttl.
    * *two waiters find the same lease expired*: both create *n + 1*, one is refused.
    * *a waiter sleeps between read and create, and its number was used and deleted meanwhile*: it creates a
      low generation, sees in its second look that it is not the highest, and lets go.
    * *the holder is stopped beyond its ttl and goes on*: its next check or renewal fails, its work is told.
      A renewal caught in the middle may bring back a deleted low file, which holds nothing.
    * *the answer to a create is lost*: a repeated request is refused, and the token shows that the file is
      one's own. When that cannot be told, the claim is released again as far as possible, or expires.
    * *the listing lags*: names beyond the listing are asked for directly; harmless as long as fewer than 16
      leases are granted within the lag.
    * *somebody deletes the directory*: a holder that looks fails its check; numbers begin again at 1, so
      invariants 2 and 3 hold within one life of the directory, invariant 1 always.

Not promised
    * That a step which passed the check is over before the next holder begins: the two services know no
      fencing token, so a push under way at the moment of takeover still ends. Check before every step.
    * Fairness: whoever tries first after a release wins, not whoever waited longest. Every wait has a
      deadline, though, and a dead holder is taken over within its ttl and one poll.
    * Anything on a store without exclusive create. It is detected when the lock is taken (a second
      creation of the same file must be refused) and refused; a store that merely races cannot be told.
    * Protection from whoever may write to the directory. What is no file there is told, though, and never
      waited for; a claim of more than 31 days counts as unreadable.
"""

from __future__ import annotations

from mode_catalog_provider.lock.keeper import LeaseKeeper
from mode_catalog_provider.lock.lease import Claim, Holder, Lease, LeaseRecord
from mode_catalog_provider.lock.run_lock import Clocks, RunLock
from mode_catalog_provider.lock.takeover import Observation, Watch

__all__ = [
    "Claim",
    "Clocks",
    "Holder",
    "Lease",
    "LeaseKeeper",
    "LeaseRecord",
    "Observation",
    "RunLock",
    "Watch",
]
