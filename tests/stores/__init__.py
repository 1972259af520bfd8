"""`make stores`: lock and staging on a server of each kind of object store that docs/compatibility.md names.

Azurite comes from the npm registry (Node.js is needed), the others from the Python package index. Not a part
of `make test`: the S3 servers of :mod:`tests.object_store` are.
"""
