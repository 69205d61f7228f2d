# mypy: disallow-subclassing-any=False
"""Resources that need a credential: ``/oauth/me``, and the prepared responses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from flask import Blueprint, Response, abort, request

from ..locks import Lock
from .authlib_bases import BearerTokenValidator, ResourceProtector
from .messages import (
    BASE_PATH,
    METHODS,
    OAUTH_PATHS,
    PathTemplate,
    check_headers,
    check_method,
    check_query,
    check_status,
    is_bodyless,
    json_response,
    json_text,
    json_text_response,
    quoted,
    ultracart_error,
)
from .recording import RecordedRequest
from .state import PLACEHOLDER_SIMPLE_KEY, AccessToken, State

_KEY_HEADERS = ("x-ultracart-simple-key", "x-ultracart-browser-key")
#: The paths that the OAuth server serves itself; only faults can change their responses.
_FIXED_PATHS = frozenset(OAUTH_PATHS) - {"/oauth/me"}
#: Their methods, as in the header Allow.
_METHODS_OF = {
    path: "GET, POST" if path in ("/oauth/authorize", "/oauth/device") else "POST"
    for path in _FIXED_PATHS
}
#: The key of the recorded request in the WSGI environ; functions that respond get it.
RECORDED = "ultracart.recorded"
#: The most prepared responses that an error message names.
_LISTED = 8

_logger = logging.getLogger("ultracart.sandbox")


class _TokenValidator(BearerTokenValidator):
    def __init__(self, state: State) -> None:
        super().__init__(realm="ultracart")
        self._state = state

    def authenticate_token(self, token_string: str) -> AccessToken | None:
        return self._state.find_access_token(token_string)


class _Protector(ResourceProtector):
    def __init__(self, state: State, keys: frozenset[str]) -> None:
        super().__init__()
        self._state = state
        self._keys = keys
        self.register_token_validator(_TokenValidator(state))

    def raise_error_response(self, error: Any) -> NoReturn:
        # UltraCart documents 401 for any invalid credential, in its own envelope.
        description = self._describe()
        error.description = description
        error.get_error_description = lambda: description
        headers = dict(error.get_headers())
        challenge = headers.get("WWW-Authenticate") or 'Bearer realm="ultracart"'
        abort(
            ultracart_error(
                error.status_code,
                description,
                code=error.error,
                headers={"WWW-Authenticate": challenge},
            )
        )

    def _describe(self) -> str:
        """What is wrong with the credential of the request, and what would be right."""
        sent = request.headers.get("Authorization")
        key = next((name for name in _KEY_HEADERS if name in request.headers), None)
        if sent is None and key is not None:
            if request.headers[key] in self._keys:
                return f"{request.path} takes an access token (Authorization: Bearer), no API key."
            return (
                f"The key in {key} is unknown: the sandbox accepts {PLACEHOLDER_SIMPLE_KEY}, "
                "and the keys of its argument simple_keys."
            )
        kind, _, value = (sent or "").partition(" ")
        if kind.lower() != "bearer":
            what = "is missing" if sent is None else f"is of the type {quoted(kind)}"
            return f"The header Authorization {what}: send Bearer and an access token."
        token = self._state.find_access_token(value.strip())
        if token is None:
            return "The access token is unknown: this sandbox has not issued it since its start."
        return f"The access token {'was revoked' if token.is_revoked() else 'has expired'}."


class _Ready(NamedTuple):
    status: int
    data: bytes
    headers: dict[str, str]

    def response(self) -> Response:
        response = json_text_response(self.status, "")
        response.set_data(self.data)
        if not self.data:
            del response.headers["Content-Type"]
        response.headers.update(self.headers)
        return response


_Function = Callable[[RecordedRequest], Any]


class Answer:
    """A prepared response; ``hits`` counts the requests that got it."""

    def __init__(
        self,
        method: str,
        path: PathTemplate,
        query: dict[str, tuple[str, ...] | None],
        responses: Iterator[_Ready | _Function],
        usual: _Ready,
    ) -> None:
        self.hits: int = 0
        self.method = method
        self.path = path
        self.query = query
        self._responses = responses
        self._usual = usual
        self._lock = Lock()
        self._last: _Ready | _Function = _exhausted

    def match(self, seen: RecordedRequest) -> dict[str, str] | None:
        """The parameters in the path of a request that it is for; None for any other request."""
        if self.method != ("GET" if seen.method == "HEAD" else seen.method):
            return None
        found = self.path.match(seen.segments)
        if found is None or not self.query:
            return found
        sent = seen.query
        matches = all(sent.getlist(name) == list(want or ()) for name, want in self.query.items())
        return found if matches else None

    @property
    def nearness(self) -> tuple[int, int]:
        """The greater, the more exactly it says which request it is for."""
        return self.path.literal_segments, len(self.query)

    def respond(self, seen: RecordedRequest) -> Response | None:
        """The response; None where a function has none for this request."""
        with self._lock:  # the next response of a sequence, or the last one again
            ready = self._last = next(self._responses, self._last)
        if not isinstance(ready, _Ready):
            body = ready(seen)
            if body is None:
                return None
            ready = _prepare(body, self._usual)
        self.hits += 1
        return ready.response()

    @property
    def target(self) -> str:
        """Which requests it is for, in words."""
        pairs = [
            f"{name}={value}"
            for name, values in self.query.items()
            for value in values or ("(none)",)
        ]
        return f"{self.method} {self.path}{'?' if pairs else ''}{'&'.join(pairs)}"

    def __repr__(self) -> str:
        hits = f"{self.hits} {'hit' if self.hits == 1 else 'hits'}"
        return f"<Answer to {self.target}: {hits}>"


class Answers:
    """The prepared responses; they can be changed at any time."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, str], Answer] = {}

    def add(
        self,
        method: str,
        path: str,
        body: object,
        sequence: Iterable[object] | None,
        status: int,
        headers: Mapping[str, str] | None,
        query: Mapping[str, Any] | None,
    ) -> Answer:
        method = check_method(method)
        template = PathTemplate(path)
        for fixed in _FIXED_PATHS:
            # A path such as /{resource}/{id} is allowed: it applies to all other paths.
            if template.is_oauth and template.match(fixed.split("/")) is not None:
                raise ValueError(
                    f"{fixed} is the OAuth server's: only a fault changes its response, set with "
                    f"faults.add({fixed!r}, ...) or on the sandbox's page"
                )
        usual = _Ready(check_status(status, has_body=False), b"", check_headers(headers))
        if sequence is None:
            if isinstance(body, tuple) and len(body) > 1 and type(body[1]) is int:
                raise ValueError(
                    "body must not be a tuple with a status, which only a function or sequence= "
                    "may give: use status= and headers="
                )
            is_iterator = hasattr(body, "__next__")
            responses = _lazily(body, usual) if is_iterator else iter([_item(body, usual)])
        elif body is not None:
            raise ValueError("give either body or sequence")
        elif isinstance(sequence, (str, bytes, Mapping)) or not isinstance(sequence, Iterable):
            raise ValueError(f"sequence must be a list of responses, not {sequence!r}")
        elif hasattr(sequence, "__next__"):
            responses = _lazily(sequence, usual)
        else:
            # Encode it now, so that the error for an impossible body is raised by this call.
            items = [_item(item, usual, flask_style=True) for item in sequence]
            if not items:
                raise ValueError("sequence must have at least one response")
            responses = iter(items)
        answer = Answer(method, template, check_query(query), responses, usual)
        key = (method, template.text, repr(sorted(answer.query.items())))
        self._answers = {**{k: v for k, v in self._answers.items() if k != key}, key: answer}
        return answer

    def respond(self, seen: RecordedRequest) -> Response | None:
        """The response of the answer that matches this request most exactly."""
        if seen.path in _FIXED_PATHS:
            return None
        found: list[tuple[tuple[int, int], int, Answer, dict[str, str]]] = []
        for number, answer in enumerate(self._answers.values()):
            parameters = answer.match(seen)
            if parameters is not None:
                found.append((answer.nearness, number, answer, parameters))
        for _, _, answer, parameters in sorted(found, key=lambda item: item[:2], reverse=True):
            seen.path_params = parameters
            try:
                response = answer.respond(seen)
            except BaseException as error:  # pytest.fail() raises no Exception
                _logger.exception("The function for %s has failed", answer.target)
                why = f"{type(error).__name__}: {error}"
                return ultracart_error(500, f"The function for {answer.target} raised {why}")
            if response is not None:
                return response
        return None

    def clear(self) -> None:
        self._answers = {}

    def __iter__(self) -> Iterator[Answer]:
        return iter(list(self._answers.values()))


