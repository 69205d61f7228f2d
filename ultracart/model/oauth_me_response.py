"""``OauthMeResponse`` where users of the official 4.x SDK look for it."""

from ..models.oauth_me_response import OauthMeResponse as OauthMeResponse
