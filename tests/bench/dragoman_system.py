"""Dragoman's engine without gRPC and tokenizer: as `dragoman serve` builds it, ids to ids."""

import asyncio

from dragoman_server.assemble import build_engine
from dragoman_server.bundle import Bundle
from dragoman_server.config import Config
from dragoman_server.metrics import Metrics
from dragoman_server.models import model_limits
from dragoman_server.sequence import Completion, TranslationOptions
from tests.bench.systems import Setting


class Dragoman:
    """All sentences are submitted at once; the engines' queue does the rest."""

    def __init__(self, setting: Setting) -> None:
        bundle = Bundle.load(setting.model)
        config = Config(
            bundle=setting.model,
            provider="cpu",
            engines=setting.workers,
            max_batch_size=setting.batch_size,
        )
        self._setting = setting
        self._loop = asyncio.new_event_loop()
        self._engine, _ = build_engine(
            bundle, config, model_limits(bundle.manifest, config), Metrics()
        )
        self._loop.run_until_complete(self._engine.start())

    def translate(
        self, sources: list[list[int]], forced_lengths: list[int] | None
    ) -> list[list[int]]:
        """See System. The last of n forced tokens ends the sentence, whatever it is."""
        options = (
            [self._options(0, self._setting.max_length)] * len(sources)
            if forced_lengths is None
            else [self._options(length - 1, length - 1) for length in forced_lengths]
        )
        completions = self._loop.run_until_complete(self._run(sources, options))
        return [completion.token_ids for completion in completions]

    def _options(self, shortest: int, longest: int) -> TranslationOptions:
        return TranslationOptions(
            longest, shortest, beam_size=self._setting.beam_size, return_scores=False
        )

    async def _run(
        self, sources: list[list[int]], options: list[TranslationOptions]
    ) -> list[Completion]:
        futures = []
        for source, option in zip(sources, options, strict=True):
            futures += self._engine.submit([source], option)
        return await asyncio.gather(*futures)
