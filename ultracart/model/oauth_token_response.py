"""``OauthTokenResponse`` where users of the official 4.x SDK look for it."""

from ..models.oauth_token_response import OauthTokenResponse as OauthTokenResponse
