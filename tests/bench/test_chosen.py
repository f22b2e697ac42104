import json
from pathlib import Path

import pytest

from tests.bench.chosen import as_told
from tests.bench.systems import Setting

SETTING = Setting("dragoman", "int8", Path("bundle"), 4, 100)
CACHES = json.dumps({"event": "caches_allocated", "engines": 1, "rows": 96})
PROCESSES = json.dumps({"event": "processes_chosen", "engine_processes": 1})


@pytest.mark.parametrize(("log", "processes"), [([CACHES], 0), ([PROCESSES, CACHES], 1)])
def test_a_setting_becomes_what_the_server_says_that_it_chose(
    log: list[str], processes: int
) -> None:
    chosen = as_told(SETTING, ["a line of a library", *log])
    assert (chosen.workers, chosen.threads, chosen.batch_size) == (1, 2, 96)
    assert chosen.engine_processes == processes
    assert (chosen.beam_size, chosen.max_length) == (4, 100)


def test_a_log_that_tells_of_no_engines_is_refused() -> None:
    with pytest.raises(KeyError, match="caches_allocated"):
        as_told(SETTING, [PROCESSES])
