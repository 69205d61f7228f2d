"""``OauthDeviceAuthorizationResponse`` where users of the official 4.x SDK look for it."""

from ..models.oauth_device_authorization_response import (
    OauthDeviceAuthorizationResponse as OauthDeviceAuthorizationResponse,
)
