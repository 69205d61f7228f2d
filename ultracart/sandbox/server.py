"""The class ``Sandbox``: starts, scripts, watches and closes a sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..locks import Event
from .app import Gateway, create_app
from .applications import DEFAULT_APPLICATION, Application
from .authorization_server import SandboxAuthorizationServer
from .dashboard import create_dashboard
from .faults import Faults, warn_of
from .http_server import HTTPServer
from .messages import BASE_PATH
from .pages import decide
from .recording import Counters, RecordedRequest, Recording
from .resources import Answer, Answers
from .state import PLACEHOLDER_APPLICATION, PLACEHOLDER_SIMPLE_KEY, State
from .switches import Switches

#: Arguments that cannot be changed while the sandbox runs.
_FIXED = frozenset({"port", "applications", "merchants", "simple_keys", "on_request"})
#: serve_forever waits so many seconds at a time: free-threaded builds deliver Ctrl-C between waits.
_STEP_SECONDS = 0.2
_AUTHORIZE_PATH = f"{BASE_PATH}/oauth/authorize"


@dataclass(eq=False, repr=False)
class Sandbox(Switches):
    """An UltraCart OAuth server on 127.0.0.1, running from its creation until :meth:`close`.

        with Sandbox(access_token_lifetime=60) as sandbox:
            callback = sandbox.authorize(merchant="DEMO", state="xyz")

    The switches (see :class:`Switches`) are both arguments and attributes. Other arguments:

    port: the TCP port; 0 is any free one. OSError when it is taken.
    applications: the registered applications; the first is ``client_id`` and ``redirect_uri``. The
        documentation's placeholder application is always registered beside them.
    merchants: merchant ids, or a mapping of ids to names.
    simple_keys: API simple keys that resources accept, ``YOUR_API_KEY`` beside them.
    on_request: a function that is called with each :class:`RecordedRequest` once its response is
        known, in a thread of the server.
    """

    port: int = 0
    applications: Iterable[Application] = (DEFAULT_APPLICATION,)
    merchants: Iterable[str] | Mapping[str, str] = ("DEMO",)
    simple_keys: Iterable[str] = ()
    on_request: Callable[[RecordedRequest], object] | None = None

    def __post_init__(self) -> None:
        for name in ("merchants", "simple_keys"):
            setattr(self, name, _texts(name, getattr(self, name)))
        if self.on_request is not None and not callable(self.on_request):
            raise ValueError(f"on_request must be a function or None, not {self.on_request!r}")
        if type(self.port) is not int or self.port not in range(65536):
            raise ValueError(f"port must be a number from 0 to 65535, not {self.port!r}")
        registered = _applications(self.applications)
        self._first = registered[0]
        self._initial = {item.name: getattr(self, item.name) for item in fields(Switches)}
        self._state = State(self, (*registered, PLACEHOLDER_APPLICATION), self.merchants)
        self._server = SandboxAuthorizationServer(self._state)
        self._answers = Answers()
        self._faults = Faults()
        self._recording = Recording()
        closing = Event()
        page = create_dashboard(self._state, self._faults, self._answers, self._recording, closing)
        keys = (PLACEHOLDER_SIMPLE_KEY, *self.simple_keys)
        self._app = create_app(self._state, self._server, self._answers, keys, page)
        self._gateway = Gateway(
            self._app, self._state, self._faults, self._recording, closing, self.on_request
        )
        self._http = HTTPServer(self.port, self._gateway)
        self.port = self._http.port
        self._state.verification_uri = f"{self.host}/oauth/device"
        self._closed = Event()

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FIXED and "_closed" in vars(self):
            raise AttributeError(f"{name} is fixed once the sandbox runs")
        super().__setattr__(name, value)

    @property
    def host(self) -> str:
        """The base of every path, for ``Configuration.host`` or ``ULTRACART_HOST``."""
        return f"http://127.0.0.1:{self.port}{BASE_PATH}"

    @property
    def url(self) -> str:
        """The page that shows the sandbox: open it in a browser."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def client_id(self) -> str:
        """The client id of the first registered application."""
        return self._first.client_id

    @property
    def redirect_uri(self) -> str:
        """The first application's first redirect URI; nothing listens there unless you do."""
        return self._first.redirect_uris[0] if self._first.redirect_uris else ""

    @property
    def faults(self) -> Faults:
        """Delays, error responses and dropped connections on demand: see :meth:`Faults.add`."""
        return self._faults

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests since the start or the last ``requests.clear()``, in order of arrival.

        At most the newest 10,000, and the newest 64 MiB of bodies.
        """
        return self._recording.requests

    @property
    def counters(self) -> Counters:
        """Totals counted at the server, for tests of races."""
        return self._state.counters

    def authorize(
        self,
        authorization_url: str = "",
        *,
        merchant: str = "DEMO",
        approve: bool = True,
        client_id: str | None = None,
        redirect_uri: str | None = None,
        scope: str | None = None,
        state: str | None = None,
        code_challenge: str | None = None,
        code_challenge_method: str | None = None,
    ) -> str:
        """Let a merchant allow or deny an authorization request; returns the callback URL.

        authorization_url: the complete URL that the application made. Without it, the other
            parameters make one: those of RFC 6749, section 4.1.1, and RFC 7636, section 4.3.
        merchant: the merchant's id; an unknown one is registered.
        approve: False denies (``error=access_denied`` on the callback).
        client_id, redirect_uri: the first registered application's by default.
        Raises ValueError where a browser would show an error page instead of going back, for a URL
        of another server, and when a URL and single parameters are both given.
        """
        parameters = {
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": state,
            "code_challenge": code_challenge,
            "code_challenge_method": code_challenge_method,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        if not isinstance(authorization_url, str):
            raise TypeError(
                f"authorization_url must be the URL of the consent page as str, not "
                f"{type(authorization_url).__name__}: did the application respond with a redirect?"
            )
        if not authorization_url:
            query = urlencode({"response_type": "code", **self._defaults(client_id), **given})
        elif given:
            raise ValueError(f"give {', '.join(given)} inside authorization_url, or give no URL")
        else:
            query = self._query_of(authorization_url)
        answerer = self._state.register_merchant(merchant) if approve else None
        with self._app.test_request_context(_AUTHORIZE_PATH, query_string=query):
            response = decide(self._state, self._server, answerer)
        if response.location is None:
            raise ValueError(f"UltraCart would not redirect: {response.headers['UC-REST-ERROR']}")
        return response.location

    def approve_device(self, user_code: str, *, merchant: str = "DEMO") -> None:
        """Let a merchant enter a device's code and allow it. ValueError if no device waits."""
        self._state.approve_device(user_code, merchant)

    def deny_device(self, user_code: str) -> None:
        """Let a merchant enter a device's code and deny it. ValueError if no device waits."""
        self._state.deny_device(user_code)

    def answer(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        sequence: Iterable[object] | None = None,
        query: Mapping[str, Any] | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Prepare the response of a resource, for requests with a valid access token or simple key.

        If several prepared responses match a request, the one with the fewest ``{names}`` in its
        path applies, then the one with more query parameters, then the newest. One with the same
        method, path and query replaces the one before.

        Args:
            method: GET, POST, PUT, PATCH or DELETE; HEAD gets the response of GET.
            path: such as ``/order/orders/DEMO-1`` or ``/order/orders/{order_id}``, with or without
                ``/rest/v2``; a ``{name}`` stands for any text without ``/``. Also ``/oauth/me``,
                whose response UltraCart does not document.
            body: anything that ``json`` can encode, as it is now; ``bytes`` are sent unchanged. Or
                a function of the :class:`RecordedRequest` with its ``path_params``, ``query`` and
                ``json``: it returns a body, ``(body, status)`` or ``(body, status, headers)``, or
                None for a 404.
            sequence: instead of ``body``: the responses to the first, the second, ... request, each
                a body, one of those tuples, or a function; the last one is repeated. An iterator
                as ``body`` means the same.
            query: parameters that the request must have with exactly these values, such as
                ``{"_offset": 200}``; a list for several values of one name, None for a parameter
                that must be missing. Other parameters of the request are ignored.
            status: the HTTP status, unless the body is a tuple with one.
            headers: further headers of the response.

        Raises:
            ValueError: the path is the OAuth server's, no request can ever match, or the response
                is impossible.
            TypeError: ``body`` cannot be encoded as JSON.
        """
        return self._answers.add(method, path, body, sequence, status, headers, query)

    def expire_access_tokens(self) -> None:
        """Let every access token issued so far expire now; refresh tokens stay valid."""
        self._state.expire()

    def revoke(self, *, token: str | None = None, merchant: str | None = None) -> int:
        """Revoke grants as a merchant does in UltraCart's back office; returns how many were valid.

        token: only the grant of this access or refresh token.
        merchant: only this merchant's grants; without either, every grant.
        """
        with self._state.lock:
            ended = 0
            for grant in self._state.grants_of(token=token, merchant=merchant):
                ended += not grant.revoked
                grant.revoked = True
            return ended

    def reset(self) -> None:
        """Restore the initial state, for the next test that shares the sandbox.

        Grants, tokens, codes, devices, prepared responses, faults, recorded requests and merchants
        registered later are removed, counters are zero, and the switches are as at the start. A
        ``UserWarning`` names the faults that applied to no request.
        """
        for name, value in self._initial.items():
            setattr(self, name, value)
        self._state.reset()
        self._answers.clear()
        self._recording.requests.clear()
        unused = self._faults.unused()
        self._faults.clear()
        warn_of(unused, stacklevel=2)

    def serve_forever(self) -> None:
        """Block until another thread calls :meth:`close`; a Ctrl-C raises KeyboardInterrupt."""
        while not self._closed.wait(_STEP_SECONDS):
            pass

    def close(self) -> None:
        """Stop serving: the port is free and every thread has ended. Closing again does nothing.

        A ``UserWarning`` names the faults that applied to no request. In a forked child only the
        child's copy is closed: the parent's sandbox goes on.
        """
        if self._close():
            warn_of(self._faults.unused(), stacklevel=2)

    def _close(self) -> bool:
        if self._closed.is_set():
            return False
        ended = self._http.close()
        self._closed.set()
        return ended

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # If the block has raised an error, do not also warn of faults that applied to no request.
        if self._close() and kind is None:
            warn_of(self._faults.unused(), stacklevel=2)

    def __repr__(self) -> str:
        return f"<Sandbox {self.host}{' (closed)' if self._closed.is_set() else ''}>"

    def _defaults(self, client_id: str | None) -> dict[str, str]:
        if client_id is not None and client_id != self.client_id:
            return {}
        return {"client_id": self.client_id, "redirect_uri": self.redirect_uri}

    def _query_of(self, authorization_url: str) -> str:
        parts = urlsplit(authorization_url)
        if parts.port != self.port or not parts.path.endswith("/oauth/authorize"):
            raise ValueError(
                "authorization_url belongs to another server: "
                f"it must start with {self.host}/oauth/authorize"
            )
        return parts.query


def _applications(given: Any) -> tuple[Application, ...]:
    found = tuple(given) if isinstance(given, Iterable) else ()
    if not found or not all(isinstance(item, Application) for item in found):
        raise ValueError(f"applications must be a list of at least one Application, not {given!r}")
    ids = [item.client_id for item in found]
    if len(set(ids)) < len(ids):
        raise ValueError(f"applications must have different client ids, not {', '.join(ids)}")
    return found


def _texts(name: str, given: Any) -> Any:
    """A list, or a mapping, of texts that can be sent and shown."""
    # A str would count as a collection of its letters.
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(f"{name} must be a list, not {type(given).__name__}")
    found = dict(given) if isinstance(given, Mapping) else list(given)
    for text in (*found, *(found.values() if isinstance(found, dict) else ())):
        if not isinstance(text, str) or not text.strip() or not text.isprintable():
            raise ValueError(f"{name} must hold texts of one line, none of them empty")
    return found
