"""Grants that are known to be revoked or expired: a command notes them for later commands.

A token store keeps the token of such a grant until it is replaced, so the token does not tell.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from hashlib import sha256

from ..oauth.data_directory import data_directory
from ..oauth.token import Token

_FILE = "ended.json"
# How many are kept, the newest first; a grant that was replaced since is never looked up again.
_MOST = 1000


def note_ended(token: Token) -> None:
    """Note that the server no longer accepts this grant; does nothing if that cannot be written."""
    known = _read()
    digest = _digest(token)
    if digest in known:
        return
    path = _path()
    with suppress(OSError):
        # mkstemp makes a file of mode 0600.
        descriptor, new = tempfile.mkstemp(dir=os.path.dirname(path), prefix=_FILE)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            json.dump([*known, digest][-_MOST:], stream)
        os.replace(new, path)


def has_ended(token: Token) -> bool:
    """Whether this grant is known to have ended."""
    return _digest(token) in _read()


def ended_because(error: BaseException) -> str:
    """The server's description of the error, if there is one, without its code."""
    description = getattr(error, "error_description", None)
    return str(description or "the server does not accept the token any more").rstrip(".")


def _path() -> str:
    return os.path.join(data_directory(), _FILE)


def _read() -> list[str]:
    try:
        with open(_path(), encoding="ascii") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return []
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def _digest(token: Token) -> str:
    # One token is enough: a grant that was refreshed since has not ended.
    secret = token.refresh_token or token.access_token
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
