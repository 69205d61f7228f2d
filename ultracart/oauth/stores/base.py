"""What a token store is: the contract that every store keeps, and what stores share.

``ultracart.oauth.stores.contract`` is this contract as a test suite for a store of your own.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ...exceptions import ApiTypeError, ApiValueError, TokenStoreError
from ..token import Token

# Seconds to wait for an account's lock. A holder takes at most a minute: ten seconds in which an
# attempt may begin, 25 for its turn where parallel requests are capped, 25 for the response.
LOCK_TIMEOUT = 90.0
# How many accounts the message of an error names.
_MOST_NAMED = 5
# Where an encrypted token names its account, among the token's own fields: a version of this
# package that does not know it skips it.
_SEALED_FOR = "sealed_for"


class UnreadableToken(TokenStoreError):
    """One account's token cannot be read: it is damaged, or not what this store has saved."""


class TokenStore(ABC):
    """Where tokens are kept, one for each account.

    Every method may be called from many threads at once, and every failure is a
    :class:`~ultracart.exceptions.TokenStoreError` that names no secret.
    """

    @abstractmethod
    def load(self, account: str) -> Token | None:
        """The account's token as last saved, or ``None``. Needs no lock."""

    @abstractmethod
    def save(self, account: str, token: Token) -> None:
        """Keep ``token`` for the account, in place of any other; durable on return, or, inside
        :meth:`lock`, at the latest when the lock is left."""

    @abstractmethod
    def delete(self, account: str) -> None:
        """Forget the account's token; nothing happens if there is none. Needs no lock."""

    @abstractmethod
    def accounts(self) -> Sequence[str]:
        """The accounts that have a token, sorted."""

    @abstractmethod
    def lock(self, account: str, *, blocking: bool = True) -> AbstractContextManager[bool]:
        """A context that at most one holder is in, for this account.

        It excludes every thread, process and host that shares the store, and is free again
        within seconds when its holder dies. A thread may hold the locks of several accounts, but
        not ask twice for one. The session holds it while it calls UltraCart, a minute at most.

        Args:
            blocking: ``False`` does not wait: where somebody else is inside, the context is
                entered at once with the value ``False``, and nothing is locked.
                A store whose ``lock`` has no such argument works as well: an early refresh then
                waits where it could have gone on with the token that is still valid.

        Returns:
            A context manager whose value is whether the lock is held.

        Raises:
            TokenStoreError: waiting takes longer than any holder may.
        """

    def replace(self, account: str, old: Token, new: Token) -> bool:
        """Save ``new`` if the account still holds ``old``'s credentials; returns whether it did.

        A refresh saves with it, under the lock, so that an account that was deleted or authorized
        anew meanwhile keeps that. This default is right where ``delete`` waits for the lock;
        a store that can do it in one step should.
        """
        stored = self.load(account)
        if stored is None or not stored.has_same_credentials(old):
            return False
        self.save(account, new)
        return True

    def reencrypt(self) -> list[str]:
        """Save every token again, each under its account's lock, so that ``cipher`` encrypts it.

        For changing keys while sessions work with the tokens; it may be run again after a crash. An
        account that is deleted meanwhile stays deleted.

        Returns:
            The accounts whose token was saved, sorted.

        Raises:
            TokenStoreError: some could not be saved, which it names; the others were.
        """

        def save_again(account: str) -> bool:
            with self.lock(account):
                token = self.load(account)
                return token is not None and self.replace(account, token, token)

        return for_each_account(self.accounts(), save_again, "encrypted")


class Cipher(Protocol):
    """What encrypts tokens at rest, such as cryptography's ``Fernet`` or ``MultiFernet``."""

    def encrypt(self, data: bytes, /) -> bytes:
        """The secret form of ``data``."""
        ...

    def decrypt(self, token: bytes, /) -> bytes:
        """What :meth:`encrypt` was given; raises if it was altered or made with another key."""
        ...


