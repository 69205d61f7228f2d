"""Device authorization: a login on a device without a browser (RFC 8628)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..exceptions import (
    ApiException,
    ApiResponseError,
    ApiTypeError,
    AuthorizationPendingError,
    ExpiredTokenError,
    RateLimitException,
    SlowDownError,
)
from ..models.oauth_device_authorization_response import OauthDeviceAuthorizationResponse
from .token_endpoint import Issued, may_have_been_lost

# Seconds between two polls where the server names none (RFC 8628, section 3.2), and what each
# slow_down adds (section 3.5).
_DEFAULT_INTERVAL = 5.0
_SLOW_DOWN = 5.0
# Seconds; for a server that leaves out the lifetime, which section 3.2 requires.
_DEFAULT_LIFETIME = 600.0
# Seconds; a pause after a lost poll doubles up to this.
_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, repr=False)
class DeviceAuthorization:
    """What the merchant is shown, and what the device polls with.

    Attributes:
        user_code: the code to show; the merchant compares it with what the page shows
            (RFC 8628, section 5.4).
        verification_uri: where the merchant types it.
        verification_uri_complete: the same with the code in it, for a link or QR code, or ``None``.
        device_code: the secret that the device polls with.
        interval: seconds between two polls.
        expires_in: seconds that both codes live.
        started_at: when they were asked for, in seconds of the session's monotonic clock.
        scope: the scope that was asked for, which is the token's where the response names none
            (RFC 6749, section 5.1); ``None`` if unknown.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    device_code: str
    interval: float
    expires_in: float
    started_at: float
    scope: str | None = None

    def __repr__(self) -> str:
        return "DeviceAuthorization(user_code=%r, verification_uri=%r, device_code=***)" % (
            self.user_code,
            self.verification_uri,
        )

    @classmethod
    def from_response(
        cls,
        response: OauthDeviceAuthorizationResponse,
        *,
        started_at: float,
        scope: str | None = None,
    ) -> DeviceAuthorization:
        """The codes of a response. Raises ApiResponseError if one is missing."""
        device_code, user_code = response.device_code, response.user_code
        if not device_code or not user_code or not response.verification_uri:
            raise ApiResponseError(reason="the response lacks a code or the verification_uri")
        return cls(
            user_code,
            response.verification_uri,
            response.verification_uri_complete,
            device_code,
            _positive(response.interval, _DEFAULT_INTERVAL),
            _positive(response.expires_in, _DEFAULT_LIFETIME),
            started_at,
            scope,
        )


def poll_until_answered(
    device: DeviceAuthorization,
    poll: Callable[[str], Issued],
    *,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> Issued:
    """The tokens, once the merchant has agreed; never polls after the codes have expired.

    Raises:
        AccessDeniedError: the merchant did not allow it.
        ExpiredTokenError: nobody answered in time.
        ApiException: the server decided otherwise, or sent a response that cannot be used.
    """
    if not isinstance(device, DeviceAuthorization):
        raise ApiTypeError("device must be a DeviceAuthorization, not %s" % type(device).__name__)
    ends_at = device.started_at + device.expires_in
    interval = pause = device.interval
    while True:
        if monotonic() + pause >= ends_at:
            raise ExpiredTokenError(reason="nobody answered before the device code expired")
        sleep(pause)
        try:
            return poll(device.device_code)
        except AuthorizationPendingError:
            pause = interval
        except SlowDownError as error:
            interval += _SLOW_DOWN
            pause = max(interval, error.retry_after or 0.0)
        except RateLimitException as error:
            pause = max(interval, error.retry_after or 0.0)
        except ApiException as error:
            if not may_have_been_lost(error):
                raise
            # RFC 8628, section 3.5: back off exponentially after a connection timeout.
            doubled = min(2 * pause, max(_LONGEST_PAUSE, interval))
            pause = max(doubled, error.retry_after or 0.0)


def _positive(value: object, default: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return default
    return float(value) if value > 0 and math.isfinite(value) else default
