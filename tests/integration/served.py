"""A real server in a process of its own, as `dragoman serve` starts it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

COMMAND = Path(sys.executable).with_name("dragoman")


class Served:
    """Started by `with`; stopped with SIGTERM. Settings are the flags' names."""

    def __init__(self, bundle: Path | None, **settings: object) -> None:
        flags = {"port": 0, "prometheus_port": 0} | settings
        if bundle is not None:
            flags["bundle"] = bundle
        self._command = [str(COMMAND), "serve"]
        for name, value in flags.items():
            self._command += [f"--{name.replace('_', '-')}", str(value)]
        self.log: list[str] = []
        self.address = self.metrics_address = ""

    def __enter__(self) -> Self:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DRAGOMAN_")}
        self.process = subprocess.Popen(
            self._command, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "ready":
                self.address, self.metrics_address = event["address"], event["metrics_address"]
                break
        else:
            self.process.wait()
            self.process.stderr.close()
            raise RuntimeError(f"the server did not start: {''.join(self.log)}")
        self._reader = threading.Thread(target=self.log.extend, args=(self.process.stderr,))
        self._reader.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.terminate()
            self.wait()
        finally:
            self.process.kill()

    def terminate(self) -> None:
        """Asks for the graceful drain."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Returns the exit code."""
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=60)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def event(self, name: str) -> dict[str, str]:
        """Returns the last event of this name in the log."""
        events = [json.loads(line) for line in self.log if line.startswith("{")]
        found: dict[str, str] = [each for each in events if each["event"] == name][-1]
        return found

    def metric(self, name: str, **labels: str) -> float:
        """Scrapes the samples that have these labels; returns their sum."""
        with urllib.request.urlopen(f"http://{self.metrics_address}/metrics", timeout=60) as page:
            text = page.read().decode()
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"dragoman_{name}" and sample.labels.items() >= labels.items()
        ]
        if not found:
            raise KeyError(f"{name} {labels}")
        return sum(found)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment.

    It is below those that Linux gives to who asks for any, so that no other test gets it meanwhile.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with suppress(OSError), socket.create_server((host, port)):
            return port
