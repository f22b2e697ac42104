"""A real `dragoman serve` around a FakeEngine, which never finishes a text.

python -m tests.server.faked --bundle b --port 0 --prometheus-port 0
"""

import sys

from dragoman_server import cli
from dragoman_server.application import Application
from dragoman_server.config import Config
from dragoman_server.monitoring.metrics import Metrics
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import make_application


def build(config: Config) -> Application:
    return make_application(config, FakeEngine(), Metrics())


if __name__ == "__main__":
    cli._build = build
    sys.exit(cli.main(sys.argv[1:]))
