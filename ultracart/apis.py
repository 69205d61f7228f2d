"""The API classes where users of the official 4.x SDK look for them."""

from .api.oauth_api import OauthApi as OauthApi

__all__ = ["OauthApi"]
