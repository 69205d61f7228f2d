"""``ErrorResponse`` where users of the official 4.x SDK look for it."""

from ..models.error_response import ErrorResponse as ErrorResponse
