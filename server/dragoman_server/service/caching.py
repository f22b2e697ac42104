"""A model in front of which its translations are kept: what was translated before is not again.

Knows which requests always have the same answer. One with a warning is not kept: with more time or
room it might have had none. Does not know how translations are kept, nor how anything is
translated.
"""

from dragoman.v1.translation_pb2 import (
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.engine import ANYBODY, NO_LIMIT, Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.service.account import Usage
from dragoman_server.service.parts import in_whole_request, part_of, without_contents
from dragoman_server.service.progress import OnProgress
from dragoman_server.service.sentence_cache import SentenceCache
from dragoman_server.service.translator import Translator
from dragoman_server.service.validation import check_contents

OF_STREAMS, OF_CALLS = b"s", b"c"
"""What keys of each begin with: their requests number their fields in ways of their own."""


class CachingTranslator:
    """A model's Translator, asked only for what the cache has not.

    Attributes:
        name, version, limits: The model's.
        aligns: As the Translator's.
    """

    def __init__(self, cache: SentenceCache, translator: Translator) -> None:
        self.name, self.version = translator.name, translator.version
        self.limits, self.aligns = translator.limits, translator.aligns
        self._cache = cache
        self._translator = translator

    def check_room(
        self,
        limit: TimeLimit,
        sender: Sender,
        texts_ahead: int = 0,
        request: TranslateTextRequest | None = None,
    ) -> None:
        """See Translator: what is kept may be refused too, as nobody has looked yet."""
        self._translator.check_room(limit, sender, texts_ahead, request)

    async def translate_texts(
        self,
        request: TranslateTextRequest,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> list[Translation]:
        """Translates all the texts, or none; see Translator."""
        translator, cache = self._translator, self._cache
        if not _is_kept(request):
            return await translator.translate_texts(request, limit, sender, usage)
        check_contents(request.contents, translator.model.limits)
        bare = without_contents(request)
        bare.ClearField("priority")
        how = OF_CALLS + self._how(bare)
        keys = [cache.key(translator, sender.caller, how, text) for text in request.contents]
        kept = [cache.find(key) for key in keys]
        missing = [index for index, translation in enumerate(kept) if translation is None]
        if not missing and kept:
            cache.keep(self.name, (), hits=len(kept), misses=0)
            return [translation for translation in kept if translation is not None]
        part = request if len(missing) == len(keys) else part_of(request, bare, missing)
        try:
            new = await translator.translate_texts(part, limit, sender, usage)
        except InvalidArgumentError as error:
            raise in_whole_request(error, missing) from None
        pairs = [
            (keys[index], answer)
            for index, answer in zip(missing, new, strict=True)
            if not answer.warnings
        ]
        cache.keep(self.name, pairs, hits=len(keys) - len(missing), misses=len(missing))
        answers = iter(new)
        return [next(answers) if translation is None else translation for translation in kept]

    async def translate_text(
        self,
        request: StreamTranslateTextRequest,
        on_progress: OnProgress | None = None,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> Translation:
        """Translates a text of a stream; what is kept has no partial texts. See Translator."""
        translator, cache = self._translator, self._cache
        if not _is_kept(request):
            return await translator.translate_text(request, on_progress, limit, sender, usage)
        bare = StreamTranslateTextRequest()
        bare.CopyFrom(request)
        for field in ("id", "content", "priority", "partial_results"):
            bare.ClearField(field)
        how = OF_STREAMS + self._how(bare)
        key = cache.key(translator, sender.caller, how, request.content)
        if (translation := cache.find(key)) is not None:
            cache.keep(self.name, (), hits=1, misses=0)
            return translation
        translation = await translator.translate_text(request, on_progress, limit, sender, usage)
        kept = () if translation.warnings else [(key, translation)]
        cache.keep(self.name, kept, hits=0, misses=1)
        return translation

    def _how(self, bare: TranslateTextRequest | StreamTranslateTextRequest) -> bytes:
        """Returns all that a request says beside its texts, and what else they depend on."""
        how = bare.SerializeToString(deterministic=True)
        if bare.glossary_config.glossary:  # what that is may change while the server runs
            how = b"%d:%b" % (self._translator.glossary_generation, how)
        return how


def _is_kept(request: TranslateTextRequest | StreamTranslateTextRequest) -> bool:
    """Whether a request always has the same answer, and may have one of before."""
    return request.options.sampling_topk <= 1 and not request.skip_cache
