"""Authorization requests: the way to the consent page, and the checks of its callback."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from ..configuration import DEFAULT_PORTS
from ..exceptions import (
    ApiTypeError,
    ApiValueError,
    OAuthSessionError,
    StateMismatchError,
    oauth_error_class,
)
from ..hosts import in_brackets, is_loopback

# Random bytes: 256 bits each, twice what RFC 6749 section 10.10 asks; 43 characters in base64url,
# the least that RFC 7636 section 4.1 allows for a verifier.
_RANDOM_BYTES = 32
# Characters of a callback that can be genuine; codes and states are short, so this is generous.
_MAX_RESPONSE = 16 * 1024
_RESPONSE_PARAMETERS = ("state", "code", "iss", "error", "error_description", "error_uri")


@dataclass(frozen=True, repr=False)
class AuthorizationRequest:
    """One merchant's way to the consent page: keep it in the web session until the callback.

    Attributes:
        url: where to send the merchant's browser.
        state: comes back in the callback and binds it to this browser (RFC 6749, section 10.12).
        code_verifier: proves at the token endpoint who asked (RFC 7636); ``None`` without PKCE.
        redirect_uri: where the browser comes back to; the exchange repeats it.
        created_at: Unix seconds, so that an old request can be refused; ``None``: no end.
        scope: the permissions asked for, or ``None``.
    """

    url: str
    state: str
    code_verifier: str | None = None
    redirect_uri: str | None = None
    created_at: float | None = None
    scope: str | None = None

    def __repr__(self) -> str:
        return "AuthorizationRequest(state=***, code_verifier=***, redirect_uri=%r)" % (
            self.redirect_uri,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a web session; whoever reads the session can read the verifier."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AuthorizationRequest:
        """The request of :meth:`to_dict`.

        Raises:
            ApiValueError: ``values`` lacks ``url`` or ``state``, has another field, or a value of
                another type.
        """
        known = set(cls.__dataclass_fields__)
        if (
            not isinstance(values, Mapping)
            or not {"url", "state"} <= set(values) <= known
            or not all(_is_field(name, value) for name, value in values.items())
        ):
            raise ApiValueError("values must be what AuthorizationRequest.to_dict() returned")
        return cls(**values)


def check_request(request: Any) -> None:
    """Raise ApiTypeError unless it is an AuthorizationRequest."""
    if not isinstance(request, AuthorizationRequest):
        raise ApiTypeError(
            "request must be an AuthorizationRequest, not %s" % type(request).__name__
        )


def create_authorization_request(
    endpoint: str,
    client_id: str,
    redirect_uri: str,
    *,
    scope: str | None,
    pkce: bool,
    created_at: float,
) -> AuthorizationRequest:
    """A request with a fresh state and, with ``pkce``, a fresh verifier (RFC 7636, S256 only)."""
    _check_redirect_uri(redirect_uri)
    if scope is not None and not isinstance(scope, str):
        raise ApiTypeError("scope must be str, not %s" % type(scope).__name__)
    state = secrets.token_urlsafe(_RANDOM_BYTES)
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
    }
    if scope:
        parameters["scope"] = scope
    verifier = secrets.token_urlsafe(_RANDOM_BYTES) if pkce else None
    if verifier is not None:
        parameters["code_challenge"] = code_challenge(verifier)
        parameters["code_challenge_method"] = "S256"
    separator = "&" if "?" in endpoint else "?"
    try:
        # For a member of a str enumeration: its value, not the text that str() returns.
        texts = {name: str.__str__(value) for name, value in parameters.items()}
        url = endpoint + separator + urlencode(texts)
    except UnicodeEncodeError:  # the UnicodeError's text would quote the values
        raise ApiValueError(
            "client_id, redirect_uri and scope must be text that UTF-8 can write"
        ) from None
    return AuthorizationRequest(url, state, verifier, redirect_uri, created_at, scope)


def check_authorization_endpoint(url: str, *, allow_insecure: bool) -> None:
    """Raise ApiValueError unless a browser may be sent to ``url``.

    https, or http on this machine; without a user name, which would go along to the page, and
    without a fragment (RFC 6749, section 3.1).
    """
    why = None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        in_brackets(parts.netloc)
    except ValueError:
        parts, host = urlsplit(""), ""
    if not url.isprintable() or any(char.isspace() or char == "\\" for char in url):
        why = "must have no space, backslash or control character"
    elif parts.scheme not in ("https", "http") or not host:
        why = "must be a URL such as https://secure.ultracart.com/rest/v2/oauth/authorize"
    elif "@" in parts.netloc:
        why = "must not hold a user name or password"
    elif "#" in url:
        why = "must have no fragment (#)"
    elif parts.scheme == "http" and not allow_insecure and not is_loopback(host):
        why = "must be https: anybody on the way could change a plain http page"
    if why is not None:
        raise ApiValueError("authorization_endpoint " + why)


def code_challenge(code_verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, section 4.2)."""
    digest = sha256(code_verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def authorization_code(
    response: str, request: AuthorizationRequest, *, issuer: str | None, origin: str
) -> str:
    """The code in a callback, once everything that can be checked has been.

    Args:
        response: the callback's URL or its query.
        issuer: the value that ``iss`` must have and that must be there (RFC 9207); ``None``: an
            ``iss`` that comes must be of ``origin``.
        origin: scheme, host and port of the server that was asked.

    Raises:
        StateMismatchError: the callback belongs to another request.
        OAuthSessionError: it is malformed: too long, a parameter twice, no code.
        OAuthError: the callback carries an OAuth error, such as AccessDeniedError
            (RFC 6749, section 4.1.2.1).
    """
    parameters = response_parameters(response)
    _check_state(parameters.get("state"), request.state)
    _check_issuer(parameters.get("iss"), issuer, origin)
    error = parameters.get("error")
    if error is not None:
        fields = {name: parameters[name] for name in parameters if name.startswith("error")}
        raise oauth_error_class(error)(body=fields, request_sent=False)
    code = parameters.get("code")
    if not code:
        raise OAuthSessionError("the authorization response has no code")
    return code


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, lower case, as a browser compares them."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    return "%s://%s:%d" % (parts.scheme.lower(), (parts.hostname or "").lower(), port)


def _is_field(name: str, value: object) -> bool:
    if value is None:
        return name not in ("url", "state")
    return isinstance(value, (int, float) if name == "created_at" else str)


def _check_redirect_uri(redirect_uri: str) -> None:
    if not isinstance(redirect_uri, str):
        raise ApiTypeError("redirect_uri must be str, not %s" % type(redirect_uri).__name__)
    if not redirect_uri:
        raise ApiValueError("redirect_uri must not be empty: give OAuthSession(redirect_uri=...)")
    if "#" in redirect_uri or any(
        char.isspace() or not char.isprintable() for char in redirect_uri
    ):
        raise ApiValueError("redirect_uri must have no fragment (#), space or control character")


def response_parameters(response: str) -> dict[str, str]:
    if not isinstance(response, str):
        raise ApiTypeError(
            "authorization_response must be the callback's URL as str, not %s"
            % type(response).__name__
        )
    if len(response) > _MAX_RESPONSE:
        raise OAuthSessionError("the authorization response is too long to be genuine")
    if any(ord(char) < 32 or ord(char) == 127 for char in response):
        raise OAuthSessionError("the authorization response holds a control character")
    # A URL's query is what follows the first "?"; other text is the query itself, in which a "?"
    # means nothing (RFC 3986, section 3.4).
    query = response.partition("#")[0]
    before, mark, after = query.partition("?")
    name, equals, _ = before.partition("=")
    query = after if mark and not (equals and "/" not in name) else query
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _RESPONSE_PARAMETERS:
            continue  # RFC 6749, section 4.1.2: unknown parameters are ignored
        if name in found:
            raise OAuthSessionError("the authorization response has %s twice" % name)
        found[name] = value
    return found


def _check_state(received: str | None, expected: str) -> None:
    if not received:
        raise StateMismatchError("the authorization response has no state; start again")
    # Constant time, so that the response time does not tell how many characters were right.
    if not hmac.compare_digest(received.encode("utf-8", "replace"), expected.encode("utf-8")):
        raise StateMismatchError(
            "the authorization response belongs to another request; start again"
        )


def _check_issuer(received: str | None, issuer: str | None, origin: str) -> None:
    """RFC 9207, section 2.4."""
    if issuer is not None:
        if received != issuer:
            raise StateMismatchError("the authorization response comes from another issuer (iss)")
    elif received is not None:
        try:
            matches = origin_of(received) == origin
        except ValueError:
            matches = False
        if not matches:
            raise StateMismatchError("the authorization response comes from another issuer (iss)")
