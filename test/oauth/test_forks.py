"""What a forked child finds of its parent: no lock, no place in a queue, no connection."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def run(code, *arguments):
    """A process of its own: in this one other threads run, with which a fork is a warning."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_child_forked_amid_a_session_s_work_does_not_wait_for_its_parent():
    """Forked wherever the account's name is looked up, once of them under a lock."""
    code = """
        import os, signal
        from ultracart.oauth import MemoryTokenStore, OAuthSession, Token

        store = MemoryTokenStore()
        store.save("merchant-7", Token("a", "r"))
        session = OAuthSession("client-7", token_store=store)
        ended = []

        class Forking(str):
            __eq__ = str.__eq__

            def __hash__(self):
                child = os.fork()
                if child == 0:
                    signal.alarm(10)  # ends a child that waits for ever
                    session.invalidate("merchant-7", "refused")
                    session.access_token("merchant-7")
                    os._exit(0)
                ended.append(os.waitpid(child, 0)[1])
                return str.__hash__(self)

        session.access_token(Forking("merchant-7"))
        session.invalidate(Forking("merchant-7"), "refused")
        assert ended and not any(ended), ended
        """
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_child_finds_every_place_of_a_limiter_free():
    code = """
        import os
        from ultracart.oauth import RequestLimiter

        limiter = RequestLimiter(1)
        with limiter(1):
            child = os.fork()
            if child == 0:
                with limiter(1):
                    os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        """
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_child_does_not_close_the_connections_of_its_parent_s_store(postgresql_url):
    code = """
        import os, sys
        import sqlalchemy
        from ultracart.oauth import SQLAlchemyTokenStore

        engine = sqlalchemy.create_engine(
            sys.argv[1], hide_parameters=True, connect_args={"prepare_threshold": None}
        )
        store = SQLAlchemyTokenStore(engine, table_name="token_of_a_parent")
        store.accounts()

        def server_process():
            with engine.connect() as connection:
                return connection.execute(sqlalchemy.text("SELECT pg_backend_pid()")).scalar_one()

        before = server_process()
        child = os.fork()
        if child == 0:
            store.accounts()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert server_process() == before
        engine.dispose()
        """
    done = run(code, postgresql_url)
    assert (done.returncode, done.stderr) == (0, "")
