"""The model classes, loaded when first used; ``ApiClient.models`` looks names up here."""

from __future__ import annotations

from ..forks import load

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs more to load than this package
    from typing import Any

    from .error import Error as Error
    from .error_response import ErrorResponse as ErrorResponse
    from .oauth_device_authorization_response import (
        OauthDeviceAuthorizationResponse as OauthDeviceAuthorizationResponse,
    )
    from .oauth_me_response import OauthMeResponse as OauthMeResponse
    from .oauth_revoke_success_response import (
        OauthRevokeSuccessResponse as OauthRevokeSuccessResponse,
    )
    from .oauth_token_response import OauthTokenResponse as OauthTokenResponse

__all__ = [
    "Error",
    "ErrorResponse",
    "OauthDeviceAuthorizationResponse",
    "OauthMeResponse",
    "OauthRevokeSuccessResponse",
    "OauthTokenResponse",
]
_FILES = {
    "Error": "error",
    "ErrorResponse": "error_response",
    "OauthDeviceAuthorizationResponse": "oauth_device_authorization_response",
    "OauthMeResponse": "oauth_me_response",
    "OauthRevokeSuccessResponse": "oauth_revoke_success_response",
    "OauthTokenResponse": "oauth_token_response",
}


def _find(name: str) -> Any:
    if name in _FILES.values():  # importing the package was enough officially
        return load(__name__ + "." + name)
    if name not in _FILES:
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    value = getattr(load(__name__ + "." + _FILES[name]), name)
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # type checkers would take every misspelt name for something of it
    __getattr__ = _find


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
