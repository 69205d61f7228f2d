"""Redaction: which values are secret, and the one function that masks them in a text.

:func:`show` recognizes the secrets that were sent, in any encoding, and values behind a label such
as ``token=``. Nothing here raises: a message that cannot be shown must not replace the error that
it is about.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

MASK = "***"

# Characters of a path that is shown; something longer may be a key's text in place of its path.
_LONGEST_PATH = 150
# Names in forms, queries, JSON and headers whose values are secret (RFC 6749, 6750, 7636, 8628;
# UltraCart's key headers). Compared without case, "-" as "_".
SECRET_NAMES = frozenset(
    """
    access_token refresh_token id_token token code code_verifier device_code state
    client_secret password secret assertion client_assertion api_key simple_key browser_key
    authorization proxy_authorization cookie set_cookie
    x_ultracart_simple_key x_ultracart_browser_key
    """.split()
)
# Headers whose values are shown; every other request header may hold a credential.
_PLAIN_HEADERS = frozenset(
    """
    accept accept_encoding accept_language connection content_encoding content_length content_type
    host user_agent x_ultracart_api_version
    """.split()
)
# Patterns are text: ``re`` compiles and keeps one when a failed call first needs it.
# A credential that this client did not send, recognized by the label before it.
_LABELLED = (
    r"(?i)((?:\b(?:bearer|basic)\s+)|"
    r"(?:(?:token|code|secret|verifier|password|passwd|key|assertion)[\"']?\s*[=:]\s*[\"']?))"
    r"([^\s\"'&,;]{12,})"
)
# Fields with a server's words for people, in which a long word may be a token that was sent.
_PROSE = frozenset(["message", "error_description"])
_LONG_WORD = r"[^\s\"'<>()]{16,}"
# Escapes of JSON, Python and JavaScript.
_ESCAPE = r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))"
# Replacing shorter values would garble messages and hide nothing that could be guessed.
_MIN_SECRET = 4
# A server may cut or split what it echoes: this many characters of a secret in a row are hidden.
_RUN = 8
_NAMES = " ".join(SECRET_NAMES)
# Text that needs decoding more often than this is not shown at all.
_MAX_DECODINGS = 50
# Values of a JSON body that are searched for secrets, and how deep one is shown.
_MAX_VALUES = 100_000
_MAX_DEPTH = 20
# Secrets that a connection pool remembers.
_MAX_REMEMBERED = 64


@lru_cache(maxsize=256)
def is_secret_name(name: str) -> bool:
    """Whether a parameter, field or header of this name carries a credential."""
    return _normal(name) in SECRET_NAMES


def mask(value: Any) -> Any:
    """What is shown in place of a secret value; ``None`` and empty values show as they are."""
    return MASK if value else value


def show(text: Any, secrets: Iterable[str] = ()) -> str:
    """``text`` with ``secrets`` masked: whole or cut, in any case, encoded for URLs, HTML or JSON
    (once or several times). What is labelled as a credential is masked too.

    If anything is masked, the result is the decoded text.
    """
    return redactor(secrets)(text)


def show_path(path: Any) -> str:
    """The path that an error is about; a key, a URL or whatever else is no path is not shown."""
    try:
        text = os.fsdecode(path)
        # A key's text may come without its PEM header: a relative name of one word.
        is_path = os.path.isabs(text) or "." in text
        if is_path and len(text) <= _LONGEST_PATH and text.isprintable() and "://" not in text:
            return show(repr(os.path.abspath(text)))
    except Exception:  # not a path at all, or a relative one in a folder that was removed
        pass
    return "what it names"


def redactor(secrets: Iterable[str]) -> Callable[[Any], str]:
    """:func:`show` for many texts."""
    try:
        hide = _hider(secrets)
    except Exception:  # any error, whatever the secrets are
        return lambda text: MASK
    return lambda text: _shown(text, lambda part: _without_labelled(hide(part)))


def mask_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``fields`` to show: secret values are masked, also inside other values."""
    try:
        hide = _hider(secrets_in(fields))
        return {key: _masked(key, value, hide, _MAX_DEPTH) for key, value in fields.items()}
    except Exception:  # any error, whatever the fields are
        return {MASK: MASK}


