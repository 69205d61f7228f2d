"""UltraCart's OAuth API for Python: the generated-style client, sessions and a sandbox.

Every public name is loaded when it is first used, so ``import ultracart`` costs next to nothing.
``ultracart.configuration`` is the global :class:`~ultracart.configuration.Configuration`.
"""

# ruff: noqa: F405  # the names of exceptions and models, for type checkers
from __future__ import annotations

import sys

from .version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers and editors see; at run time see _HOMES
    from typing import Any

    from . import (
        api as api,
        api_client as api_client,
        apis as apis,
        exceptions as exceptions,
        model as model,
        models as models,
        oauth as oauth,
        official as official,
        rest as rest,
        sandbox as sandbox,
    )
    from .api.oauth_api import OauthApi as OauthApi
    from .api_client import ApiClient as ApiClient
    from .configuration import Configuration as Configuration
    from .exceptions import *  # noqa: F403
    from .models import *  # noqa: F403

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
    "TokenBindingError",
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
    "api api_client apis exceptions model models oauth official rest sandbox".split()
)


def _find(name: str) -> Any:
    if name not in _SUBMODULES and name not in __all__:
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module(__name__ + "." + name)
    value = getattr(import_module(__name__ + "." + _HOMES.get(name, "exceptions")), name)
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # hidden from type checkers, which would accept every misspelt name
    __getattr__ = _find


def __dir__() -> list[str]:
    from importlib.util import find_spec

    # Leave `sandbox` out if its extra is not installed: help() and others import every listed name.
    without = () if find_spec("flask") and find_spec("authlib") else ("sandbox",)
    return sorted({*globals(), *__all__, *_SUBMODULES}.difference(without))


class _Package(type(sys)):  # type: ignore[misc]
    """Keeps ``ultracart.configuration`` the global Configuration.

    An import of the submodule ``ultracart.configuration`` makes Python assign it to the attribute
    of that name. The submodule can be imported, but the assignment is ignored.
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
