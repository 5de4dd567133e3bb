"""The chart of a run over its sections: blur with its intervals and the tolerance, or density of features on a log axis
with anchor and threshold band; and where the focus drifts.

Only the drawing, made of a charting library's parts. It comes without data: the page's script fills the sources by
name as images come, and thins what would lie on top of each other.
"""

from typing import Any, Final, Literal

from bokeh.embed import json_item
from bokeh.models import BasicTickFormatter, ColumnDataSource, HoverTool, LogTicker, Range1d, TapTool
from bokeh.plotting import figure

Measure = Literal["blur", "density"]
_UP: Final[dict[Measure, str]] = {
    "blur": "blur beyond its neighbours, px",
    "density": "features per megapixel of tissue",
}
COLOURS: Final = {
    "light": {
        "ink": "#3a3f46",
        "grid": "#e3e6ea",
        "band": "#8c96a3",
        "anchor": "#007a55",
        "drift": "#b3400a",
        "cursor": "#111111",
    },
    "dark": {
        "ink": "#c3c9d1",
        "grid": "#2b3138",
        "band": "#8c96a3",
        "anchor": "#3fd6a0",
        "drift": "#ff8a50",
        "cursor": "#ffffff",
    },
}


def item(scheme: str, *, axis: str, measure: Measure = "density") -> dict[str, Any]:
    """The chart as JSON for the library's own loader. `scheme`: light or dark; `axis`: what x is; `measure`: y."""
    colours = COLOURS.get(scheme, COLOURS["light"])
    plot = bare(
        colours,
        y_axis_type="log" if measure == "density" else "linear",
        height=320,
        tools="xpan,xwheel_zoom",
        active_drag="xpan",
        x_range=Range1d(start=0, end=1, name="across"),
        y_range=Range1d(start=100, end=10000, name="up"),
        x_axis_label=axis,
        y_axis_label=_UP[measure],
        lod_threshold=None,
    )
    if measure == "density":
        plot.yaxis.ticker = LogTicker(mantissas=[1, 2, 5], num_minor_ticks=0, desired_num_ticks=5)
    plot.yaxis.formatter = BasicTickFormatter(use_scientific=False)

    drift = source("drift", "left", "right", "low", "high")
    plot.quad(
        "left", "right", "high", "low", source=drift, fill_color=colours["drift"], fill_alpha=0.12, line_color=None
    )
    band = source("band", "x", "low", "high")
    plot.varea("x", "low", "high", source=band, fill_color=colours["band"], fill_alpha=0.25)
    plot.line("x", "low", source=band, line_color=colours["band"], line_width=1.5)
    anchor = source("anchor", "x0", "x1", "y")
    plot.segment("x0", "y", "x1", "y", source=anchor, line_color=colours["anchor"], line_width=2, line_dash="dashed")
    tolerance = source("tolerance", "x0", "x1", "y")
    plot.segment("x0", "y", "x1", "y", source=tolerance, line_color=colours["drift"], line_width=2, line_dash="dotted")
    whiskers = source("whiskers", "x", "low", "high", "colour")
    plot.segment("x", "low", "x", "high", source=whiskers, line_color="colour", line_alpha=0.55, line_width=1.5)
    missing = source("missing", "x", "y", "place")
    plot.scatter("x", "y", source=missing, marker="dash", angle=1.5708, size=9, line_color=colours["ink"], line_width=2)
    confirmed = source("confirmed", "x", "y")
    plot.scatter("x", "y", source=confirmed, size=15, fill_color=None, line_color=colours["anchor"], line_width=2)
    points = source("points", "x", "y", "id", "place", "said", "number", "colour", "fill", "marker", "size")
    dots = plot.scatter(
        "x",
        "y",
        source=points,
        marker="marker",
        size="size",
        fill_color="colour",
        line_color="colour",
        fill_alpha="fill",
        line_width=1.5,
    )
    dots.selection_glyph = dots.nonselection_glyph = None
    cursor = source("cursor", "x", "y")
    plot.scatter("x", "y", source=cursor, marker="square", size=18, fill_color=None, line_color=colours["cursor"])
    plot.add_tools(
        TapTool(renderers=[dots]),
        HoverTool(
            renderers=[dots], tooltips=[("", "@place"), ("", "@said"), ("", "@number")], point_policy="snap_to_data"
        ),
    )
    return dict(json_item(plot))


def bare(colours: dict[str, str], **options: Any) -> figure:
    """A drawing without anything in it, in the scheme's colours. `options`: the charting library's."""
    plot = figure(
        sizing_mode="stretch_width",
        toolbar_location=None,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_right=12,
        **options,
    )
    for line in (plot.xaxis, plot.yaxis):
        line.axis_label_text_color = line.major_label_text_color = colours["ink"]
        line.axis_line_color = line.major_tick_line_color = colours["grid"]
        line.minor_tick_line_color = None
        line.axis_label_text_font_style = "normal"
    plot.grid.grid_line_color = colours["grid"]
    return plot


def source(name: str, *columns: str) -> ColumnDataSource:
    """Columns without data, which the page's script fills by this name."""
    return ColumnDataSource({column: [] for column in columns}, name=name)
