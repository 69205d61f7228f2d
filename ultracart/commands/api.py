"""``ultracart api``: one authorized call of any UltraCart resource, JSON on stdout."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..api_client import ApiClient
from ..configuration import OAUTH_SCHEME
from ..exceptions import ApiException
from ..transport.call import RawContent
from .connections import authorized_client
from .console import CommandError, UsageError, is_terminal, printable, put, say, stdout

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PATCH", "PUT", "DELETE")
_WITHOUT_BODY = ("GET", "HEAD")
_NO_URL = re.compile(r"[ \\#{}]")
# A string, a bracket, comma or colon, or a number, true, false or null (RFC 8259).
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def run(arguments: argparse.Namespace) -> int:
    """Call the resource."""
    has_body = arguments.json_body is not None
    method = (arguments.method or ("POST" if has_body else "GET")).upper()
    if method not in METHODS:
        raise UsageError("METHOD must be one of %s" % ", ".join(METHODS))
    if has_body and method in _WITHOUT_BODY:
        raise UsageError("--json-body does not go with %s, which has no body" % method)
    if arguments.paginate is not None and (method != "GET" or arguments.include):
        raise UsageError("--paginate goes with GET, and without --include")
    body = _read_body(arguments.json_body) if has_body else None
    with authorized_client(arguments) as client:
        path, query = _target(arguments.path, client.configuration.host)
        query += arguments.query
        if arguments.paginate is not None:
            _put_items(client.pages(path, arguments.paginate, query))
            return 0
        try:
            status, headers, content = _call(client, method, path, query, body)
        except ApiException as error:
            # As with `gh api`, print the body of an error response too. A refresh that has failed
            # is another request, and its body may hold tokens.
            token_request = "POST %s/oauth/token" % urlsplit(client.configuration.host).path
            of_resource = path == "/oauth/token" or error.request_line != token_request
            if error.status and error.body and of_resource:
                _put_response(arguments.include, error.status, error.headers, error.body)
            raise
    _put_response(arguments.include, status, headers, content)
    return 0


def _target(given: str, host: str) -> tuple[str, list[tuple[str, str]]]:
    """The path below the host, and the query that was written with it.

    Raises:
        UsageError: it is a URL of another host, or not a path.
    """
    if not given.isprintable() or _NO_URL.search(given):
        raise UsageError(
            "PATH holds a character that a URL must encode, such as a space (%20) or a brace (%7B)"
        )
    base = urlsplit(host)
    parts = urlsplit(given)
    origins = [(each.scheme, each.netloc) for each in (parts, base)]
    if any(origins[0]) and origins[0] != origins[1]:
        raise UsageError("PATH must be on %s, the server of the token" % host)
    path = "/" + parts.path.lstrip("/")
    if path == base.path or path.startswith(base.path + "/"):
        path = path[len(base.path) :]
    return path or "/", parse_qsl(parts.query, keep_blank_values=True)


def _read_body(name: str) -> RawContent:
    """The JSON in a file, or on stdin, unchanged, in UTF-8 and without a byte order mark.

    Windows' editors and shells write that mark, or UTF-16; RFC 8259, 8.1, allows neither.

    Raises:
        CommandError: it cannot be read, or is not JSON.
    """
    where = "stdin" if name == "-" else name
    try:
        if name == "-":
            data = b"" if sys.stdin is None else sys.stdin.buffer.read()
        else:
            with open(name, "rb") as stream:
                data = stream.read()
    except OSError as error:
        if name.lstrip().startswith(("{", "[")):
            raise UsageError(
                "--json-body takes the name of a file, or - for stdin, and not the JSON itself"
            ) from None
        raise CommandError("cannot read %s: %s" % (where, error.strerror)) from error
    try:
        text = data.decode(json.detect_encoding(data))
        # Numbers as text: int() refuses what is longer than 4,300 digits.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CommandError("%s is not JSON%s" % (where, _why(error))) from None
    return RawContent(text.encode("utf-8"))


def _why(error: Exception) -> str:
    """What is wrong with a body, without its content."""
    if isinstance(error, json.JSONDecodeError):
        return " (line %d, column %d)" % (error.lineno, error.colno)
    if isinstance(error, UnicodeDecodeError):
        return " (byte %d is not UTF-8: save it in that encoding)" % (error.start + 1)
    return " (too deep)" if isinstance(error, RecursionError) else " (NaN or Infinity)"


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and the infinities, which JSON does not have (RFC 8259, 6)


def _call(
    client: ApiClient, method: str, path: str, query: list[tuple[str, str]], body: RawContent | None
) -> tuple[int, Any, Any]:
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    _, status, received = client.call_api(
        path, method, None, query, headers, body=body, auth_settings=[OAUTH_SCHEME]
    )
    return status, received, client.last_response.data


def _put_items(items: Iterable[Any]) -> None:
    """Write the items as one JSON list, each as it arrives."""
    begun = False
    for item in items:
        text = json.dumps(item, indent=2).replace("\n", "\n  ")
        put((",\n  " if begun else "[\n  ") + text, end="")
        begun = True
    put("\n]" if begun else "[]")


def _put_response(include: bool, status: int, headers: Any, content: Any) -> None:
    if include:
        try:
            phrase = " " + HTTPStatus(status).phrase
        except ValueError:
            phrase = ""
        put("HTTP/1.1 %d%s" % (status, phrase))
        for name, value in (headers or {}).items():
            put("%s: %s" % (printable(name), printable(value)))
        put()
    data = content.encode("utf-8") if isinstance(content, str) else bytes(content or b"")
    if not data:
        return
    text = _as_json(data)
    if text is not None:
        put(text)
    elif not is_terminal(sys.stdout):
        stdout().flush()
        stdout().buffer.write(data)
        stdout().flush()
    else:
        try:
            lines = data.decode("utf-8").splitlines()
        except UnicodeDecodeError:
            say("The response is not text: write it to a file, or pipe it to a program.")
        else:
            for line in lines:
                put(printable(line))


def _as_json(data: bytes) -> str | None:
    """The JSON, indented, with every number as the server wrote it; ``None`` if it is not JSON."""
    try:
        text = data.decode("utf-8-sig")
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    written: list[str] = []
    depth = 0
    tokens = _JSON_TOKEN.findall(text)
    for token, following in zip(tokens, [*tokens[1:], ""]):
        if token in "]}" and written and written[-1] not in "[{":
            depth -= 1
            written.append("\n" + "  " * depth)
        elif token in "]}":
            depth -= 1
        written.append(_ascii(token))
        if token in "[{":
            depth += 1
        if token in "[{," and following not in ("]", "}"):
            written.append("\n" + "  " * depth)
        elif token == ":":
            written.append(" ")
    return "".join(written)


def _ascii(token: str) -> str:
    """A string with its special characters escaped, so that it cannot steer the terminal."""
    return token if token.isascii() or token[0] != '"' else json.dumps(json.loads(token))
