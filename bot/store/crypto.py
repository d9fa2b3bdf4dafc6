"""Secrets at rest: Fernet over the configured keys. Which columns are sealed, schema.py says."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import StoreError

_SHORTEST_KEY = 32


class Cipher:
    """Seals text with the first key and opens what any of the keys sealed."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the configured keys, each a Fernet key or any random text of at least 32 characters.

        Raises StoreError when there is none, or one is too short; the message never repeats a key.
        """
        fernets = [_to_fernet(number, key) for number, key in enumerate(keys, start=1)]
        if not fernets:
            raise StoreError("secret_keys is empty: tokens cannot be stored without a key")
        self._all = MultiFernet(fernets)
        self._first = fernets[0]
        self.has_older_keys = len(fernets) > 1

    def seal(self, text: str) -> bytes:
        """Encrypt with the first key."""
        return self._first.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt; raises StoreError when none of the keys fits."""
        try:
            return self._all.decrypt(sealed).decode()
        except InvalidToken as error:
            raise StoreError("none of secret_keys opens what is stored; put the key it was stored with back") from error

    def seal_optional(self, text: str | None) -> bytes | None:
        """Encrypt what is there."""
        return None if text is None else self.seal(text)

    def open_optional(self, sealed: bytes | None) -> str | None:
        """Decrypt what is there."""
        return None if sealed is None else self.open(sealed)

    def is_current(self, sealed: bytes) -> bool:
        """Say whether the first key sealed this."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def reseal(self, sealed: bytes) -> bytes:
        """Decrypt with any key and encrypt with the first; raises StoreError when none fits."""
        return self.seal(self.open(sealed))


def _to_fernet(number: int, key: str) -> Fernet:
    """Use a Fernet key as it is, and derive one from any other long text."""
    try:
        return Fernet(key)
    except ValueError:
        if len(key) < _SHORTEST_KEY:
            raise StoreError(f"key {number} of secret_keys is shorter than {_SHORTEST_KEY} characters") from None
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"patron-roles secret key").derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