def check_cipher(cipher: Cipher | None) -> None:
    """Raise ApiTypeError unless it is one: found when a token is saved, it would be too late."""
    if cipher is None:
        return
    if isinstance(cipher, type):
        raise ApiTypeError("cipher must be an instance: write %s(...)" % cipher.__name__)
    if not (
        callable(getattr(cipher, "encrypt", None)) and callable(getattr(cipher, "decrypt", None))
    ):
        raise ApiTypeError(
            "cipher must be an object with encrypt() and decrypt(), such as Fernet(key), not %s"
            % type(cipher).__name__
        )


def check_account(account: str) -> None:
    """Check that ``account`` can name an account; for a token store of your own.

    Raises:
        ApiTypeError: it is not text.
        ApiValueError: it is empty, longer than 255 characters, has a NUL, or is no Unicode text.
    """
    if not isinstance(account, str):
        raise ApiTypeError("account must be str, not %s" % type(account).__name__)
    if not account or len(account) > 255 or "\0" in account:
        raise ApiValueError("account must have 1 to 255 characters, none of them NUL")
    if not account.isascii():
        try:
            account.encode("utf-8")
        except UnicodeEncodeError:
            # The UnicodeError would quote what a driver was about to send, including the token.
            raise ApiValueError("account must be text that UTF-8 can write") from None


def for_each_account(accounts: Iterable[str], work: Callable[[str], bool], done: str) -> list[str]:
    """The accounts, sorted, of which ``work`` says that it did something.

    Raises:
        TokenStoreError: it failed for some, after all were tried.
    """
    changed, failures = [], []
    for account in sorted(accounts):
        try:
            if work(account):
                changed.append(account)
        except TokenStoreError as error:
            failures.append((account, error))
    if failures:
        raise TokenStoreError(
            "%d of the tokens could not be %s, of the accounts %s%s; the first: %s"
            % (
                len(failures),
                done,
                ", ".join(repr(account) for account, _ in failures[:_MOST_NAMED]),
                ", ..." if len(failures) > _MOST_NAMED else "",
                failures[0][1],
            )
        ) from None
    return changed


def encode_token(token: Token, cipher: Cipher | None, account: str) -> bytes:
    """What a store keeps: JSON, or, if there is a cipher, JSON that names its account, encrypted.

    Raises:
        TokenStoreError: the cipher failed.
    """
    if not isinstance(token, Token):
        raise ApiTypeError("token must be a Token, not %s" % type(token).__name__)
    text = token.to_json()
    if cipher is None:
        return text.encode("ascii")
    # Without the account, whoever may write to the store but has no key could move a row.
    sealed = '{"%s": %s, %s' % (_SEALED_FOR, json.dumps(account), text[1:])
    try:
        encrypted = cipher.encrypt(sealed.encode("ascii"))
    except Exception as error:  # a cipher may raise anything; none of it may quote the data
        raise TokenStoreError("the cipher cannot encrypt: %s" % type(error).__name__) from None
    if not isinstance(encrypted, bytes):
        raise TokenStoreError("the cipher made %s, not bytes" % type(encrypted).__name__)
    return encrypted


def decode_token(data: bytes, cipher: Cipher | None, account: str) -> Token:
    """The token of :func:`encode_token`.

    What was encrypted before accounts were sealed with their tokens names none; it is taken as it
    is, and names its account once it is saved again.

    Raises:
        TokenStoreError: the data is damaged, encrypted under another key, or another account's.
    """
    sealed_for = account
    try:
        if cipher is None:
            text = data.decode("ascii")
        else:
            text = cipher.decrypt(data).decode("ascii")
            sealed_for = json.loads(text).get(_SEALED_FOR, account)
        token = Token.from_json(text)
    except Exception as error:  # a cipher may raise anything; none of it may quote the data
        raise UnreadableToken(
            "the stored token of account %r cannot be read (%s): is cipher= the one it was saved"
            " with?" % (account, type(error).__name__)
        ) from None
    if sealed_for != account:
        raise UnreadableToken(
            "the stored token of account %r was saved for another account: its row was moved"
            % account
        )
    return token
