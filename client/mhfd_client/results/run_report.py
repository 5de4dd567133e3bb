"""`mhfd report`: one page about a run that stands alone, to be mailed, printed or kept with the images.

Everything is inside it: pictures, the plot, the settings; nothing is fetched and no script runs. Names of files are
text of strangers: the template escapes everything.
"""

import base64
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import mhfd
from mhfd.contract.estimate import SHORT, Estimate
from mhfd.errors import needing_extra
from mhfd_client.files import write_whole
from mhfd_client.journal.folder import picture_of, thumbnails
from mhfd_client.journal.rows import Outcome, Told
from mhfd_client.journal.view import JournalView
from mhfd_client.printing import printable
from mhfd_client.results import retested
from mhfd_client.results.latency import SPANS, waiting_times
from mhfd_client.results.plot import density_plot, waits_plot
from mhfd_client.results.status import status
from mhfd_client.scoring import learned
from mhfd_client.settings.load import Loaded
from mhfd_client.times import SECOND, iso, utc
from mhfd_client.verdicts.blur import advice
from mhfd_client.verdicts.blur.blur import Blur
from mhfd_client.verdicts.blur.kept import blur_of

MOST_PICTURES: Final = 200  # of about 20 kB each


def write(journal: JournalView, loaded: Loaded, target: Path) -> None:
    """Write the page, whole."""
    write_whole(target.absolute(), render(journal, loaded).encode("utf-8", "backslashreplace"))


def render(journal: JournalView, loaded: Loaded) -> str:
    """The page."""
    with needing_extra("station", "report: the page needs jinja2; run", option=True):
        import jinja2
    told = list(journal.told())
    rows = [one.image for one in told]
    now = status(journal, loaded.settings.names)
    target = loaded.settings.verdict.target_s
    wanted = {item.image for item in now.retake}
    bad = [one for one in told if one.verdict.outcome is not Outcome.IN_FOCUS]
    bad.sort(key=lambda one: (one.image.id not in wanted, one.image.place.key))
    pictures = thumbnails(journal.path.parent)
    said = journal.estimates([one.image.id for one in bad])
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mhfd_client"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"short": SHORT, "spoken": learned.spoken}
    environment.filters |= {"blur": _blur, "printable": printable, "when": lambda ns: f"{utc(ns / 1e9, SECOND)} UTC"}
    page = environment.get_template("run_report.html")
    return page.render(
        status=now,
        judging_lines=[] if now.judging is None else now.judging.lines,
        retest_lines=retested.lines(now.retests),
        outcomes={outcome.value: n for outcome, n in now.outcomes.items()},
        cards=[
            _card(one, pictures if i < MOST_PICTURES else None, said.get(one.image.id, ())) for i, one in enumerate(bad)
        ],
        without=max(0, len(bad) - MOST_PICTURES),
        plot=density_plot(told),
        times=waiting_times(rows, target_s=target),
        spans=SPANS,
        waits=waits_plot(rows, target_s=target),
        settings=_settings(loaded),
        versions=_versions(journal, told),
        made=iso(time.time(), to="seconds"),
        span=_span(told),
    )


def _card(one: Told, pictures: Path | None, estimates: Sequence[Estimate]) -> dict[str, Any]:
    picture, blur = None, blur_of(one.verdict)
    if pictures is not None:
        with suppress(FileNotFoundError):  # what could not be read has none
            data = picture_of(pictures, one.image.id).read_bytes()
            picture = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
    return {
        "path": printable(one.image.path),
        "place": str(one.image.place),
        "outcome": one.verdict.outcome.value,
        "provisional": one.verdict.provisional,
        "sentence": printable(one.verdict.sentence),
        "blur": None if blur is None else _blur(blur),
        "what_to_do": advice.advice(blur) if one.verdict.outcome is Outcome.OUT_OF_FOCUS else None,
        "learned": [printable(words) for words in learned.spoken(estimates)],
        "picture": picture,
    }


def _blur(blur: Blur) -> str:
    return advice.told(blur, "µm")


def _settings(loaded: Loaded) -> list[tuple[str, str, str]]:
    plain = loaded.settings.model_dump(mode="json")
    return [
        (f"{section}.{name}", printable(str(value)), loaded.origins.get(f"{section}.{name}", "default"))
        for section, values in plain.items()
        for name, value in values.items()
    ]


def _versions(journal: JournalView, told: list[Told]) -> dict[str, str]:
    found = {"mhfd": mhfd.__version__, "python": platform.python_version()}
    scored = (one.image.report for one in reversed(told) if one.image.report is not None and one.score.finding == "ok")
    if last := next(filter(None, map(journal.readable_report, scored)), None):
        made = last.provenance
        found |= {"scored by": f"mhfd {made.version}, {made.backend} on {made.device}", **made.versions}
    return found


def _span(told: list[Told]) -> str:
    times = [one.image.whole_ns / 1e9 for one in told]
    if not times:
        return "no image yet"
    return f"{utc(min(times))} to {utc(max(times))} UTC"
