"""Coverage-guided fuzzing of the response path: ``tox -e fuzz``, or with libFuzzer's arguments.

A finding is written to a file by libFuzzer; keep it as a case in ``test/hostile``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["ultracart", "http.client", "email"]):
    from hostile.oracle import judge, sender
    from hostile.server import HostileServer

    from ultracart import ApiClient, Configuration, OauthApi

SEEDS = [
    b'HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{"access_token":"good"}',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n17;x=y\r\n"
    b'{"access_token":"good"}\r\n0\r\nT: x\r\n\r\n',
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 No\r\nUC-REST-ERROR: no\r\n\r\n"
    b'{"error":"invalid_grant","error_description":"used"}',
    b"HTTP/1.1 302 There\r\nLocation: https://u:p@e.example.com/x?y#z\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\nx\x9c\xab\xae\x05\x00\x01u\x00\xf9",
    b"HTTP/1.1 429 Slow\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
]


def main() -> None:
    server = HostileServer(b"")
    configuration = Configuration()
    configuration.host = server.host
    configuration.retry_budget = 0
    api = OauthApi(ApiClient(configuration))

    def test_one_input(data: bytes) -> None:
        server.steps = [sender(data)]
        server.requests.clear()
        server.received = b""
        judge(api)

    corpus = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    for folder in corpus[:1]:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(SEEDS):
            Path(folder, "seed-%d" % number).write_bytes(seed)
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
