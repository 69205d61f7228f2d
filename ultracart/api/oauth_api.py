"""Decides what UltraCart's OAuth operations send, and which answers they accept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .. import models
from ..api_client import ApiClient, default_api_client
from ..configuration import (
    BROWSER_KEY_SCHEME,
    OAUTH_SCHEME,
    SIMPLE_KEY,
    SIMPLE_KEY_SCHEME,
    Configuration,
    Timeout,
)
from ..exceptions import ApiResponseError, ApiTypeError, ApiValueError, oauth_error_class

if TYPE_CHECKING:
    from ..models.oauth_device_authorization_response import OauthDeviceAuthorizationResponse
    from ..models.oauth_me_response import OauthMeResponse
    from ..models.oauth_revoke_success_response import OauthRevokeSuccessResponse
    from ..models.oauth_token_response import OauthTokenResponse

    # async_req, _return_http_data_only, _preload_content, _request_timeout
    _Options = tuple[bool | None, bool | None, bool, Timeout]

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class OauthApi:
    """UltraCart's OAuth operations.

    Args:
        api_client: the client to call with; default: one client, over the global configuration,
            that all API objects made without one share.

    Each operation takes these options as keywords: ``async_req=True`` calls in the background and
    returns an object with ``.get(timeout)``; ``_preload_content=False`` returns the unread
    ``urllib3.HTTPResponse``; ``_request_timeout`` is in seconds, one number for the whole call or
    (connect, answer). The twin ``..._with_http_info`` returns ``(data, status, headers)``, or the
    data alone with ``_return_http_data_only=True``.

    Each raises, before anything is sent, ``TypeError`` for a value that is not ``str`` and
    ``ValueError`` for a required one that is ``None`` or empty; and for a call that failed
    :class:`ultracart.exceptions.ApiException`, of which :class:`~ultracart.exceptions.OAuthError`
    carries an OAuth error code.
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
        """An instance of its own that sends this simple key (``x-ultracart-simple-key``)."""
        _check_text("api_key", api_key, required=True)
        configuration = Configuration()
        configuration.api_key[SIMPLE_KEY] = api_key
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
        _check_text("apiKey", apiKey, required=True)
        return cls.from_api_key(apiKey, verify_ssl, debug)

    def oauth_access_token(
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
            code: the code from the browser's redirect (RFC 6749, 4.1.3); it can be used once.
            redirect_uri: the redirect URI that the authorization began with.
            refresh_token: the newest refresh token of the grant (RFC 6749, 6).
            device_code: from :meth:`oauth_device_authorize` (RFC 8628, 3.4).
            code_verifier: the PKCE verifier behind the challenge (RFC 7636, 4.5).
            client_secret: for an application that has one; UltraCart's are public clients.

        Raises:
            InvalidGrantError: the code or token is wrong, expired, used or revoked.
            ApiResponseError: an answer without a usable bearer token.
        """
        return self.oauth_access_token_with_http_info(  # type: ignore[return-value]
            client_id,
            grant_type,
            code=code,
            redirect_uri=redirect_uri,
            refresh_token=refresh_token,
            device_code=device_code,
            code_verifier=code_verifier,
            client_secret=client_secret,
            async_req=async_req,
            _return_http_data_only=True,
            _preload_content=_preload_content,
            _request_timeout=_request_timeout,
        )

    def oauth_access_token_with_http_info(
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
        required = {"client_id": client_id, "grant_type": grant_type}
        optional = {
            "code": code,
            "redirect_uri": redirect_uri,
            "refresh_token": refresh_token,
            "device_code": device_code,
            "code_verifier": code_verifier,
            "client_secret": client_secret,
        }
        options = (async_req, _return_http_data_only, _preload_content, _request_timeout)
        return self._post(_TOKEN, required, optional, options)  # type: ignore[no-any-return]

    def oauth_revoke(
        self,
        client_id: str,
        token: str,
        *,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> OauthRevokeSuccessResponse:
        """End the authorization that ``token`` belongs to, with every token of it (RFC 7009).

        Args:
            client_id: the application's OAuth client id.
            token: any access or refresh token of the grant.
        """
        return self.oauth_revoke_with_http_info(  # type: ignore[return-value]
            client_id,
            token,
            async_req=async_req,
            _return_http_data_only=True,
            _preload_content=_preload_content,
            _request_timeout=_request_timeout,
        )

    def oauth_revoke_with_http_info(
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
        required = {"client_id": client_id, "token": token}
        options = (async_req, _return_http_data_only, _preload_content, _request_timeout)
        return self._post(_REVOKE, required, {}, options)  # type: ignore[no-any-return]

    def oauth_device_authorize(
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
        return self.oauth_device_authorize_with_http_info(  # type: ignore[return-value]
            client_id,
            scope,
            async_req=async_req,
            _return_http_data_only=True,
            _preload_content=_preload_content,
            _request_timeout=_request_timeout,
        )

    def oauth_device_authorize_with_http_info(
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
        required = {"client_id": client_id, "scope": scope}
        options = (async_req, _return_http_data_only, _preload_content, _request_timeout)
        return self._post(_DEVICE, required, {}, options)  # type: ignore[no-any-return]

    def oauth_me(
        self,
        *,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> OauthMeResponse:
        """Who authorized the configured access token, and what was granted."""
        return self.oauth_me_with_http_info(  # type: ignore[return-value]
            async_req=async_req,
            _return_http_data_only=True,
            _preload_content=_preload_content,
            _request_timeout=_request_timeout,
        )

    def oauth_me_with_http_info(
        self,
        *,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> tuple[OauthMeResponse, int, Mapping[str, str]]:
        """:meth:`oauth_me`, with the status code and the headers."""
        options = (async_req, _return_http_data_only, _preload_content, _request_timeout)
        return self._call(_ME, [], options)  # type: ignore[no-any-return]

    def _post(
        self,
        operation: _Operation,
        required: Mapping[str, Any],
        optional: Mapping[str, Any],
        options: _Options,
    ) -> Any:
        for name, value in required.items():
            _check_text(name, value, required=True)
        for name, value in optional.items():
            if value is not None:
                _check_text(name, value, required=False)
        given = [(name, value) for name, value in {**required, **optional}.items() if value]
        return self._call(operation, given, options)

    def _call(self, operation: _Operation, form: Any, options: _Options) -> Any:
        async_req, data_only, preload, timeout = options
        return self.api_client.call_api(
            operation.path,
            operation.method,
            header_params=operation.headers,
            post_params=form,
            response_type=operation,
            auth_settings=operation.schemes,
            async_req=async_req,
            _return_http_data_only=data_only,
            _preload_content=preload,
            _request_timeout=timeout,
        )


class _Operation:
    """What an operation sends, and what it accepts as its answer.

    ``model`` is a name, so that a process loads only the models that it uses. ``accept`` says why
    an answer cannot be used, or ``None``; ``empty`` are the fields that an empty body means, which
    is an error without them.
    """

    def __init__(
        self,
        path: str,
        model: str,
        accept: Callable[[Any], str | None],
        *,
        method: str = "POST",
        content_type: str = _FORM,
        schemes: tuple[str, ...] = (BROWSER_KEY_SCHEME, OAUTH_SCHEME, SIMPLE_KEY_SCHEME),
        empty: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = path
        self.model = model
        self.accept = accept
        self.method = method
        self.headers = {"Accept": _JSON, "Content-Type": content_type}
        self.schemes = schemes
        self.empty = empty

    @property
    def from_wire(self) -> Callable[[Any], Any]:
        """Reads an answer; asked for before the request is sent, so the model is loaded by then."""
        from_wire = getattr(models, self.model).from_wire

        def read(data: Any) -> Any:
            error = data.get("error") if isinstance(data, dict) else None
            if error and isinstance(error, str):
                raise oauth_error_class(error)()  # RFC 6749, 5.2, inside a 200
            if error:
                raise ApiResponseError(reason="the answer has status 200 and describes an error")
            answer = from_wire(data)
            problem = self.accept(answer)
            if problem is not None:
                raise ApiResponseError(reason=problem)
            return answer

        return read

    def from_nothing(self) -> Any:
        if self.empty is None:
            raise ApiResponseError(reason="the answer is empty")
        return getattr(models, self.model)(**self.empty)


def _usable_token(token: OauthTokenResponse) -> str | None:
    if not token.access_token:
        return "the answer holds no access token"
    if (token.token_type or "").strip().lower() not in ("", "bearer"):
        # RFC 6749, 7.1: a client must not use a token of a type that it does not understand.
        return "the token is not a bearer token"
    return None


def _revoked(answer: OauthRevokeSuccessResponse) -> str | None:
    if answer.successful is None:
        answer.successful = True  # RFC 7009, 2.2: the status alone says it
    return None


def _usable_device_code(answer: OauthDeviceAuthorizationResponse) -> str | None:
    return None if answer.device_code else "the answer holds no device code"


def _somebody(me: OauthMeResponse) -> str | None:
    return None if any(me[name] is not None for name in me) else "the answer says nothing"


def _check_text(name: str, value: Any, required: bool) -> None:
    if value is None or value == "":
        if required:
            raise ApiValueError("%s is required: pass a non-empty str" % name)
    elif not isinstance(value, str):
        raise ApiTypeError("%s must be str, not %s" % (name, type(value).__name__))


_TOKEN = _Operation("/oauth/token", "OauthTokenResponse", _usable_token)
_REVOKE = _Operation(
    "/oauth/revoke", "OauthRevokeSuccessResponse", _revoked, empty={"successful": True}
)
_DEVICE = _Operation(
    "/oauth/device/authorize", "OauthDeviceAuthorizationResponse", _usable_device_code
)
_ME = _Operation(
    "/oauth/me",
    "OauthMeResponse",
    _somebody,
    method="GET",
    content_type=_JSON,
    schemes=(OAUTH_SCHEME,),
)
