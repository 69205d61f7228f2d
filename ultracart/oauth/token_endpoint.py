"""Token endpoint: a session's requests to UltraCart's OAuth endpoints, and their retries."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..api.oauth_api import DEVICE, REVOKE, TOKEN
from ..api.operations import Operation
from ..api_client import ApiClient
from ..configuration import Configuration
from ..exceptions import (
    ApiConnectionError,
    ApiException,
    ApiResponseError,
    ApiTimeoutError,
    OAuthError,
    ServiceException,
)
from ..json_body import decode
from ..models.model import Model
from ..models.oauth_device_authorization_response import OauthDeviceAuthorizationResponse
from ..models.oauth_revoke_success_response import OauthRevokeSuccessResponse
from ..models.oauth_token_response import OauthTokenResponse

DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
MAX_ATTEMPTS = 4
# Seconds from the first attempt within which another may begin. Servers that allow for a lost
# response repeat it for about that long.
ATTEMPTS_WITHIN = 10.0
# Seconds to connect, and for the response. Long, because giving up on a response that is on its way
# can cost the grant; finite, because a lock is held meanwhile.
_TIMEOUT = (5.0, 20.0)
# Seconds before the second attempt, doubled for each later one, give or take a quarter.
_FIRST_PAUSE = 0.25

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Timed(Generic[M]):
    """A response, and when the first attempt was sent that it may belong to."""

    response: M
    sent_at: float  # Unix seconds
    sent_monotonic: float  # seconds of the monotonic clock
    attempts: int


Issued = Timed[OauthTokenResponse]


class TokenEndpoint:
    """UltraCart's OAuth operations for one application.

    No credential but the application's own goes along: the client has neither keys nor a token.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str | None,
        configuration: Configuration,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        # Repeating is decided here, under the account's lock, not by the transport.
        configuration.retry_budget = 0
        configuration.timeout = _TIMEOUT
        self._client = ApiClient(configuration)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def exchange_code(
        self, code: str, redirect_uri: str | None, code_verifier: str | None
    ) -> Issued:
        """RFC 6749, section 4.1.3. A code works once: repeated only if unprocessed."""
        return self._send(
            TOKEN,
            _was_not_processed,
            grant_type="authorization_code",
            code=code,
            redirect_uri=redirect_uri,
            code_verifier=code_verifier,
        )

    def refresh(self, refresh_token: str) -> Issued:
        """RFC 6749, section 6.

        A response that was lost may have been the one with the next refresh token. Sending the same
        token again, soon, is then the only way to get it, and there is nothing to lose by it.
        """
        return self._send(
            TOKEN, may_have_been_lost, grant_type="refresh_token", refresh_token=refresh_token
        )

    def poll_device(self, device_code: str) -> Issued:
        """One poll of the device flow (RFC 8628, section 3.4)."""
        return self._send(
            TOKEN, lambda error: False, grant_type=DEVICE_CODE_GRANT, device_code=device_code
        )

    def authorize_device(self, scope: str) -> OauthDeviceAuthorizationResponse:
        """RFC 8628, section 3.1."""
        return self._send(DEVICE, may_have_been_lost, scope=scope).response

    def revoke(self, token: str) -> Timed[OauthRevokeSuccessResponse]:
        """RFC 7009, section 2.1; doing it twice does no harm."""
        return self._send(REVOKE, may_have_been_lost, token=token)

    def _send(
        self,
        operation: Operation[M],
        repeatable: Callable[[ApiException], bool],
        **fields: str | None,
    ) -> Timed[M]:
        """The first response of at most four attempts within ten seconds."""
        deadline = self._monotonic() + ATTEMPTS_WITHIN
        first: tuple[float, float] | None = None
        count = 0
        while True:
            count += 1
            sent = self._clock(), self._monotonic()
            try:
                response = self._call(operation, **fields)
                # It may repeat the response to an earlier attempt, and be as old as that one.
                return Timed(response, *(first or sent), attempts=count)
            except ApiException as error:
                vars(error)["attempts"] = count
                if first is None and not _was_not_processed(error):
                    first = sent
                pause = error.retry_after
                if not pause:  # also where Retry-After is 0, or a moment that has passed
                    # Spread, so that many accounts do not come back at one moment.
                    spread = random.uniform(0.75, 1.25)  # noqa: S311 - no secret
                    pause = _FIRST_PAUSE * 2 ** (count - 1) * spread
                if count == MAX_ATTEMPTS or not repeatable(error):
                    raise
                if self._monotonic() + pause >= deadline:
                    raise
            self._sleep(pause)

    def _call(self, operation: Operation[M], **fields: str | None) -> M:
        """An operation as the application, with its secret where it has one."""
        given = {"client_id": self._client_id, **fields, "client_secret": self._client_secret}
        arguments = operation.arguments(given, data_only=True)
        response: M = self._client.call_api(operation.path, operation.method, **arguments)
        return response


def attempts_of(error: Exception) -> int:
    """How many requests were sent before this was raised."""
    attempts: int = vars(error).get("attempts", 1)
    return attempts


def may_have_been_lost(error: ApiException) -> bool:
    """Whether no response with the server's decision came, so that a retry may help."""
    if error.status == 429:  # whatever code the body has
        return True
    if isinstance(error, OAuthError):
        return False
    if isinstance(error, ApiResponseError):
        # A page of a proxy, or half a response. A complete response that cannot be used, such as a
        # token of another type, would be the same the next time.
        body = error.body if isinstance(error.body, (str, bytes)) else ""
        return not isinstance(decode(body)[0], dict)
    return isinstance(error, (ApiConnectionError, ApiTimeoutError, ServiceException))


def _was_not_processed(error: ApiException) -> bool:
    if error.status == 429:
        return True
    if isinstance(error, OAuthError):
        return False
    return error.request_sent is False or (error.status == 503 and error.retry_after is not None)
