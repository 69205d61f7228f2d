"""How the figures are written: a table, a JSON file, a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One line of the table.

    ``unit`` is that of ``values``, one median for each library; ``ratios`` are medians of the
    ratios within a round; ``must`` and ``aim`` bound this project's ratio, or its value
    where ``in_units`` is set.
    """

    name: str
    unit: str
    values: dict[str, float]
    ratios: dict[str, float]
    must: float
    aim: float
    in_units: bool = False
    note: str = ""

    def result(self) -> float | None:
        return (self.values if self.in_units else self.ratios).get("ultracart")

    def verdict(self) -> str:
        result = self.result()
        if result is None:
            return ""
        return "aim" if result <= self.aim else "ok" if result <= self.must else "OVER"


def table(rows: list[Row], libraries: list[str]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| | %s | must | aim | |" % " | ".join(libraries),
        "|---|%s" % ("---|" * (len(libraries) + 3)),
    ]
    for row in rows:
        cells = [_cell(row, library) for library in libraries]
        bound = "%g " + row.unit if row.in_units else "%.2f x"
        cells += [bound % row.must, bound % row.aim, row.verdict()]
        name = "%s (%s)" % (row.name, row.note) if row.note else row.name
        lines.append("| %s | %s |" % (name, " | ".join(cells)))
    return "\n".join(lines)


def _cell(row: Row, library: str) -> str:
    if library not in row.values:
        return ""
    value = row.values[library]
    shown = ("%.0f %s" if abs(value) >= 100 else "%.3g %s") % (value, row.unit)
    if library in row.ratios and library != "urllib3":
        shown += ", %.2f x" % row.ratios[library]
    return shown


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    return [{**row._asdict(), "verdict": row.verdict()} for row in rows]


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Bars of each library against raw urllib3, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in rows if len(row["ratios"]) > 1]
    libraries = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    libraries = [name for name in libraries if name != "urllib3"]
    colours = dict(zip(["ultracart", *(n for n in libraries if n != "ultracart")], _COLOURS))
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(rows) * max(2, len(libraries)) ** 0.6))
    height = 0.8 / len(libraries)
    for number, library in enumerate(libraries):
        drawn = [
            (at, row["ratios"][library]) for at, row in enumerate(rows) if library in row["ratios"]
        ]
        places = [at + number * height - 0.4 + height / 2 for at, _ in drawn]
        bars = axes.barh(
            places, [v for _, v in drawn], height, label=library, color=colours[library]
        )
        axes.bar_label(bars, ["%.2f" % v for _, v in drawn], padding=3, fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("cost against raw urllib3 (json.loads for models); left is cheaper")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncol=5, frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})


_COLOURS = ["#1b6ca8", "#e08e45", "#c0524f", "#8f6bb3", "#7a9e57"]
