"""Draws docs/images/architecture.svg, the road of one image: `python docs/figures/architecture.py`.

`FOLDERS` is what a test holds to the tree: a step that gets a folder, or one that is renamed, fails it.
"""

from __future__ import annotations

from typing import Final

from drawing import IMAGES, Drawing

STATION: Final = "client/mhfd_client"
LIBRARY: Final = "functions/mhfd"
STEPS: Final = (
    ("1", "Is it whole?", "arrival", "looks until it is"),
    ("2", "Write it down", "journal", "in journal.db"),
    ("3", "Score it", "runners", "one of three ways"),
    ("4", "Judge it", "verdicts", "by its neighbours"),
    ("5", "Tell of it", "results", "a sidecar each"),
)
"""What the station does with an image, in its order: number, words, folder, and what one sees of it."""
WAYS: Final = (
    ("3b", "brought by a flow", "flow"),
    ("3a", "seen by an endpoint", "compute"),
    ("", "on this machine", "runners"),
)
"""Who scores; the number as the folder's own docstring has it."""
SCORING: Final = (
    ("Take the request", "remote"),
    ("Read the file", "images"),
    ("Find features", "detector"),
    ("Measure", "measure"),
    ("Report", "contract"),
)
PEOPLE: Final = ("page", "alerts", "commands")
FOLDERS: Final = (
    *(f"{STATION}/{folder}/" for _, _, folder, *_ in (*STEPS, *WAYS)),
    *(f"{STATION}/{folder}/" for folder in ("station", *PEOPLE)),
    *(f"{LIBRARY}/{folder}/" for _, folder in SCORING),
)


def road() -> dict[str, str]:
    """The picture, by its name."""
    d = Drawing(960, 490, "The road of one image: from the microscope to what people are told")
    d.box(
        16, 16, 928, 280, f"At the microscope ({STATION}): station/ goes round these five steps", fill="site", left=True
    )
    d.box(16, 342, 928, 132, fill="cloud")
    d.text(28, 462, f"Where it is scored ({LIBRARY}): a library that knows no Globus", anchor="start", bold=True)
    d.box(32, 62, 108, 84, "microscope", "writes a file")
    for place, (number, words, folder, seen) in enumerate(STEPS):
        x = 170 + 156 * place
        d.box(x, 62, 132, 84, f"{number} {words}", f"{folder}/", seen)
        d.arrow((140 if place == 0 else x - 24, 104), (x, 104))
    for place, (_, words, folder) in enumerate(WAYS):
        x = 196 + 188 * place
        d.box(x, 202, 168, 76, words, f"{folder}/")
        d.arrow((548, 146), (548, 174), (x + 84, 174), (x + 84, 202))
    d.box(796, 202, 132, 76, "people", "page/ alerts/", "commands/")
    d.arrow((862, 146), (862, 202))
    for place, (words, folder) in enumerate(SCORING):
        x = 36 + 182 * place
        d.box(x, 364, 150, 72, words, f"{folder}/")
        if place:
            d.arrow((x - 32, 400), (x, 400))
    d.arrow((280, 278), (280, 312), (111, 312), (111, 364))
    d.arrow((468, 278), (468, 312), (111, 312), (111, 364))
    d.text(119, 334, "names of files, in JSON", anchor="start")
    d.arrow((656, 278), (656, 326), (293, 326), (293, 364))
    d.arrow((776, 364), (776, 174), (704, 174), (704, 146))
    d.text(784, 330, "the report comes back", anchor="start")
    return {"architecture.svg": d.drawn()}


if __name__ == "__main__":
    for name, drawn in road().items():
        (IMAGES / name).write_text(drawn, encoding="utf-8")
