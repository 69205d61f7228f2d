"""Decides how Authlib, which ships no types, enters checked code: here, as ``Any``."""

from __future__ import annotations

from typing import Any

from authlib import oauth2  # type: ignore[import-untyped, unused-ignore]
from authlib.integrations import flask_oauth2  # type: ignore[import-untyped, unused-ignore]
from authlib.integrations.flask_oauth2 import (  # type: ignore[import-untyped, unused-ignore]
    requests as flask_requests,
)
from authlib.oauth2 import (  # type: ignore[import-untyped, unused-ignore]
    rfc6749,
    rfc6750,
    rfc7009,
    rfc7636,
    rfc8628,
    rfc9207,
)

AuthorizationServer: Any = flask_oauth2.AuthorizationServer
ResourceProtector: Any = flask_oauth2.ResourceProtector
FlaskOAuth2Payload: Any = flask_requests.FlaskOAuth2Payload
FlaskOAuth2Request: Any = flask_requests.FlaskOAuth2Request
OAuth2Request: Any = rfc6749.OAuth2Request
AuthorizationCodeGrant: Any = rfc6749.grants.AuthorizationCodeGrant
RefreshTokenGrant: Any = rfc6749.grants.RefreshTokenGrant
BearerTokenValidator: Any = rfc6750.BearerTokenValidator
RevocationEndpoint: Any = rfc7009.RevocationEndpoint
CodeChallenge: Any = rfc7636.CodeChallenge
DeviceAuthorizationEndpoint: Any = rfc8628.DeviceAuthorizationEndpoint
DeviceCodeGrant: Any = rfc8628.DeviceCodeGrant
IssuerParameter: Any = rfc9207.IssuerParameter

# Exceptions keep their class, because ``except`` needs one.
OAuth2Error: type[Exception] = oauth2.OAuth2Error
InvalidGrantError: Any = rfc6749.InvalidGrantError
InvalidRequestError: Any = rfc6749.InvalidRequestError
InvalidScopeError: Any = rfc6749.InvalidScopeError
