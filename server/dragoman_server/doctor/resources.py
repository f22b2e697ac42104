"""Whether memory and CPUs suffice for what the bundles take and the settings ask for.

Knows sizes and the machine. Does not know bundles.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from dragoman_server.config import Config
from dragoman_server.doctor.bundles import Needs
from dragoman_server.doctor.finding import Finding
from dragoman_server.machine import ROOT, cpu_count, memory_bytes
from dragoman_server.service import most_engines

OWN_BYTES = 200 << 20
"""Of a server without a model: interpreter, libraries, messages; of each further process, too."""

TORCH_BYTES = 300 << 20
"""More, where torch runs a model: its libraries, and what it keeps of them in memory."""

GIB = 1 << 30


def check_memory(needs: Sequence[Needs], config: Config, root: Path = ROOT) -> Finding:
    """Compares what the models take with what this process may take."""
    processes = config.engine_processes or 0
    files = sum(each.file_bytes for each in needs) * max(1, processes)
    caches = sum(each.cache_bytes for each in needs)
    needed = files + caches + OWN_BYTES * (1 + config.workers + processes)
    needed += TORCH_BYTES * any(each.runtime == "torch" for each in needs)
    allowed, free = memory_bytes(root), _available(root)
    found = (
        f"files {_gib(files)}, caches up to {_gib(caches)}, the rest about "
        f"{_gib(needed - files - caches)}: {_gib(needed)} of the {_gib(allowed)} that there are"
    )
    less = "lower max_batch_size, max_input_length or max_decoding_length, or set kv_cache_memory"
    less += " or models_memory" if len(needs) > 1 else ""
    if needed > allowed:
        return Finding("memory", "problem", found, f"give it more memory, or {less}")
    if free is not None and needed > free:
        found += f", of which others have left {_gib(free)}"
        return Finding("memory", "warning", found, f"end what else runs here, or {less}")
    return Finding("memory", "ok", found)


def check_cpus(config: Config) -> Finding:
    """Compares engines and their threads with the CPUs that this process may use."""
    cores, affinity = cpu_count(), len(os.sched_getaffinity(0))
    threads = most_engines(config) * (config.threads_per_engine or 1)
    found = f"{cores} for {threads} threads of engines and {config.workers} front ends"
    if cores < affinity:
        found += f"; the machine has {affinity}, and a quota allows {cores}"
    if threads > cores:
        advice = "lower engines or threads_per_engine: more threads than CPUs wait for each other"
        return Finding("cpus", "warning", found, advice)
    if threads + config.workers > max(cores, 2):
        advice = "set engines to what the front ends leave: each wants a CPU of its own"
        return Finding("cpus", "warning", found, advice)
    return Finding("cpus", "ok", found)


def _available(root: Path) -> int | None:
    """Returns the bytes that the machine can give away now; None where it does not say."""
    try:
        lines = (root / "proc/meminfo").read_text("utf-8").splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
    return sizes[0] if sizes else None


def _gib(size: int) -> str:
    return f"{size / GIB:,.2f} GiB"
