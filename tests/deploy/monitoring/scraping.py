"""A real Prometheus on a port of its own, which scrapes each second."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.dashboards.answers import Prometheus
from tests.integration.served import free_port

PROGRAM = shutil.which("prometheus")
PATIENCE_SECONDS = 60.0


class Scraping:
    """Started by `with`; then `prometheus` answers.

    Args:
        directory: Empty, for its configuration and data.
        pods: Address of the metrics by the pod's name.
        rules: A file of rules to evaluate each second.
    """

    def __init__(self, directory: Path, pods: Mapping[str, str], rules: Path) -> None:
        jobs = [
            {"targets": [address], "labels": {"namespace": "translation", "pod": pod}}
            for pod, address in pods.items()
        ]
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "dragoman", "static_configs": jobs}],
        }
        self._directory = directory
        self._configuration = directory / "prometheus.yml"
        self._configuration.write_text(json.dumps(configuration))  # JSON is YAML
        self._address = f"127.0.0.1:{free_port()}"
        self.prometheus = Prometheus(f"http://{self._address}")

    def __enter__(self) -> Self:
        assert PROGRAM is not None
        self._log = (self._directory / "log").open("w")
        self._process = subprocess.Popen(
            [
                PROGRAM,
                f"--config.file={self._configuration}",
                f"--storage.tsdb.path={self._directory / 'data'}",
                f"--web.listen-address={self._address}",
            ],
            stdout=self._log,
            stderr=self._log,
        )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=PATIENCE_SECONDS)
        self._log.close()

    def until(self, condition: Callable[[Prometheus], bool]) -> None:
        """Waits until the condition holds of what Prometheus answers."""
        given_up_at = time.monotonic() + PATIENCE_SECONDS
        while not self._holds(condition):
            assert self._process.poll() is None, "Prometheus ended"
            assert time.monotonic() < given_up_at, "it never came to that"
            time.sleep(0.1)

    def _holds(self, condition: Callable[[Prometheus], bool]) -> bool:
        try:
            return condition(self.prometheus)
        except OSError:  # it does not listen yet
            return False
