"""What may be set about learned packages. Only the model, as in `options`."""

from pathlib import Path

from pydantic import Field, field_validator

from mhfd_client.settings.section import Positive, Section


class ModelsSettings(Section):
    """Learned packages: what they say stands beside a verdict and changes none. Needs the extra `models`."""

    use: tuple[str, ...] = Field(
        ("champion", "shipped"),
        description="which are asked about each image that this machine scores: `champion` (of each task, where one "
        "was promoted), `shipped` (radius and cause, which come with mhfd), names as `mhfd models list` has them, or "
        "folders; `none` or empty: none. Without the extra `models` the first two words mean none",
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

    @field_validator("use")
    @classmethod
    def _none(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if "none" in names and len(names) > 1:
            raise ValueError("`none` stands alone: leave it out, or the others")
        return () if names == ("none",) else names
