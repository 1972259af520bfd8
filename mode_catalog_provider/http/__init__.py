"""One request over HTTP, whoever it goes to: nothing here knows Mode or Catalog.

``session.py`` sends and reads within limits (``connection.py`` can break an exchange off, ``response.py`` is
what came back); ``retry.py`` says what is tried again and when, ``failures.py`` and ``certificates.py`` what
went wrong in words that mend it, ``statistics.py`` counts. ``endpoint.py`` is what a connection says of it.
"""
