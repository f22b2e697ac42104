"""What an engine's steps mean for the metrics. Used by the engine's thread; keeps no state."""

from dragoman_server.monitoring import Metrics
from dragoman_server.sequence import Sequence


class EngineMetrics:
    """Records steps and finished sequences; label lookups are done once, here."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._encode_steps = metrics.steps_total.labels("encode")
        self._decode_steps = metrics.steps_total.labels("decode")
        self._encode_seconds = metrics.step_seconds.labels("encode")
        self._decode_seconds = metrics.step_seconds.labels("decode")

    def encoded(self, seconds: float, *, source_tokens: int) -> None:
        """Counts an encoder run."""
        self._encode_steps.inc()
        self._encode_seconds.observe(seconds)
        self._metrics.source_tokens_total.inc(source_tokens)

    def decoded(self, seconds: float, *, rows: int) -> None:
        """Counts a decoding step."""
        self._decode_steps.inc()
        self._decode_seconds.observe(seconds)
        self._metrics.batch_rows.observe(rows)

    def expired(self, texts: int = 1) -> None:
        """Counts texts whose deadline passed while they waited."""
        self._metrics.requests_expired_total.inc(texts)

    def finished(self, sequence: Sequence, target_tokens: int, now: float) -> None:
        """Records the stages of a sequence that ended with a translation.

        Args:
            sequence: Its timestamps say when each stage began.
            target_tokens: Its tokens, the end token not counted.
            now: When it ended, in seconds of the engine's clock.
        """
        metrics = self._metrics
        metrics.target_tokens_total.inc(target_tokens)
        metrics.request_queue_seconds.observe(sequence.started_at - sequence.arrived_at)
        metrics.request_encode_seconds.observe(sequence.encoded_at - sequence.started_at)
        metrics.request_decode_seconds.observe(now - sequence.encoded_at)
        metrics.time_to_first_token_seconds.observe(sequence.first_token_at - sequence.arrived_at)
        if target_tokens > 1:
            metrics.time_per_output_token_seconds.observe(
                (now - sequence.first_token_at) / (target_tokens - 1)
            )
