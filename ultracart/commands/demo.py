"""The command ``demo``: the life of a grant, from consent to revocation, in a sandbox."""

from __future__ import annotations

import argparse
import secrets
from urllib.parse import parse_qs, urlsplit

from ..api.oauth_api import OauthApi
from ..api_client import ApiClient
from ..configuration import Configuration
from ..exceptions import UnauthorizedException
from ..models.oauth_token_response import OauthTokenResponse
from ..oauth.authorization import code_challenge
from ..redaction import mask
from .console import CommandError, put
from .sandbox import Sandbox, open_sandbox

_MERCHANT = "DEMO"


def run(arguments: argparse.Namespace) -> int:
    """Play the demo once."""
    put("UltraCart OAuth from start to end, on your own machine. *** stands for a secret.")
    with open_sandbox() as sandbox:
        configuration = Configuration()
        configuration.host = sandbox.host
        configuration.api_key.clear()
        configuration.access_token = None
        with ApiClient(configuration) as client:
            _Demo(sandbox, OauthApi(client), configuration).play()
    put()
    put("That was all: the sandbox has stopped and nothing is left running.")
    return 0


class _Demo:
    def __init__(self, sandbox: Sandbox, api: OauthApi, configuration: Configuration) -> None:
        self._sandbox = sandbox
        self._api = api
        self._configuration = configuration
        self._step = 0

    def play(self) -> None:
        self._tell("A sandbox, a small UltraCart, is running", self._sandbox.host)
        code, verifier = self._ask_for_consent()
        token = self._exchange(code, verifier)
        self._who("oauth_me() says who allowed it, and what")
        token = self._refresh(token)
        self._who("The new access token works")
        self._revoke(token)

    def _tell(self, title: str, *facts: str) -> None:
        self._step += 1
        put()
        put("%d. %s" % (self._step, title))
        for fact in facts:
            put("   " + fact)

    def _ask_for_consent(self) -> tuple[str, str]:
        state = secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(32)
        challenge = code_challenge(verifier)
        self._tell(
            "Your application sends the merchant's browser to the consent page",
            "client_id=%s  redirect_uri=%s" % (self._sandbox.client_id, self._sandbox.redirect_uri),
            "state=%s  code_challenge=%s  code_challenge_method=S256"
            % (mask(state), mask(challenge)),
        )
        callback = self._sandbox.authorize(
            merchant=_MERCHANT,
            state=state,
            code_challenge=challenge,
            code_challenge_method="S256",
        )
        answer = parse_qs(urlsplit(callback).query)
        if answer.get("state") != [state] or "code" not in answer:
            raise CommandError(  # pragma: no cover - the sandbox is right
                "the callback belongs to another request"
            )
        self._tell(
            "The merchant allows it (a script stands in), and the browser comes back",
            "%s?code=%s&state=%s" % (self._sandbox.redirect_uri, mask("code"), mask("state")),
            "The state is the one that was sent, so the callback belongs to this request.",
        )
        return answer["code"][0], verifier

    def _exchange(self, code: str, verifier: str) -> OauthTokenResponse:
        token = self._api.oauth_access_token(
            self._sandbox.client_id,
            "authorization_code",
            code=code,
            redirect_uri=self._sandbox.redirect_uri,
            code_verifier=verifier,
        )
        self._use(token)
        self._tell(
            "oauth_access_token() exchanges the code, and the verifier behind the challenge",
            *_describe(token),
        )
        return token

    def _who(self, title: str) -> None:
        me = self._api.oauth_me()
        self._tell(
            title,
            "merchant: %s (%s)" % (me.merchant_id, me.merchant_name),
            "application: %s" % me.application_name,
            "permissions: %s" % " ".join(str(scope) for scope in me.scopes or []),
        )

    def _refresh(self, token: OauthTokenResponse) -> OauthTokenResponse:
        refreshed = self._api.oauth_access_token(
            self._sandbox.client_id, "refresh_token", refresh_token=token.refresh_token
        )
        self._use(refreshed)
        new = refreshed.access_token != token.access_token
        self._tell(
            "Access tokens expire soon: the refresh token gets the next one",
            *_describe(refreshed),
            "The access token is %s." % ("a new one" if new else "the same as before"),
        )
        return refreshed

    def _revoke(self, token: OauthTokenResponse) -> None:
        answer = self._api.oauth_revoke(self._sandbox.client_id, token.access_token or "")
        self._tell("oauth_revoke() revokes the grant", "successful: %s" % answer.successful)
        try:
            self._api.oauth_me()
        except UnauthorizedException as error:
            self._tell("The revoked token no longer works", str(error))
        else:  # pragma: no cover - the sandbox is right
            raise CommandError("the sandbox accepted a revoked token")

    def _use(self, token: OauthTokenResponse) -> None:
        self._configuration.access_token = token.access_token


def _describe(token: OauthTokenResponse) -> list[str]:
    return [
        "access_token=%s  refresh_token=%s" % (mask(token.access_token), mask(token.refresh_token)),
        "token_type=%s  expires_in=%s (seconds)" % (token.token_type, token.expires_in),
    ]
