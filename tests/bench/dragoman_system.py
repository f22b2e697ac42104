"""Dragoman's engine without gRPC and tokenizer: as `dragoman serve` builds it, ids to ids."""

import asyncio

from dragoman_server.assemble import build_engine
from dragoman_server.config import Config
from dragoman_server.models.bundle import Bundle
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.sequence import Completion, TranslationOptions
from dragoman_server.service.listing import model_limits
from tests.bench.systems import Setting


class Dragoman:
    """All sentences are submitted at once; the engines' queue does the rest."""

    def __init__(self, setting: Setting) -> None:
        bundle = Bundle.load(setting.model)
        config = Config(
            bundle=setting.model,
            provider="cpu",
            engines=setting.workers,
            threads_per_engine=setting.threads,
            engine_processes=setting.engine_processes,
            max_batch_size=setting.batch_size,
            max_input_length=setting.places,
            max_decoding_length=setting.places,
            shortlist=setting.shortlist,
            fixed_batch_shapes=setting.fixed_shapes,
        )
        self._setting = setting
        self._loop = asyncio.new_event_loop()
        self._metrics = Metrics()
        limits = model_limits(bundle.manifest, config)
        self._model = bundle.manifest.name
        self._engine = build_engine(bundle, config, limits, self._metrics).engine
        self._loop.run_until_complete(self._engine.start())

    @property
    def steps(self) -> int:
        """See System."""
        labels = {"model": self._model}
        return int(
            self._metrics.registry.get_sample_value("dragoman_batch_rows_count", labels) or 0
        )

    def translate(
        self, sources: list[list[int]], forced_lengths: list[int] | None
    ) -> list[list[int]]:
        """See System. The last of n forced tokens ends the sentence, whatever it is."""
        completions = self._loop.run_until_complete(self._run(sources, forced_lengths))
        return [completion.token_ids for completion in completions]

    async def _run(
        self, sources: list[list[int]], forced_lengths: list[int] | None
    ) -> list[Completion]:
        """One call where all options are equal, as a client with a batch makes it."""
        if forced_lengths is None:
            return await asyncio.gather(*self._submit(sources, 0, self._setting.max_length))
        futures = [
            self._submit([source], length - 1, length - 1)[0]
            for source, length in zip(sources, forced_lengths, strict=True)
        ]
        return await asyncio.gather(*futures)

    def _submit(
        self, sources: list[list[int]], shortest: int, longest: int
    ) -> list[asyncio.Future[Completion]]:
        options = TranslationOptions(
            longest, shortest, beam_size=self._setting.beam_size, return_scores=False
        )
        return self._engine.submit(sources, options)
