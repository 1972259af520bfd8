"""``kill -9`` at any moment of the whole job, again and again.

``pytest tests/campaign --kills 200 --seed 1`` is the long version; its figures are printed with ``-s``.
"""
