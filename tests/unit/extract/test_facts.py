"""What Mode says beyond the six files."""

from __future__ import annotations

from mode_catalog_provider.extract.facts import member_facts


def test_of_a_member_only_what_mode_said_is_known() -> None:
    row = {"state": "active", "admin": False, "activated_at": None, "email": "ada@example.com", "invited": {}}
    assert member_facts(row) == {"state": "active", "admin": False, "activated_at": None}
    assert member_facts({"member_token": "m1"}) == {}
