"""`python -m mode_catalog_provider`, the same as `mode-catalog`."""

from __future__ import annotations

import sys

from mode_catalog_provider.cli import main

sys.exit(main())