def _masked(key: Any, value: Any, hide: Callable[[str], str], depth: int) -> Any:
    if isinstance(key, str) and is_secret_name(key):
        return mask(value)
    if isinstance(value, str):
        return _shown(_without_long_words(value) if key in _PROSE else value, hide)
    if isinstance(value, (bytes, bytearray)):
        return _shown(_text(value), hide).encode("latin-1", "replace")
    if isinstance(value, (Mapping, list, tuple)) and not depth:
        return MASK
    if isinstance(value, Mapping):
        return {name: _masked(name, item, hide, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(key, item, hide, depth - 1) for item in value]
    return value


def _shown(text: Any, hide: Callable[[str], str]) -> str:
    try:
        text = stage = _text(text)
        found = False
        for _ in range(_MAX_DECODINGS):
            hidden = hide(stage)
            found = found or hidden != stage
            stage = _decoded(hidden)
            if stage == hidden:
                return stage if found else text
    except Exception:  # showing never raises
        pass
    return MASK


def _decoded(text: str) -> str:
    """``text`` with one layer of URL, HTML and JSON encoding taken off."""
    if "%" in text:
        from urllib.parse import unquote  # as below

        text = unquote(text)
    if "&" in text:
        from html import unescape  # as below

        text = unescape(text)
    if "\\" in text:
        from re import sub  # imported late: only failed calls need it

        text = sub(_ESCAPE, _unescaped, text)
    return text


def _unescaped(escape: Any) -> str:
    four, two, other = escape.groups()
    return chr(int(four or two, 16)) if other is None else other


def _without_long_words(text: str) -> str:
    from re import sub  # as above

    return sub(_LONG_WORD, MASK, text)


def _without_labelled(text: str) -> str:
    from re import sub  # as above

    return sub(_LABELLED, r"\1" + MASK, text)


def _hider(secrets: Iterable[str]) -> Callable[[str], str]:
    forms = {form for secret in secrets if len(secret) >= _MIN_SECRET for form in _forms(secret)}
    whole = {form for form in forms if len(form) < _RUN}
    whole.update(_folded(encoded) for form in forms for encoded in _encoded(form) - {form})
    searched = "\0".join(form for form in forms if len(form) >= _RUN)

    def hide(text: str) -> str:
        folded = _folded(text)
        shown = list(text)
        for start in range(len(folded) - _RUN + 1 if searched else 0):
            run = folded[start : start + _RUN]
            # A placeholder such as "refresh_token_example" must not hide the parameter's name.
            if run in searched and run not in _NAMES:
                shown[start : start + _RUN] = "\0" * _RUN
        for form in whole:
            start = folded.find(form)
            while start >= 0:
                shown[start : start + len(form)] = "\0" * len(form)
                start = folded.find(form, start + 1)
        from re import sub  # as above

        return sub("\0+", MASK, "".join(shown))

    return hide


def _forms(secret: str) -> set[str]:
    """What a decoded text may hold of ``secret``, which may look encoded itself."""
    forms = {secret, secret.replace(" ", "+"), secret.replace("+", " ")}
    for _ in range(_MAX_DECODINGS):
        decoded = _decoded(secret)
        if decoded == secret:
            break
        secret = decoded
        forms.add(secret)
    return {_folded(form) for form in forms if len(form) >= _MIN_SECRET}


def _encoded(text: str) -> set[str]:
    """``text`` as servers write it in URLs, HTML and JSON.

    Before a text is decoded, only the longer plain parts of an encoded secret could be recognized;
    what is between them would be shown.
    """
    from html import escape  # imported late: only failed calls need these
    from json import dumps
    from urllib.parse import quote

    quoted = quote(text, safe="", errors="replace")
    return {
        quoted,
        quoted.replace("%20", "+"),
        quote(text, errors="replace"),
        quote(quoted),
        escape(text),
        dumps(text)[1:-1],
        text.replace("/", "\\/"),
    }


def _folded(text: str) -> str:
    """``text`` in lower case, of the same length."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters of other alphabets have no single lower case
        lowered = "".join(char.lower()[:1] for char in text)
    return lowered


def secrets_in(value: Any) -> Iterator[str]:
    """The secret texts of a JSON-like value or of (name, value) pairs, found by their names."""
    waiting = [(False, value)]
    for _ in range(_MAX_VALUES):
        if not waiting:
            return
        secret, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(secret or _names_secret(name), item) for name, item in value.items()]
        elif isinstance(value, (list, tuple)):
            is_pair = len(value) == 2 and _names_secret(value[0])
            waiting += [(secret or is_pair, item) for item in value[is_pair:]]
        elif secret and value is not None and not isinstance(value, bool):
            yield _text(value)


def _names_secret(name: Any) -> bool:
    return isinstance(name, str) and is_secret_name(name)


def secrets_in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    """The values of request headers that may be credentials, whole and without their scheme."""
    for name, value in headers.items():
        if _normal(name) not in _PLAIN_HEADERS:
            text = _text(value)
            yield text
            yield from text.split(" ")[1:]


class SentSecrets:
    """The secrets that were last sent to one server, which it may repeat to any later call."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self._headers: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._known))

    def add(self, headers: Mapping[str, str], *parts: Any) -> None:
        """Remember the secrets of one request: in its headers, and in parts that are pairs.

        This costs next to nothing where they are those of the last request.
        """
        values = tuple(headers.values())
        if values != self._headers:
            self._headers = values
            self._remember(secrets_in_headers(headers))
        for part in parts:
            for name, value in part or ():
                if isinstance(value, str) and _names_secret(name):
                    self._remember([value])

    def _remember(self, secrets: Iterable[str]) -> None:
        for secret in secrets:
            if secret not in self._known:
                self._known[secret] = None
        if len(self._known) > _MAX_REMEMBERED:
            for secret in list(self._known)[:-_MAX_REMEMBERED]:
                self._known.pop(secret, None)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else str(value)


@lru_cache(maxsize=256)
def _normal(name: str) -> str:
    return name.lower().replace("-", "_")
