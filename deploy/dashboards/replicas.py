"""What the dashboard shows of each replica: how much its engines and its process are used.

Knows the engine's and the process's metrics. Does not know how panels look.
"""

from grafana_foundation_sdk.builders import timeseries

from deploy.dashboards.panels import QUARTER, Query, bounded, lines, stacked, stepped
from deploy.dashboards.queries import OBJECTIVE_SECONDS, mean, quantile, rate, selected, total

ROWS = "dragoman_batch_rows"
STEP = "dragoman_step_seconds"


def engines() -> list[timeseries.Panel]:
    """Returns the load of the engines, and how evenly the replicas share it."""
    running = total(selected("dragoman_requests_running"), "pod")
    waiting = total(selected("dragoman_requests_waiting"), "pod")
    predicted = f"max by (pod) ({selected('dragoman_predicted_seconds')})"
    usage = f"max by (pod) ({selected('dragoman_kv_cache_usage_ratio')})"
    return [
        lines(
            "Texts running and waiting",
            "Texts in the engines and in the queue. The queue stays short while overload is"
            " refused: scale by requests per second.",
            "short",
            Query(running, "{{pod}} running"),
            Query(waiting, "{{pod}} waiting"),
        ),
        bounded(
            lines(
                "Predicted time of a new text",
                "What a text of mean length would have to expect if it came now, with a margin."
                " Requests whose deadline is nearer are refused. 0 until enough was observed.",
                "s",
                Query(predicted, "{{pod}}"),
            ),
            OBJECTIVE_SECONDS,
        ),
        lines(
            "KV cache in use",
            "Rows in use of the max_batch_size of all engines. At 100 % texts wait for a row;"
            " memory is fixed at start and does not grow.",
            "percentunit",
            Query(usage, "{{pod}}"),
        ).max(1),
        lines(
            "Engines at work",
            "How many engines run a step at each moment, in the mean. As many as the replica has:"
            " its processors are used up.",
            "none",
            Query(rate(f"{STEP}_sum", by="pod"), "{{pod}}"),
        ),
        lines(
            "Rows of a decoding step",
            "Near 1 there is nothing to batch, near max_batch_size the engines are full.",
            "none",
            Query(mean(ROWS, by="pod"), "{{pod}} mean"),
            Query(quantile(0.97, ROWS), "p97 of all"),
        ),
        lines(
            "Time of a step",
            "A decoding step gives each of its rows a token; an encoder run holds up the decoding"
            " of its engine for as long.",
            "s",
            Query(quantile(0.5, STEP, by="phase"), "{{phase}} p50"),
            Query(quantile(0.97, STEP, by="phase"), "{{phase}} p97"),
        ),
        lines(
            "Steps",
            "Steps in a second. None while texts run or wait means that an engine hangs.",
            "ops",
            Query(rate("dragoman_steps_total", by="phase"), "{{phase}}"),
        ),
        lines(
            "Tokens",
            "Source tokens encoded and target tokens of finished texts: the work done, however it"
            " is cut into requests.",
            "suffix:tok/s",
            Query(rate("dragoman_source_tokens_total"), "source"),
            Query(rate("dragoman_target_tokens_total"), "target"),
        ),
        lines(
            "Requests by replica",
            "Lines that part mean that clients do not spread: gRPC keeps its connections. See"
            " max_connection_age_seconds.",
            "reqps",
            Query(rate("dragoman_requests_total", by="pod"), "{{pod}}"),
        ),
    ]


def processes() -> list[timeseries.Panel]:
    """Returns what runs where, and what it takes of the machine."""
    loaded = selected("dragoman_model_info")
    panels = [
        stepped(
            stacked(
                lines(
                    "Replicas by model",
                    "Servers that are scraped, by what they have loaded.",
                    "none",
                    Query(
                        f"count by (model, precision, runtime, provider) ({loaded})",
                        "{{model}} {{precision}} {{runtime}} {{provider}}",
                    ),
                )
            )
        ),
        lines(
            "Processor",
            "Cores that the engines' process uses; front-end processes are not in it.",
            "none",
            Query(rate("process_cpu_seconds_total", by="pod"), "{{pod}}"),
        ),
        lines(
            "Memory",
            "Resident memory of the engines' process, and what is reserved for caches. Caches"
            " become resident as they are first used, and stay.",
            "bytes",
            Query(total(selected("process_resident_memory_bytes"), "pod"), "{{pod}} resident"),
            Query(total(selected("dragoman_kv_cache_bytes"), "pod"), "{{pod}} caches"),
        ),
        lines(
            "Garbage collections",
            "Of Python, by generation. Generation 2 stops everything for longest.",
            "ops",
            Query(
                rate("python_gc_collections_total", by="generation"), "generation {{generation}}"
            ),
        ),
    ]
    return [panel.span(QUARTER) for panel in panels]
