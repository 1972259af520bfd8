"""What in a workspace somebody should look at: findings over one snapshot, without a request to Mode.

A finding names one object, says in a sentence what is off and what to do, and keeps its identity from
snapshot to snapshot, so that an audit can tell what is new. The facts lie in a temporary database, so the
memory needed grows with what is found, not with the workspace.
"""