def _exhausted(seen: RecordedRequest) -> NoReturn:
    raise ValueError("the iterator has given nothing")


def _lazily(items: Any, usual: _Ready) -> Iterator[_Ready | _Function]:
    return (_item(item, usual, flask_style=True) for item in items)


def _item(body: object, usual: _Ready, *, flask_style: bool = False) -> _Ready | _Function:
    if callable(body):
        return body
    return _prepare(body, usual) if flask_style else _prepare((body, usual.status), usual)


def _prepare(body: Any, usual: _Ready) -> _Ready:
    """What a body is sent as; a tuple adds a status and headers to it, as in Flask."""
    status, headers = usual.status, usual.headers
    if isinstance(body, tuple):
        if len(body) not in (2, 3):
            raise ValueError("a tuple must be (body, status) or (body, status, headers)")
        status = check_status(body[1], has_body=False)
        headers = {**headers, **check_headers(body[2] if len(body) == 3 else None)}
        body = body[0]
    if isinstance(body, bytes):
        headers = {"Content-Type": "application/octet-stream", **headers}
        data = body
    else:
        data = b"" if body is None and is_bodyless(status) else json_text(body).encode()
    check_status(status, has_body=bool(data))
    return _Ready(status, data, headers)


def create_resources(state: State, answers: Answers, simple_keys: Iterable[str]) -> Blueprint:
    """The blueprint of everything that needs a credential."""
    blueprint = Blueprint("resources", __name__)
    keys = frozenset(simple_keys)
    protector = _Protector(state, keys)

    @blueprint.get("/oauth/me")
    def me() -> Response:
        with protector.acquire() as token:
            prepared = answers.respond(request.environ[RECORDED])
            if prepared is not None:
                return prepared
            grant = token.grant
            application = state.applications[grant.client_id]
            return json_response(
                200,
                {
                    "application_name": application.name,
                    "client_id": grant.client_id,
                    "merchant_id": grant.merchant,
                    "merchant_name": state.merchants.get(grant.merchant, grant.merchant),
                    "scopes": grant.scope.split(),
                },
            )

    @blueprint.route("/<path:path>", methods=METHODS)
    def anything_else(path: str) -> Response:
        allowed = _METHODS_OF.get(f"/{path}")
        if allowed is not None:
            return ultracart_error(
                405,
                f"{request.path} takes {allowed}, not {request.method}.",
                headers={"Allow": allowed},
            )
        if not any(request.headers.get(name) in keys for name in _KEY_HEADERS):
            with protector.acquire():
                pass
        seen: RecordedRequest = request.environ[RECORDED]
        return answers.respond(seen) or ultracart_error(404, _nothing_for(seen, answers))

    return blueprint


def _nothing_for(seen: RecordedRequest, answers: Answers) -> str:
    message = f"The sandbox has no response for {seen.method} {seen.path}. "
    if seen.path.startswith(f"{BASE_PATH}/"):
        message += f"The request has {BASE_PATH} twice: leave it out of the path. "
    prepared = [answer.target for answer in answers]
    if not prepared:
        return message + "None is prepared: call sandbox.answer(method, path, body)."
    more = f" and {len(prepared) - _LISTED} more" if len(prepared) > _LISTED else ""
    return f"{message}Prepared: {', '.join(prepared[-_LISTED:])}{more}."
