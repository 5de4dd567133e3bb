"""Draws the pictures of docs/how-to/microscope-to-gpu.md: `python docs/figures/globus.py` writes docs/images/*.svg."""

from __future__ import annotations

from drawing import IMAGES, Drawing


def parts() -> dict[str, str]:
    d = Drawing(900, 440, "The microscope's room, the facility, and Globus in between")
    d.box(20, 150, 340, 274, "In the microscope's room", fill="site", left=True)
    d.box(540, 150, 340, 274, "At the facility", fill="site", left=True)
    d.box(20, 16, 860, 92, "Globus (a service; no file passes through it)", fill="cloud", left=True)
    d.text(450, 66, "Flows: takes one step after the other, for hours if need be", bold=True)
    d.text(450, 90, "tells Transfer to move files, and Compute to run the function", soft=True)
    d.box(40, 192, 120, 60, "microscope", "writes images")
    d.box(185, 192, 155, 60, "mhfd watch", "starts a run a batch")
    d.box(40, 316, 300, 84, "Globus Connect Personal", "makes folders a collection", "flow.source, flow.results")
    d.box(560, 192, 300, 60, "Compute endpoint", "scores them: compute.endpoint")
    d.box(560, 316, 300, 84, "staging folder", "on the facility's collection", "flow.staging")
    d.arrow((265, 192), (265, 108))
    d.text(273, 134, "start, look, find", anchor="start")
    d.arrow((160, 222), (185, 222))
    d.arrow((100, 252), (100, 316))
    d.text(108, 288, "the same folder", anchor="start")
    d.arrow((340, 340), (560, 340))
    d.text(450, 332, "images, with checksums")
    d.arrow((560, 376), (340, 376))
    d.text(450, 394, "a report each")
    d.arrow((710, 316), (710, 252))
    d.text(718, 288, "reads and writes there", anchor="start")
    d.arrow((790, 108), (790, 192), dashed=True)
    d.text(798, 134, "run", anchor="start")
    return {"globus-parts.svg": d.drawn()}


def steps() -> dict[str, str]:
    d = Drawing(900, 266, "What a run does, and how it ends")
    names = [
        ("bring", "images to a", "folder of its own"),
        ("compare", "all as large", "as seen here?"),
        ("score", "on the", "endpoint"),
        ("give back", "one report", "an image"),
        ("clean", "delete that", "folder"),
    ]
    for number, lines in enumerate(names):
        x = 20 + number * 150
        d.box(x, 40, 120, 84, *lines)
        if number:
            d.arrow((x - 30, 82), (x, 82))
        d.arrow((x + 60, 124), (x + 60, 180), dashed=True)
    d.box(770, 40, 110, 84, "done", "every report", "is back", fill="ok")
    d.arrow((740, 82), (770, 82))
    d.box(20, 180, 720, 66, "three tries, a minute apart", "then the folder is cleaned all the same", fill="bad")
    d.box(770, 180, 110, 66, "failed", "says why", fill="bad")
    d.arrow((740, 213), (770, 213))
    d.text(
        450,
        24,
        "Globus knows where a run is: the watch, its machine and the network may go away meanwhile",
        soft=True,
    )
    return {"globus-run.svg": d.drawn()}


if __name__ == "__main__":
    for name, drawn in {**parts(), **steps()}.items():
        (IMAGES / name).write_text(drawn, encoding="utf-8")
