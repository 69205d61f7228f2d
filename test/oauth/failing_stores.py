"""Stores that fail, for the tests of what a session makes of that."""

from __future__ import annotations

from ultracart.exceptions import TokenStoreError
from ultracart.oauth import MemoryTokenStore


class FullDisk(MemoryTokenStore):
    """Cannot save a refreshed token while it is ``full``."""

    full = False

    def replace(self, account, old, new):
        if self.full:
            raise TokenStoreError("disk full")
        return super().replace(account, old, new)
