"""Mode's API and nothing else: no file, no snapshot, no schedule of ours.

``client.py`` is the door: it reads, walks listings (``pages.py``) and sends what must be sent once, each
through ``request.py``, at the pace of ``throttle.py``, with the key of ``credentials.py``. Mode's other, bulk
API is ``discovery.py``. What a workspace *is* stands in ``extract``, what it *runs* in ``refresh``.
"""
