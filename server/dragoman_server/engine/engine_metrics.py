"""What an engine's steps mean for the metrics. Used by the engine's thread; keeps no state."""

from collections.abc import Sequence as ListOf

from dragoman_server.monitoring import Metrics
from dragoman_server.sequence import Sequence


class EngineMetrics:
    """Records steps and finished sequences of a model; label lookups are done once, here."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        metrics.begin_model(model)
        self._encode_steps = metrics.steps_total.labels("encode", model)
        self._decode_steps = metrics.steps_total.labels("decode", model)
        self._encode_seconds = metrics.step_seconds.labels("encode", model)
        self._decode_seconds = metrics.step_seconds.labels("decode", model)
        self._batch_rows = metrics.batch_rows.labels(model)
        self._source_tokens = metrics.source_tokens_total.labels(model)
        self._target_tokens = metrics.target_tokens_total.labels(model)
        self._expired = metrics.requests_expired_total.labels(model)
        self._queue = metrics.request_queue_seconds.labels(model)
        self._encode = metrics.request_encode_seconds.labels(model)
        self._decode = metrics.request_decode_seconds.labels(model)
        self._first_token = metrics.time_to_first_token_seconds.labels(model)
        self._per_token = metrics.time_per_output_token_seconds.labels(model)

    def encoded(self, seconds: float, *, source_tokens: int) -> None:
        """Counts an encoder run."""
        self._encode_steps.inc()
        self._encode_seconds.observe(seconds)
        self._source_tokens.inc(source_tokens)

    def encoded_all(self, seconds: ListOf[float], *, source_tokens: int) -> None:
        """Counts encoder runs, with what each took and the tokens of all."""
        self._encode_steps.inc(len(seconds))
        self._encode_seconds.observe_all(seconds)
        self._source_tokens.inc(source_tokens)

    def decoded(self, seconds: float, *, rows: int) -> None:
        """Counts a decoding step."""
        self._decode_steps.inc()
        self._decode_seconds.observe(seconds)
        self._batch_rows.observe(rows)

    def decoded_all(self, seconds: ListOf[float], rows: ListOf[int]) -> None:
        """Counts decoding steps, with what each took and how many rows it had."""
        self._decode_steps.inc(len(seconds))
        self._decode_seconds.observe_all(seconds)
        self._batch_rows.observe_all(rows)

    def expired(self, texts: int = 1) -> None:
        """Counts texts whose deadline passed while they waited."""
        self._expired.inc(texts)

    def finished(self, ended: ListOf[tuple[Sequence, int]]) -> None:
        """Records the stages of sequences that ended with a translation.

        Args:
            ended: Their timestamps say when each stage began and ended; with the tokens of each,
                the end token not counted.
        """
        sequences = [sequence for sequence, _ in ended]
        self._target_tokens.inc(sum([tokens for _, tokens in ended]))
        self._queue.observe_all([each.started_at - each.arrived_at for each in sequences])
        self._encode.observe_all([each.encoded_at - each.started_at for each in sequences])
        self._decode.observe_all([each.ended_at - each.encoded_at for each in sequences])
        self._first_token.observe_all([each.first_token_at - each.arrived_at for each in sequences])
        self._per_token.observe_all(
            [
                (each.ended_at - each.first_token_at) / (tokens - 1)
                for each, tokens in ended
                if tokens > 1
            ]
        )
