"""UltraCart's OAuth API for Python: the generated-style client, sessions and a sandbox.

Every public name is loaded when it is first used, so ``import ultracart`` costs next to nothing.
``ultracart.configuration`` is the global :class:`~ultracart.configuration.Configuration`.
"""

from __future__ import annotations

import sys

from .version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers and editors see; at run time _HOMES decides
    from typing import Any

    from . import api as api
    from . import api_client as api_client
    from . import apis as apis
    from . import exceptions as exceptions
    from . import model as model
    from . import models as models
    from . import oauth as oauth
    from . import rest as rest
    from . import sandbox as sandbox
    from .api.oauth_api import OauthApi as OauthApi
    from .api_client import ApiClient as ApiClient
    from .configuration import Configuration as Configuration
    from .exceptions import AccessDeniedError as AccessDeniedError
    from .exceptions import ApiAttributeError as ApiAttributeError
    from .exceptions import ApiConnectionError as ApiConnectionError
    from .exceptions import ApiException as ApiException
    from .exceptions import ApiKeyError as ApiKeyError
    from .exceptions import ApiResponseError as ApiResponseError
    from .exceptions import ApiTimeoutError as ApiTimeoutError
    from .exceptions import ApiTypeError as ApiTypeError
    from .exceptions import ApiValueError as ApiValueError
    from .exceptions import AuthorizationPendingError as AuthorizationPendingError
    from .exceptions import BadRequestException as BadRequestException
    from .exceptions import ConfigurationError as ConfigurationError
    from .exceptions import ExpiredTokenError as ExpiredTokenError
    from .exceptions import ForbiddenException as ForbiddenException
    from .exceptions import InvalidClientError as InvalidClientError
    from .exceptions import InvalidGrantError as InvalidGrantError
    from .exceptions import InvalidRequestError as InvalidRequestError
    from .exceptions import InvalidScopeError as InvalidScopeError
    from .exceptions import NotFoundException as NotFoundException
    from .exceptions import OAuthError as OAuthError
    from .exceptions import OAuthSessionError as OAuthSessionError
    from .exceptions import OpenApiException as OpenApiException
    from .exceptions import RateLimitException as RateLimitException
    from .exceptions import ReauthorizationRequired as ReauthorizationRequired
    from .exceptions import ServiceException as ServiceException
    from .exceptions import SlowDownError as SlowDownError
    from .exceptions import StateMismatchError as StateMismatchError
    from .exceptions import TokenStoreError as TokenStoreError
    from .exceptions import UltraCartError as UltraCartError
    from .exceptions import UnauthorizedClientError as UnauthorizedClientError
    from .exceptions import UnauthorizedException as UnauthorizedException
    from .exceptions import UnsupportedGrantTypeError as UnsupportedGrantTypeError
    from .models import Error as Error
    from .models import ErrorResponse as ErrorResponse
    from .models import OauthDeviceAuthorizationResponse as OauthDeviceAuthorizationResponse
    from .models import OauthMeResponse as OauthMeResponse
    from .models import OauthRevokeSuccessResponse as OauthRevokeSuccessResponse
    from .models import OauthTokenResponse as OauthTokenResponse

    configuration: Configuration

__all__ = [
    "AccessDeniedError",
    "ApiAttributeError",
    "ApiClient",
    "ApiConnectionError",
    "ApiException",
    "ApiKeyError",
    "ApiResponseError",
    "ApiTimeoutError",
    "ApiTypeError",
    "ApiValueError",
    "AuthorizationPendingError",
    "BadRequestException",
    "Configuration",
    "ConfigurationError",
    "Error",
    "ErrorResponse",
    "ExpiredTokenError",
    "ForbiddenException",
    "InvalidClientError",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidScopeError",
    "NotFoundException",
    "OAuthError",
    "OAuthSessionError",
    "OauthApi",
    "OauthDeviceAuthorizationResponse",
    "OauthMeResponse",
    "OauthRevokeSuccessResponse",
    "OauthTokenResponse",
    "OpenApiException",
    "RateLimitException",
    "ReauthorizationRequired",
    "ServiceException",
    "SlowDownError",
    "StateMismatchError",
    "TokenStoreError",
    "UltraCartError",
    "UnauthorizedClientError",
    "UnauthorizedException",
    "UnsupportedGrantTypeError",
    "__version__",
    "configuration",
]

_HOMES = {
    "ApiClient": "api_client",
    "Configuration": "configuration",
    "OauthApi": "api.oauth_api",
    "Error": "models",
    "ErrorResponse": "models",
    "OauthDeviceAuthorizationResponse": "models",
    "OauthMeResponse": "models",
    "OauthRevokeSuccessResponse": "models",
    "OauthTokenResponse": "models",
}
_SUBMODULES = frozenset(
    ["api", "api_client", "apis", "exceptions", "model", "models", "oauth", "rest", "sandbox"]
)


def _find(name: str) -> Any:
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module("." + name, __name__)
    if name not in __all__:
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    value = getattr(import_module("." + _HOMES.get(name, "exceptions"), __name__), name)
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # type checkers would take every misspelt name for something of it
    __getattr__ = _find


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})


class _Package(type(sys)):  # type: ignore[misc]
    """Keeps ``ultracart.configuration`` the global Configuration.

    The import system binds the submodule of that name here whenever somebody imports it; the
    submodule stays importable, but the attribute must not change under those who use it.
    """

    @property
    def configuration(self) -> Configuration:
        from importlib import import_module

        found: Configuration = import_module(".configuration", __name__).global_configuration
        return found

    @configuration.setter
    def configuration(self, value: Any) -> None:
        if not isinstance(value, type(sys)):
            self.Configuration.set_default(value)


sys.modules[__name__].__class__ = _Package
