"""``Error`` where users of the official 4.x SDK look for it."""

from ..models.error import Error as Error
