"""Authlib's classes for type-checked code: as ``Any``, because Authlib ships no types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    # With a base class of type Any, checkers would not know the public names of its subclasses.
    class _Untyped:
        def __init__(self, *args: Any, **kwargs: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    class AuthorizationServer(_Untyped):
        def get_consent_grant(self, *args: Any, **kwargs: Any) -> Any: ...
        def handle_error_response(self, *args: Any, **kwargs: Any) -> Any: ...

    class FlaskOAuth2Payload(_Untyped):
        pass

    class FlaskOAuth2Request(_Untyped):
        pass

    class AuthorizationCodeGrant(_Untyped):
        def validate_authorization_request(self, *args: Any, **kwargs: Any) -> Any: ...

    class RefreshTokenGrant(_Untyped):
        def create_token_response(self, *args: Any, **kwargs: Any) -> Any: ...

    class RevocationEndpoint(_Untyped):
        def authenticate_token(self, *args: Any, **kwargs: Any) -> Any: ...
        def create_endpoint_response(self, *args: Any, **kwargs: Any) -> Any: ...

    class CodeChallenge(_Untyped):
        def validate_code_challenge(self, *args: Any, **kwargs: Any) -> Any: ...
        def validate_code_verifier(self, *args: Any, **kwargs: Any) -> Any: ...

    class DeviceAuthorizationEndpoint(_Untyped):
        def create_endpoint_response(self, *args: Any, **kwargs: Any) -> Any: ...

    class DeviceCodeGrant(_Untyped):
        def validate_device_credential(self, *args: Any, **kwargs: Any) -> Any: ...
        def create_token_response(self, *args: Any, **kwargs: Any) -> Any: ...

    class IssuerParameter(_Untyped):
        pass
else:
    AuthorizationServer = flask_oauth2.AuthorizationServer
    FlaskOAuth2Payload = flask_requests.FlaskOAuth2Payload
    FlaskOAuth2Request = flask_requests.FlaskOAuth2Request
    AuthorizationCodeGrant = rfc6749.grants.AuthorizationCodeGrant
    RefreshTokenGrant = rfc6749.grants.RefreshTokenGrant
    RevocationEndpoint = rfc7009.RevocationEndpoint
    CodeChallenge = rfc7636.CodeChallenge
    DeviceAuthorizationEndpoint = rfc8628.DeviceAuthorizationEndpoint
    DeviceCodeGrant = rfc8628.DeviceCodeGrant
    IssuerParameter = rfc9207.IssuerParameter

ResourceProtector: Any = flask_oauth2.ResourceProtector
OAuth2Request: Any = rfc6749.OAuth2Request
BearerTokenValidator: Any = rfc6750.BearerTokenValidator

# Exceptions keep their class, because ``except`` needs one.
OAuth2Error: type[Exception] = oauth2.OAuth2Error
InvalidGrantError: Any = rfc6749.InvalidGrantError
InvalidRequestError: Any = rfc6749.InvalidRequestError
InvalidScopeError: Any = rfc6749.InvalidScopeError
