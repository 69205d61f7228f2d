"""The model classes; ``ApiClient.models`` looks names up here."""

from .error import Error
from .error_response import ErrorResponse
from .oauth_device_authorization_response import OauthDeviceAuthorizationResponse
from .oauth_me_response import OauthMeResponse
from .oauth_revoke_success_response import OauthRevokeSuccessResponse
from .oauth_token_response import OauthTokenResponse

__all__ = [
    "Error",
    "ErrorResponse",
    "OauthDeviceAuthorizationResponse",
    "OauthMeResponse",
    "OauthRevokeSuccessResponse",
    "OauthTokenResponse",
]
