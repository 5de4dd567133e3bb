"""The chart of where the time of the last images went: a bar an image, a colour a span, the operator's target.

Only the drawing, made of a charting library's parts. It comes without data: the page's script fills the sources.
"""

from typing import Any

from bokeh.embed import json_item
from bokeh.models import HoverTool, Range1d, TapTool

from mhfd_client.page.chart import COLOURS, bare, source
from mhfd_client.results.latency import SPANS


def item(scheme: str) -> dict[str, Any]:
    """The chart as JSON for the library's own loader. `scheme`: light or dark."""
    inks = COLOURS.get(scheme, COLOURS["light"])
    plot = bare(
        inks,
        height=180,
        tools="",
        x_range=Range1d(start=-0.5, end=0.5, name="waits-across"),
        y_range=Range1d(start=0, end=1, name="waits-up"),
        y_axis_label="seconds to the verdict",
    )
    plot.xaxis.visible = False
    plot.xgrid.grid_line_color = None
    bars = source("waits", "x", "id", "place", "said", *SPANS)
    drawn = plot.vbar_stack(
        list(SPANS), x="x", width=0.85, source=bars, color=[span.colour for span in SPANS.values()], line_color=None
    )
    for glyph in drawn:
        glyph.selection_glyph = glyph.nonselection_glyph = None
    target = source("target", "x0", "x1", "y")
    plot.segment("x0", "y", "x1", "y", source=target, line_color=inks["drift"], line_width=2, line_dash="dashed")
    plot.add_tools(
        TapTool(renderers=[*drawn]),
        HoverTool(renderers=[*drawn[-1:]], tooltips=[("", "@place"), ("", "@said")], mode="vline"),
    )
    return dict(json_item(plot))
