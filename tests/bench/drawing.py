"""How pictures look: colours, names, fonts. The same figures give the same file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "dragoman"
mpl.rcParams["svg.fonttype"] = "none"
mpl.rcParams["axes.spines.top"] = mpl.rcParams["axes.spines.right"] = False
mpl.rcParams["axes.titlelocation"] = "left"
mpl.rcParams["axes.titlesize"] = 10
mpl.rcParams["font.size"] = 9

from matplotlib import pyplot as plt  # noqa: E402 after the backend is chosen

COLOURS = {
    "dragoman": "#1b6ca8",
    "ctranslate2": "#d98e04",
    "transformers": "#8a8a8a",
    "optimum": "#5b8c5a",
}
NAMES = {
    "dragoman": "Dragoman",
    "ctranslate2": "CTranslate2",
    "transformers": "transformers",
    "optimum": "Optimum",
}
MODELS = {
    "shipped": "marian-en-de (4+2 layers, d=256, vocabulary 8,000)",
    "base": "transformer-base (6+6 layers, d=512, vocabulary 32,000), random weights",
    "base-256k": "transformer-base with a vocabulary of 256,000, random weights",
}

Panels = tuple[int, int]


@contextmanager
def picture(path: Path, title: str, size: tuple[float, float], panels: Panels) -> Iterator[Any]:
    """Yields the panels of a figure, (lines, columns); writes it as SVG.

    Args:
        path: File to write.
        title: Above all panels.
        size: Width and height in inches.
        panels: Lines and columns of them.
    """
    figure, axes = plt.subplots(*panels, figsize=size, layout="constrained", squeeze=False)
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11)
    yield axes
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
