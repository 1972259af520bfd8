"""What stands for a task instance and for findings, where an operator tells what it found."""

from __future__ import annotations

from mode_catalog_provider.audit.finding import Finding


class TaskInstance:
    max_tries = 0

    def __init__(self):
        self.pushed = {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


def finding(check, token="r1", *, is_new=True):
    return Finding(
        check=check,
        asset="report",
        token=token,
        name="R",
        what=f"{token} is off.",
        advice="Mend it.",
        url=f"https://mode.example.com/{token}",
        is_new=is_new,
    )
