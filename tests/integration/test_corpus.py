"""A whole test set through the command line: nothing lost, nothing out of order."""

import subprocess
from pathlib import Path

import pytest

from dragoman import Client
from tests.integration.conftest import DATA, Bundles, corpus
from tests.integration.served import COMMAND, Served


@pytest.mark.timeout(400)
def test_3003_lines_in_3003_lines_out_in_order(bundles: Bundles, tmp_path: Path) -> None:
    sources = corpus("newstest2014").sources
    output = tmp_path / "newstest2014.translated"
    with Served(bundles["int8"]) as served:
        command = [str(COMMAND), "translate", "--target", served.address, "--output", str(output)]
        subprocess.run([*command, "--input", str(DATA / "newstest2014.en")], check=True)
        lines = output.read_text("utf-8").removesuffix("\n").split("\n")
        assert len(lines) == len(sources) == 3003
        with Client(served.address) as client:
            for index in range(0, 3003, 97):
                assert lines[index] == client.translate(sources[index]).translated_text
