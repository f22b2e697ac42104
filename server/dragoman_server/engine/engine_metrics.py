"""What an engine's steps mean for the metrics. Used by the engine's thread; keeps no state."""

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

    def decoded(self, seconds: float, *, rows: int) -> None:
        """Counts a decoding step."""
        self._decode_steps.inc()
        self._decode_seconds.observe(seconds)
        self._batch_rows.observe(rows)

    def expired(self, texts: int = 1) -> None:
        """Counts texts whose deadline passed while they waited."""
        self._expired.inc(texts)

    def finished(self, sequence: Sequence, target_tokens: int, now: float) -> None:
        """Records the stages of a sequence that ended with a translation.

        Args:
            sequence: Its timestamps say when each stage began.
            target_tokens: Its tokens, the end token not counted.
            now: When it ended, in seconds of the engine's clock.
        """
        self._target_tokens.inc(target_tokens)
        self._queue.observe(sequence.started_at - sequence.arrived_at)
        self._encode.observe(sequence.encoded_at - sequence.started_at)
        self._decode.observe(now - sequence.encoded_at)
        self._first_token.observe(sequence.first_token_at - sequence.arrived_at)
        if target_tokens > 1:
            self._per_token.observe((now - sequence.first_token_at) / (target_tokens - 1))
