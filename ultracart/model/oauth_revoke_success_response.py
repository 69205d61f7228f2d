"""``OauthRevokeSuccessResponse`` where users of the official 4.x SDK look for it."""

from ..models.oauth_revoke_success_response import (
    OauthRevokeSuccessResponse as OauthRevokeSuccessResponse,
)
