"""Translations of just before, so that the same text in the same call is not translated again.

Owns them, bounded in bytes. A caller never sees what another one's texts left: it is part of the
key, and so is the version of the model. Does not know what a request asks for.
"""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from dragoman.v1.translation_pb2 import Translation
from dragoman_server.monitoring import CacheUse

ENTRY_BYTES = 500
"""That an entry takes beside its translation."""

KEYS_AT_ONCE = 2000
"""That are looked through before others have their turn on the event loop."""


class Key(NamedTuple):
    """What a translation is of."""

    version: object
    """What translates with one version of a model: no other version ever is the same object."""
    caller: str
    digest: bytes
    """Of the text and of all that its request says beside, with a key secret to the process: nobody
    can make two that are alike."""


class SentenceCache:
    """The translations that were asked for last.

    Args:
        capacity: Most bytes that they take.
        record: Told what became of lookups, and of the bytes.
    """

    def __init__(self, capacity: int, record: Callable[[CacheUse], None]) -> None:
        self._capacity = capacity
        self._record = record
        self._secret = secrets.token_bytes(32)
        self._entries: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = self._bytes_told = 0
        self._versions: frozenset[object] = frozenset()
        """Of which there may be entries."""

    @property
    def size(self) -> int:
        """Bytes that its entries take."""
        return self._bytes

    def key(self, version: object, caller: str, how: bytes, text: str) -> Key:
        """Returns the key of a text.

        Args:
            version: What translates it.
            caller: Whose it is.
            how: All that its request says beside.
            text: The text.
        """
        digest = hashlib.blake2b(len(how).to_bytes(8), key=self._secret, digest_size=32)
        digest.update(how)
        digest.update(text.encode())
        return Key(version, caller, digest.digest())

    def find(self, key: Key) -> Translation | None:
        """Returns the translation of a key; None where there is none."""
        content = self._entries.get(key)
        if content is None:
            return None
        self._entries.move_to_end(key)
        return Translation.FromString(content)

    def keep(
        self, model: str, translations: Iterable[tuple[Key, Translation]], *, hits: int, misses: int
    ) -> None:
        """Keeps the translations of a request, and tells of its texts.

        Those that were asked for least lately give way.

        Args:
            model: Name of the model.
            translations: That were not there.
            hits: Texts whose translations were.
            misses: Texts whose were not.
        """
        evictions = 0
        for key, translation in translations:
            content = translation.SerializeToString()
            size = len(content) + ENTRY_BYTES
            if key.version not in self._versions or size > self._capacity:
                continue
            self._forget(key)
            while self._bytes + size > self._capacity:
                self._forget(next(iter(self._entries)))
                evictions += 1
            self._entries[key] = content
            self._bytes += size
        self._tell(CacheUse(model, hits, misses, evictions))

    def serve(self, versions: Iterable[object]) -> None:
        """Keeps what these versions translate, from now on and nothing else."""
        self._versions = frozenset(versions)

    async def drop_others(self) -> None:
        """Drops what other versions have translated."""
        for index, key in enumerate(list(self._entries)):
            if index % KEYS_AT_ONCE == KEYS_AT_ONCE - 1:
                await asyncio.sleep(0)
            if key.version not in self._versions:
                self._forget(key)
        self._tell(CacheUse("", 0, 0, 0))

    def _forget(self, key: Key) -> None:
        if (content := self._entries.pop(key, None)) is not None:
            self._bytes -= len(content) + ENTRY_BYTES

    def _tell(self, use: CacheUse) -> None:
        self._record(use._replace(bytes=self._bytes - self._bytes_told))
        self._bytes_told = self._bytes
