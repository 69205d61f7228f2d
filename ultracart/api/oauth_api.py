"""UltraCart's OAuth operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, overload

from ..api_client import ApiClient, default_api_client
from ..configuration import OAUTH_SCHEME, SIMPLE_KEY, Configuration, Timeout
from ..exceptions import ApiTypeError
from ..models import (
    OauthDeviceAuthorizationResponse,
    OauthMeResponse,
    OauthRevokeSuccessResponse,
    OauthTokenResponse,
)
from .operations import JSON, Operation, check_text

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Unpack
    from urllib3 import BaseHTTPResponse

    from ..async_calls import AsyncResult
    from .signatures import AnyWay, InBackground, Plain, TokenFields, Unread, WithStatus

    class _TokenPlain(Plain, TokenFields): ...

    class _TokenInBackground(InBackground, TokenFields): ...

    class _TokenUnread(Unread, TokenFields): ...

    class _TokenAnyWay(AnyWay, TokenFields): ...


def _usable_token(token: OauthTokenResponse) -> str | None:
    if not token.access_token:
        return "the response holds no access token"
    if (token.token_type or "").strip().lower() not in ("", "bearer"):
        # RFC 6749, 7.1: a client must not use a token of a type that it does not understand.
        return "the token is not a bearer token"
    return None


def _revoked(response: OauthRevokeSuccessResponse) -> str | None:
    if response.successful is None:
        response.successful = True  # RFC 7009, 2.2: status 200 alone means success
    return None


def _usable_device_code(response: OauthDeviceAuthorizationResponse) -> str | None:
    return None if response.device_code else "the response holds no device code"


def _usable_me(me: OauthMeResponse) -> str | None:
    return None if any(me[name] is not None for name in me) else "the response has no data"


TOKEN = Operation(
    "/oauth/token",
    OauthTokenResponse,
    required=("client_id", "grant_type"),
    validate=_usable_token,
)
REVOKE = Operation(
    "/oauth/revoke",
    OauthRevokeSuccessResponse,
    required=("client_id", "token"),
    validate=_revoked,
    empty_body={"successful": True},
)
DEVICE = Operation(
    "/oauth/device/authorize",
    OauthDeviceAuthorizationResponse,
    required=("client_id", "scope"),
    validate=_usable_device_code,
)
_ME = Operation(
    "/oauth/me",
    OauthMeResponse,
    validate=_usable_me,
    method="GET",
    content_type=JSON,
    schemes=(OAUTH_SCHEME,),
)


class OauthApi:
    """UltraCart's OAuth operations.

    Args:
        api_client: the client to call with; default: a client with the global configuration, which
            all API objects without a client of their own share.

    Each operation takes these options as keywords: ``async_req=True`` calls in the background and
    returns an object with ``.get(timeout)``; ``_preload_content=False`` returns the unread
    ``urllib3.HTTPResponse``; ``_request_timeout`` is in seconds, one number for the whole call or
    (connect, response). The twin ``..._with_http_info`` returns ``(data, status, headers)``, or the
    data alone with ``_return_http_data_only=True``.

    Before anything is sent, each raises ``TypeError`` for a value that is not ``str``, and
    ``ValueError`` for a required value that is ``None`` or empty. A call that failed raises
    :class:`ultracart.exceptions.ApiException`; its subclass
    :class:`~ultracart.exceptions.OAuthError` has an OAuth error code.
    """

    def __init__(self, api_client: ApiClient | None = None) -> None:
        if api_client is None:
            api_client = default_api_client()
        elif not hasattr(api_client, "call_api"):
            raise ApiTypeError(
                "api_client must be an ApiClient, not %s" % type(api_client).__name__
            )
        self.api_client = api_client

    @classmethod
    def from_api_key(cls, api_key: str, verify_ssl: bool = True, debug: bool = False) -> OauthApi:
        """A new instance that sends this simple key (``x-ultracart-simple-key``) and no other
        credential."""
        check_text("api_key", api_key, required=True)
        configuration = Configuration()
        # Send no other credential, even if the environment or the default configuration has one.
        configuration.api_key = {SIMPLE_KEY: api_key}
        configuration.access_token = None
        configuration.refresh_api_key_hook = None
        configuration.verify_ssl = verify_ssl
        configuration.debug = debug
        return cls(ApiClient(configuration))

    @classmethod
    def fromApiKey(  # noqa: N802
        cls,
        apiKey: str,  # noqa: N803
        verify_ssl: bool = True,
        debug: bool = False,
    ) -> OauthApi:
        """:meth:`from_api_key` under the official SDK's name."""
        check_text("apiKey", apiKey, required=True)
        return cls.from_api_key(apiKey, verify_ssl, debug)

    @overload
    def oauth_access_token(
        self, client_id: str, grant_type: str, **options: Unpack[_TokenPlain]
    ) -> OauthTokenResponse: ...

    @overload
    def oauth_access_token(
        self, client_id: str, grant_type: str, **options: Unpack[_TokenInBackground]
    ) -> AsyncResult[OauthTokenResponse]: ...

    @overload
    def oauth_access_token(
        self, client_id: str, grant_type: str, **options: Unpack[_TokenUnread]
    ) -> BaseHTTPResponse: ...

    @overload
    def oauth_access_token(
        self, client_id: str, grant_type: str, **options: Unpack[_TokenAnyWay]
    ) -> Any: ...

    def oauth_access_token(  # type: ignore[misc]
        self,
        client_id: str,
        grant_type: str,
        *,
        code: str | None = None,
        redirect_uri: str | None = None,
        refresh_token: str | None = None,
        device_code: str | None = None,
        code_verifier: str | None = None,
        client_secret: str | None = None,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> OauthTokenResponse:
        """Exchange an authorization code, refresh token or device code for an access token.

        Args:
            client_id: the application's OAuth client id.
            grant_type: ``authorization_code``, ``refresh_token``, or
                ``urn:ietf:params:oauth:grant-type:device_code``.
            code: with ``authorization_code``: the code that the browser brought back (RFC 6749,
                4.1.3); it can be used once.
            redirect_uri: with ``authorization_code``: exactly the redirect URI of the authorization
                URL.
            refresh_token: with ``refresh_token``: the newest refresh token of the grant (RFC 6749,
                6). If the response has a new one, the old one may no longer work.
            device_code: with the device grant: the code from :meth:`oauth_device_authorize` (RFC
                8628, 3.4).
            code_verifier: the PKCE verifier whose challenge the authorization URL carried (RFC
                7636, 4.5).
            client_secret: only for an application that has a secret; UltraCart's applications are
                public clients.

        Raises:
            InvalidGrantError: the code or token is wrong, expired, used or revoked.
            ApiResponseError: a response without a usable bearer token.
        """
        return self.api_client.call_api(  # type: ignore[no-any-return]
            TOKEN.path, TOKEN.method, **TOKEN.arguments(locals(), data_only=True)
        )

    @overload
    def oauth_access_token_with_http_info(
        self, client_id: str, grant_type: str, **options: Unpack[_TokenPlain]
    ) -> WithStatus[OauthTokenResponse]: ...

    @overload
    def oauth_access_token_with_http_info(
        self, client_id: str, grant_type: str, **options: Unpack[_TokenInBackground]
    ) -> AsyncResult[WithStatus[OauthTokenResponse]]: ...

    @overload
    def oauth_access_token_with_http_info(
        self, client_id: str, grant_type: str, **options: Unpack[_TokenAnyWay]
    ) -> Any: ...

    def oauth_access_token_with_http_info(  # type: ignore[misc]
        self,
        client_id: str,
        grant_type: str,
        *,
        code: str | None = None,
        redirect_uri: str | None = None,
        refresh_token: str | None = None,
        device_code: str | None = None,
        code_verifier: str | None = None,
        client_secret: str | None = None,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> tuple[OauthTokenResponse, int, Mapping[str, str]]:
        """:meth:`oauth_access_token`, with the status code and the headers."""
        return self.api_client.call_api(  # type: ignore[no-any-return]
            TOKEN.path, TOKEN.method, **TOKEN.arguments(locals())
        )

    @overload
    def oauth_revoke(
        self, client_id: str, token: str, **options: Unpack[Plain]
    ) -> OauthRevokeSuccessResponse: ...

    @overload
    def oauth_revoke(
        self, client_id: str, token: str, **options: Unpack[InBackground]
    ) -> AsyncResult[OauthRevokeSuccessResponse]: ...

    @overload
    def oauth_revoke(
        self, client_id: str, token: str, **options: Unpack[Unread]
    ) -> BaseHTTPResponse: ...

    @overload
    def oauth_revoke(self, client_id: str, token: str, **options: Unpack[AnyWay]) -> Any: ...

    def oauth_revoke(  # type: ignore[misc]
        self,
        client_id: str,
        token: str,
        *,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> OauthRevokeSuccessResponse:
        """Revoke the authorization that ``token`` belongs to, and all its tokens (RFC 7009).

        Args:
            client_id: the application's OAuth client id.
            token: any access or refresh token of the authorization to revoke.
        """
        return self.api_client.call_api(  # type: ignore[no-any-return]
            REVOKE.path, REVOKE.method, **REVOKE.arguments(locals(), data_only=True)
        )

    @overload
    def oauth_revoke_with_http_info(
        self, client_id: str, token: str, **options: Unpack[Plain]
    ) -> WithStatus[OauthRevokeSuccessResponse]: ...

    @overload
    def oauth_revoke_with_http_info(
        self, client_id: str, token: str, **options: Unpack[InBackground]
    ) -> AsyncResult[WithStatus[OauthRevokeSuccessResponse]]: ...

    @overload
    def oauth_revoke_with_http_info(
        self, client_id: str, token: str, **options: Unpack[AnyWay]
    ) -> Any: ...

    def oauth_revoke_with_http_info(  # type: ignore[misc]
        self,
        client_id: str,
        token: str,
        *,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> tuple[OauthRevokeSuccessResponse, int, Mapping[str, str]]:
        """:meth:`oauth_revoke`, with the status code and the headers."""
        return self.api_client.call_api(  # type: ignore[no-any-return]
            REVOKE.path, REVOKE.method, **REVOKE.arguments(locals())
        )

    @overload
    def oauth_device_authorize(
        self, client_id: str, scope: str, **options: Unpack[Plain]
    ) -> OauthDeviceAuthorizationResponse: ...

    @overload
    def oauth_device_authorize(
        self, client_id: str, scope: str, **options: Unpack[InBackground]
    ) -> AsyncResult[OauthDeviceAuthorizationResponse]: ...

    @overload
    def oauth_device_authorize(
        self, client_id: str, scope: str, **options: Unpack[Unread]
    ) -> BaseHTTPResponse: ...

    @overload
    def oauth_device_authorize(
        self, client_id: str, scope: str, **options: Unpack[AnyWay]
    ) -> Any: ...

    def oauth_device_authorize(  # type: ignore[misc]
        self,
        client_id: str,
        scope: str,
        *,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> OauthDeviceAuthorizationResponse:
        """Begin a login on a device without a browser (RFC 8628, section 3.1).

        Args:
            client_id: the application's OAuth client id.
            scope: application-level scope, such as ``crm`` or ``ultraship``.
        """
        return self.api_client.call_api(  # type: ignore[no-any-return]
            DEVICE.path, DEVICE.method, **DEVICE.arguments(locals(), data_only=True)
        )

    @overload
    def oauth_device_authorize_with_http_info(
        self, client_id: str, scope: str, **options: Unpack[Plain]
    ) -> WithStatus[OauthDeviceAuthorizationResponse]: ...

    @overload
    def oauth_device_authorize_with_http_info(
        self, client_id: str, scope: str, **options: Unpack[InBackground]
    ) -> AsyncResult[WithStatus[OauthDeviceAuthorizationResponse]]: ...

    @overload
    def oauth_device_authorize_with_http_info(
        self, client_id: str, scope: str, **options: Unpack[AnyWay]
    ) -> Any: ...

    def oauth_device_authorize_with_http_info(  # type: ignore[misc]
        self,
        client_id: str,
        scope: str,
        *,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> tuple[OauthDeviceAuthorizationResponse, int, Mapping[str, str]]:
        """:meth:`oauth_device_authorize`, with the status code and the headers."""
        return self.api_client.call_api(  # type: ignore[no-any-return]
            DEVICE.path, DEVICE.method, **DEVICE.arguments(locals())
        )

    @overload
    def oauth_me(self, **options: Unpack[Plain]) -> OauthMeResponse: ...

    @overload
    def oauth_me(self, **options: Unpack[InBackground]) -> AsyncResult[OauthMeResponse]: ...

    @overload
    def oauth_me(self, **options: Unpack[Unread]) -> BaseHTTPResponse: ...

    @overload
    def oauth_me(self, **options: Unpack[AnyWay]) -> Any: ...

    def oauth_me(  # type: ignore[misc]
        self,
        *,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> OauthMeResponse:
        """Who authorized the configured access token, and what was granted."""
        return self.api_client.call_api(  # type: ignore[no-any-return]
            _ME.path, _ME.method, **_ME.arguments(locals(), data_only=True)
        )

    @overload
    def oauth_me_with_http_info(self, **options: Unpack[Plain]) -> WithStatus[OauthMeResponse]: ...

    @overload
    def oauth_me_with_http_info(
        self, **options: Unpack[InBackground]
    ) -> AsyncResult[WithStatus[OauthMeResponse]]: ...

    @overload
    def oauth_me_with_http_info(self, **options: Unpack[AnyWay]) -> Any: ...

    def oauth_me_with_http_info(  # type: ignore[misc]
        self,
        *,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> tuple[OauthMeResponse, int, Mapping[str, str]]:
        """:meth:`oauth_me`, with the status code and the headers."""
        return self.api_client.call_api(  # type: ignore[no-any-return]
            _ME.path, _ME.method, **_ME.arguments(locals())
        )
