"""Redaction: what must never be shown, and what is shown instead."""

from __future__ import annotations

from codecs import unicode_escape_encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

MASK = "***"

# Names, in forms, queries, JSON and headers, whose values open something (RFC 6749, 6750, 7636,
# 8628; UltraCart's key headers). Compared without case, "-" as "_".
SECRET_NAMES = frozenset(
    """
    access_token refresh_token id_token token code code_verifier device_code state
    client_secret password secret assertion client_assertion api_key simple_key browser_key
    authorization proxy_authorization cookie set_cookie
    x_ultracart_simple_key x_ultracart_browser_key
    """.split()
)
# Headers whose values say nothing worth hiding; every other request header may be a credential.
_PLAIN_HEADERS = frozenset(
    """
    accept accept_encoding accept_language connection content_encoding content_length content_type
    host user_agent x_ultracart_api_version
    """.split()
)
# Patterns are text: ``re`` compiles and keeps one when a failed call first needs it.
# A credential that the caller did not tell us about, recognised by what stands before it.
_LABELLED = (
    r"(?i)((?:\b(?:bearer|basic)\s+)|"
    r"(?:(?:token|code|secret|verifier|password|passwd|key|assertion)[\"']?\s*[=:]\s*[\"']?))"
    r"([^\s\"'&,;]{12,})"
)
_HIDDEN = "\0+"
# Fields with a server's words for people, in which a long word may be a token that was sent.
_PROSE = frozenset(["message", "error_description"])
_LONG_WORD = r"[^\s\"'<>()]{16,}"
# Replacing shorter values would garble messages and hide nothing that could be guessed.
_MIN_SECRET = 4
# A server may cut or split what it echoes: this many characters of a secret in a row are hidden.
_RUN = 8
_NAMES = " ".join(SECRET_NAMES)


def is_secret_name(name: str) -> bool:
    """Whether a parameter, field or header of this name carries a credential."""
    return _normal(name) in SECRET_NAMES


def mask(value: Any) -> Any:
    """What is shown in place of a secret value; ``None`` and empty values show as they are."""
    return MASK if value else value


def mask_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``fields`` that can be shown: no secret values, also where others repeat them."""
    hide = _hider(secrets_in(fields))
    shown = {}
    for key, value in fields.items():
        if is_secret_name(key):
            value = mask(value)
        elif isinstance(value, str):
            value = hide(_without_long_words(value) if key in _PROSE else value)
        elif isinstance(value, Mapping):
            value = mask_fields(value)
        shown[key] = value
    return shown


def _without_long_words(text: str) -> str:
    from re import sub  # only failed calls need it

    return sub(_LONG_WORD, MASK, text)


def secrets_in(value: Any, depth: int = 8) -> Iterator[str]:
    """The secret strings of a JSON-like value or of (name, value) pairs, found by their names."""
    if depth == 0:
        return
    if isinstance(value, Mapping):
        value = value.items()
    elif not isinstance(value, (list, tuple)):
        return
    for item in value:
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
            name, inner = item
            if isinstance(inner, (str, bytes)):
                if is_secret_name(name):
                    yield _text(inner)
                continue
            item = inner
        yield from secrets_in(item, depth - 1)


def secrets_in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    """The values of request headers that may be credentials, whole and without their scheme."""
    for name, value in headers.items():
        if _normal(name) not in _PLAIN_HEADERS:
            yield _text(value)
            yield from _text(value).split(" ")[1:]


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that masks ``secrets`` in any text: whole, cut, in another case or encoding.

    It also masks whatever is labelled as a credential.
    """
    hide = _hider(secrets)
    from re import sub  # only failed calls need it

    return lambda text: sub(_LABELLED, r"\1" + MASK, hide(text))


def _hider(secrets: Iterable[str]) -> Callable[[str], str]:
    forms = {form for secret in secrets if len(secret) >= _MIN_SECRET for form in _forms(secret)}
    runs = {form[i : i + _RUN] for form in forms for i in range(max(1, len(form) - _RUN + 1))}
    # A placeholder such as "refresh_token_example" must not hide the parameter's name.
    runs = {run for run in runs if run not in _NAMES}
    lengths = {len(run) for run in runs}

    def hide(text: str) -> str:
        if not lengths:
            return text
        from urllib.parse import unquote

        text = unquote(text)  # any character may be percent-encoded, also one that need not be
        lowered = text.lower()
        if len(lowered) != len(text):  # a few letters of other alphabets have no single lower case
            lowered = "".join(char.lower()[:1] for char in text)
        shown = list(text)
        for length in lengths:
            for start in range(len(text) - length + 1):
                if lowered[start : start + length] in runs:
                    shown[start : start + length] = "\0" * length
        from re import sub  # only failed calls need it

        return sub(_HIDDEN, MASK, "".join(shown))

    return hide


def _forms(secret: str) -> set[str]:
    from urllib.parse import quote, quote_plus  # only a failed call pays for this import

    forms = {secret, unicode_escape_encode(secret)[0].decode("ascii"), repr(secret)[1:-1]}
    try:
        forms |= {quote(secret, safe=""), quote_plus(secret)}
    except UnicodeEncodeError:
        pass  # a lone surrogate: it was refused before it could be sent percent-encoded
    return {form.lower() for form in forms}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _normal(name: str) -> str:
    return name.lower().replace("-", "_")
