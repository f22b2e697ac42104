"""`dragoman doctor`: runs every check and prints a line for each.

Knows the checks' order and what their states mean to a shell. Does not know what they look at.
"""

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence

from dragoman_server.config import Config
from dragoman_server.doctor.bundles import examine_bundles
from dragoman_server.doctor.certificates import check_certificates
from dragoman_server.doctor.clock import check_clock
from dragoman_server.doctor.finding import Finding, State, worst
from dragoman_server.doctor.limits import check_limits
from dragoman_server.doctor.ports import check_ports
from dragoman_server.doctor.resources import check_cpus, check_memory
from dragoman_server.errors import ConfigError
from dragoman_server.pool import find_bundles
from dragoman_server.settings import load_config

STATUS: Mapping[State, int] = {"ok": 0, "warning": 1, "problem": 2}


def main(argv: Sequence[str]) -> int:
    """Returns 0 where all is well, 1 where something may not be, 2 where something is not."""
    parser = argparse.ArgumentParser(
        prog="dragoman doctor",
        description="Looks whether a server would start and serve well here, and says what to do. "
        "Takes the settings of dragoman serve, from the same flags, variables and file; see "
        "dragoman serve --help. Exit status: 0 all is well, 1 a warning, 2 a problem.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    arguments, settings = parser.parse_known_args(argv)
    findings = list(examine(settings, os.environ))
    if arguments.json:
        print(_as_json(findings))
    else:
        for finding in findings:
            print(_as_line(finding))
    return STATUS[worst(findings)]


def examine(settings: Sequence[str], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yields what each check finds; where the settings are wrong nothing else is looked at."""
    try:
        config = load_config(settings, environ)
    except ConfigError as error:
        yield Finding("settings", "problem", str(error), "see dragoman serve --help")
        return
    yield Finding("settings", "ok", "are allowed")
    yield from _of_config(config)


def _of_config(config: Config) -> Iterator[Finding]:
    paths = list(config.bundle)
    if config.models is not None:
        try:
            paths += [each.source.path for each in find_bundles(config.models)]
        except ConfigError as error:
            advice = "make the directory, or set models to where the bundles are"
            yield Finding("models", "problem", str(error), advice)
    bundles = examine_bundles(paths, config)
    for bundle in bundles:
        yield from bundle.findings
    needs = [bundle.needs for bundle in bundles if bundle.needs is not None]
    if needs:
        yield check_memory(needs, config)
    yield check_cpus(config)
    yield from check_ports(config)
    yield from check_certificates(config)
    yield check_clock(paths)
    yield from check_limits(config, sum(each.bytes for each in needs))


def _as_line(finding: Finding) -> str:
    line = f"{finding.state:8} {finding.check}: {finding.found}"
    return f"{line}\n         -> {finding.advice}" if finding.advice else line


def _as_json(findings: Sequence[Finding]) -> str:
    report = {"state": worst(findings), "findings": [each._asdict() for each in findings]}
    return json.dumps(report, indent=2, ensure_ascii=False)
