"""What must hold for any bytes that a server may send."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

from ultracart import ApiException, OauthApi

CODE = "planted-c0d3c0d3c0d3c0d3"


def judge(api: OauthApi) -> None:
    """Exchange a code: a token or an ApiException, and the code is shown nowhere."""
    failure = None
    try:
        token = api.oauth_access_token("c", "authorization_code", code=CODE, _request_timeout=2)
    except ApiException as error:
        failure = error
    else:
        assert isinstance(token.access_token, str)
        assert token.access_token
        assert token.expires_in is None or type(token.expires_in) is int
        # As a value: a token may be a part of a field's name, or equal to the type.
        shown = ": %r" % token.access_token in repr(token)
        assert not shown or token.access_token == token.token_type
    if failure is not None:
        trace = traceback.format_exception(type(failure), failure, failure.__traceback__)
        assert CODE[8:] not in "".join(trace)
        assert str(failure).isprintable()
        assert str(pickle.loads(pickle.dumps(failure))) == str(failure)


def sender(data: bytes) -> Any:
    """The step that sends ``data`` and closes."""

    def step(peer: Any) -> bool:
        peer.send(data)
        return False

    return step
