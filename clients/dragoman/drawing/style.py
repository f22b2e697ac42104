"""Colours and settings that all pictures share."""

COLOURS = {
    "ink": "#1f2933",
    "muted": "#5c6873",
    "rule": "#d9dfe4",
    "surface": "#fefefe",
    "blue": "#1b6ca8",
    "teal": "#1d7f74",
    "orange": "#b95f00",
    "grey": "#6f7a84",
    "red": "#b3362b",
    "on-colour": "#fffffe",
}
"""By the name of their property; no two are the same."""

INK, MUTED, RULE, SURFACE, BLUE, TEAL, ORANGE, GREY, RED, ON_COLOUR = COLOURS.values()

SERIES = (
    *("#1b6ca8", "#c46a00", "#1d7f74", "#b3362b", "#6a4fa3", "#77771a", "#a83a7e", "#5c6873"),
    *("#5aa7e0", "#e8a33d", "#4fb8a6", "#e58076", "#a891d8", "#b5b544", "#dc82b8", "#9aa5af"),
)
"""For many things of one kind, to be told apart."""

STYLE = {
    "svg.hashsalt": "dragoman",
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.axisbelow": True,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 10,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titlepad": 9,
    "figure.facecolor": "none",
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.borderaxespad": 0,
    "legend.borderpad": 0,
    "legend.columnspacing": 1.4,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "lines.linewidth": 1.5,
    "legend.fontsize": 10,
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0,
}

NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
"""What matplotlib is not to write into an SVG: the same drawing gives the same text."""
