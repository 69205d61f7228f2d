"""What the official surface has that this package has not, or has with another value."""

from __future__ import annotations

# Public names of the official SDK that do not exist here, or have another value, with the reason.
DROPPED = {
    "Configuration.logger_stream_handler": "Handlers belong to the application.",
    "Configuration.logger_file_handler": "Handlers belong to the application.",
    "Configuration.logger_formatter": "Set `logger_format`; the formatter is made where needed.",
    "Configuration.logger['urllib3_logger']": "This package leaves urllib3's logger alone.",
}
CHANGED_DEFAULTS = {
    "access_token": "`None` instead of empty text: no token is not an empty token.",
    "connection_pool_maxsize": "At least 32: threads beyond it would reconnect for each call.",
    "logger": "Holds `package_logger` alone.",
}
