"""Fixtures of the cases."""

from __future__ import annotations

from tests.cases.doors import case_client, case_service, door

__all__ = ["case_client", "case_service", "door"]
