"""The API classes, one file each; no other file knows the paths of operations."""

from .oauth_api import OauthApi as OauthApi

__all__ = ["OauthApi"]
