"""What may be set about learned packages. Only the model, as in `options`."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from mhfd.contract.assessing import InstrumentName, no_instrument
from mhfd_client.settings.section import Positive, Section


class ModelsSettings(Section):
    """Learned packages: what they say stands beside a verdict and changes none. Needs the extra `models`."""

    use: tuple[str, ...] = Field(
        ("champion", "shipped"),
        description="which are asked about each image that this machine scores: `champion` (of each task, where one "
        "was promoted), `challenger` (of each task, where there is one), `shipped` (radius and cause, which come with "
        "mhfd), names as `mhfd models list` has them, or folders; `none` or empty: none. Without the extra `models` "
        "these three words mean none",
    )
    instrument: InstrumentName | None = Field(
        None,
        description="the microscope here, as the groups of its images have it: who is champion and challenger is asked "
        "of it, and a package of other microscopes is refused; unset or `none`: of no microscope in particular",
    )
    deadline_s: Positive = Field(
        10.0,
        description="a package that takes longer over an image is stopped; the image keeps its report and verdict",
    )
    home: Path | None = Field(
        None, description="where your packages and their champions are; unset: mhfd/models below XDG_STATE_HOME"
    )
    miss_cost: float = Field(
        20.0,
        gt=0,
        le=1e6,
        description="so many false alarms a bad image costs that nobody saw, when `mhfd evaluate` decides",
    )
    prevalence: float = Field(
        0.03, gt=0, lt=1, description="the part of bad images in your runs, when `mhfd evaluate` decides"
    )
    library: str | None = Field(
        None,
        pattern=r"^/.*",
        description="the folder of the library far away, as the endpoint names it: what is tested there is compared "
        "with its packages; unset: only the champion that is here can be tested, by this machine",
    )
    retest_every: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="after so many judged images the last one goes to who tests whether the champion still is what it "
        "was; 0: never",
    )
    retest_by: Literal["local", "compute", "flow"] = Field(
        "local",
        description="who tests: this machine, the endpoint of `compute.endpoint`, which sees the image by "
        "`compute.map`, or a flow that brings it there",
    )
    retest_folder: Path | None = Field(
        None,
        description="where the image of a test is laid, with its label; with `compute` the endpoint has to see it, "
        "with `flow` it lies below `flow.source_here` and not in the watched folder; unset: `retests` in the state "
        "folder",
    )
    retest_window: int = Field(
        20, ge=2, le=10_000, description="so many of the champion's last estimates say whether the run drifts"
    )
    retest_share: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="where more than this part of their images lies beyond all that the champion was taught with, by "
        "its own refusal or by the rings of the image, it is tested once more, and not again before half of that is "
        "left",
    )

    @field_validator("instrument", mode="before")
    @classmethod
    def _no_microscope(cls, name: Any) -> Any:
        if isinstance(name, str) and name != "none" and (why := no_instrument(name)) is not None:
            raise ValueError(why)
        return None if name == "none" else name

    @field_validator("use")
    @classmethod
    def _none(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if "none" in names and len(names) > 1:
            raise ValueError("`none` stands alone: leave it out, or the others")
        return () if names == ("none",) else names
