"""An engine stepped by hand until everything is translated, on whatever runs the steps."""

from collections.abc import Sequence as ListOf

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.engine import Engine, Progress
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.scheduler import Scheduler
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.runtime import Runner
from dragoman_server.search.search import Search
from dragoman_server.sequence import Completion, Outcome, Sequence, TranslationOptions


def translate_all(
    runner: Runner,
    manifest: Manifest,
    requests: ListOf[tuple[list[int], TranslationOptions]],
    *,
    max_rows: int,
    max_encode_tokens: int = 64,
) -> list[Completion]:
    """Translates source tokens in the order given, newcomers joining as rows are freed."""
    queue = WaitingQueue(max_queue_size=len(requests), engines=1)
    outcomes: dict[Sequence, Outcome] = {}

    def deliver(progress: Progress) -> None:
        outcomes.update(progress.finished)

    special = manifest.special_tokens
    engine = Engine(
        scheduler=Scheduler(
            queue, engine=0, max_batch_size=max_rows, max_encode_tokens=max_encode_tokens
        ),
        search=Search(
            max_rows=max_rows,
            max_length=max(options.max_decoding_length for _, options in requests),
            decoder_start_id=special.decoder_start_id,
            end_id=special.end_id,
        ),
        runner=runner,
        metrics=EngineMetrics(Metrics(), "tiny"),
        deliver=deliver,
    )
    sequences = [Sequence(list(ids), options) for ids, options in requests]
    queue.put(sequences)
    while engine.step():
        pass
    completions = [outcomes[sequence] for sequence in sequences]
    for completion in completions:
        if not isinstance(completion, Completion):
            raise completion from completion.__cause__
    return [completion for completion in completions if isinstance(completion, Completion)]
