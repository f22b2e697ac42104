"""A test set through the command line: nothing lost, nothing out of order."""

import subprocess
from pathlib import Path

from dragoman import Client
from tests.integration.conftest import Bundles, corpus, part
from tests.integration.served import COMMAND, Served


def test_as_many_lines_come_out_as_went_in_and_in_order(bundles: Bundles, tmp_path: Path) -> None:
    sources = part(corpus("newstest2014").sources, 3)
    given, output = tmp_path / "newstest2014.en", tmp_path / "newstest2014.translated"
    given.write_text("".join(f"{source}\n" for source in sources), "utf-8")
    with Served(bundles["int8"]) as served:
        command = [str(COMMAND), "translate", "--target", served.address, "--output", str(output)]
        subprocess.run([*command, "--input", str(given)], check=True)
        lines = output.read_text("utf-8").removesuffix("\n").split("\n")
        assert len(lines) == len(sources)
        with Client(served.address) as client:
            for index in range(0, len(sources), 31):
                assert lines[index] == client.translate(sources[index]).translated_text
