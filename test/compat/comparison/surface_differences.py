"""Which settings of the official surface start with another value here; no name is missing."""

from __future__ import annotations

# Settings of the official SDK that start with another value here, with the reason.
CHANGED_DEFAULTS = {
    "access_token": "`None` instead of empty text: no token is not an empty token.",
    "connection_pool_maxsize": "At least 32: threads beyond it would reconnect for each call.",
    "logger_stream_handler": "`None`: no handler is added before `debug = True` needs one.",
}
