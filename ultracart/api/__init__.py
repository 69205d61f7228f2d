"""The API classes: one file for each, the only places that know paths."""

from .oauth_api import OauthApi as OauthApi

__all__ = ["OauthApi"]
