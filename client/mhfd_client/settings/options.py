"""What can be set: one frozen tree of sections, each key with its meaning.

Only the model. Where values come from is `settings`; what they do is the part's that the section is named for.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo

from mhfd.contract.params import Crop, Params
from mhfd.errors import UsageError
from mhfd.limits import Limits, bytes_of, pixels_of
from mhfd_client.settings.models import ModelsSettings
from mhfd_client.settings.section import Positive, Seconds, Section

_USUAL: Final = Limits()


def _said(read: Callable[[str | int], int]) -> Callable[[Any], Any]:
    """What reads a size as people say it; what is neither text nor a whole number is refused by its type."""

    def value(said: Any) -> Any:
        if not isinstance(said, str | int):
            return said
        try:
            return read(said)
        except UsageError as error:
            raise ValueError(str(error)) from None

    return value


class StateSettings(Section):
    """Where the station keeps what it knows. The watched folder itself is never written."""

    dir: Path | None = Field(None, description="the station's own folder, on a local disk; unset: below XDG_STATE_HOME")
    focus_maps: Literal["none", "out_of_focus", "all"] = Field(
        "out_of_focus",
        description="which images' focus maps are written beside their sidecars, each an OME-TIFF of some 7 kB",
    )


class ArrivalSettings(Section):
    """When a file is here, whole, once."""

    mode: Literal["auto", "events", "poll"] = Field(
        "auto", description="`events`: act on change notices; `poll`: only look; `auto`: poll on network file systems"
    )
    settle_s: Seconds = Field(2.0, description="a file is whole when size and mtime have not changed for this long")
    settle_closed_s: Seconds = Field(
        0.3, description="the same, when its writer was seen to close it and its header agrees with its length"
    )
    patience_s: Seconds = Field(
        30.0,
        description="how long a file at rest may be shorter than its header says, or held by another program, before "
        "it is handed on as it is, or reported",
    )
    max_age_s: Positive = Field(3600.0, description="a file that still changes after this long is reported")
    poll_s: Positive = Field(2.0, description="without change notices: time between two listings of the folder")
    list_s: Positive = Field(10.0, description="with change notices: the same, because notices can be lost")
    rescan_s: Positive = Field(
        60.0, description="time between two rescans that also compare size and mtime of every known file"
    )
    patterns: tuple[str, ...] = Field(
        ("*.tif", "*.tiff", "*.png", "*.bmp", "*.jpg", "*.jpeg", "*.mrc"),
        min_length=1,
        description="names that are images, whatever their case",
    )
    ignore: tuple[str, ...] = Field(
        (
            *(".*", "*.tmp", "*.part", "*.partial", "*.filepart", "*.crdownload", "*~", "~$*", "*.mhfd.*"),
            *("*_thumb.*", "*_thumbnail.*", "thumbnail_*", "$RECYCLE.BIN/"),
        ),
        description="names of files and (ending in /) folders that are left alone, whatever their case",
    )
    marker: str | None = Field(
        None,
        pattern=r"^[^/\\]+$",
        description="an ending such as `.done`: a file is whole once a file of its name and this ending is beside it",
    )


class NamesSettings(Section):
    """Section and tile, read from a file's name."""

    preset: Literal[
        "auto",
        "atlas",
        "wafermapper",
        "sbemimage",
        "sbemimage2025",
        "maps",
        "multisem",
        "fastem",
        "micromanager",
        "trakem",
        "render",
        "janelia",
        "temca",
        "zen",
        "hitachi",
        "folders",
        "plain",
        "custom",
    ] = Field("auto", description="how the instrument names files; `auto`: looked up in the folder")
    pattern: str | None = Field(
        None, description="preset `custom`: a regular expression with the group `section` and, if any, `tile`"
    )
    expected: Path | None = Field(
        None, description="what should come: a list of sections (text or CSV), or a MosaicInfo_*.ve-mif of Atlas"
    )

    @model_validator(mode="after")
    def _pattern_with_custom(self) -> NamesSettings:
        if (self.preset == "custom") != (self.pattern is not None):
            raise ValueError("pattern: belongs to preset 'custom'; set both or neither")
        return self


class ImagesSettings(Section):
    """What of a file is image, and how large it may be where it is scored on this machine."""

    crop: str | None = Field(
        None,
        description="what to leave off at each side, in pixels, instead of a data bar: `bottom=77`, `top=10,left=4`; "
        "`bottom=0`: nothing, there is no bar; unset: a data bar, where the instrument is known to draw one",
    )

    max_bytes: Annotated[int, BeforeValidator(_said(bytes_of)), Field(ge=1)] = Field(
        _USUAL.max_bytes, description="size of a file: `8GB`, `512MiB` or a number of bytes; an endpoint has its own"
    )
    max_pixels: Annotated[int, BeforeValidator(_said(pixels_of)), Field(ge=1)] = Field(
        _USUAL.max_pixels, description="pixels of an image: `50000x50000` or their number; an endpoint has its own"
    )
    max_held_pixels: Annotated[int, BeforeValidator(_said(pixels_of)), Field(ge=1)] = Field(
        _USUAL.max_held_pixels,
        description="the same for what cannot be read row by row (PNG, JPEG, a TIFF of one compressed strip): it is "
        "in memory whole, and `runner.memory_gb` follows",
    )

    @field_validator("crop")
    @classmethod
    def _crop_holds(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                Crop.of(text)
            except UsageError as error:
                raise ValueError(str(error).removeprefix("crop: ")) from None
        return text


class ScoreSettings(Section):
    """How images are scored."""

    preset: Literal["robust", "paper_text", "paper_code"] = Field("robust", description="the detector's parameters")
    params: dict[str, Any] = Field(
        default_factory=dict, description="single parameters that differ from the preset (n, min_t, threshold, ...)"
    )
    device: Literal["auto", "cpu", "gpu"] = Field("auto", description="`auto`: a GPU where one is, else the CPU")
    threads: int | None = Field(None, ge=1, le=1024, description="threads of one worker; unset: its share")

    @model_validator(mode="after")
    def _params_hold(self) -> ScoreSettings:
        for name in self.params:
            if name not in Params.model_fields:
                raise ValueError(f"params.{name}: there is no such parameter{nearest(name, Params.model_fields)}")
        try:
            self.resolved()
        except UsageError as error:
            raise ValueError(f"params.{error}") from None
        return self

    def resolved(self) -> Params:
        """The parameters of the preset, with the single ones laid over."""
        return Params.checked(**{**Params.preset(self.preset).model_dump(), **self.params})


class RunnerSettings(Section):
    """Who does the scoring."""

    kind: Literal["local", "compute", "flow"] = Field(
        "local",
        description="`local`: worker processes on this machine; `compute`: an endpoint of Globus Compute that sees the "
        "images; `flow`: one that a Globus flow brings them to",
    )
    workers: int | None = Field(None, ge=1, le=256, description="worker processes; unset: chosen from the processors")
    deadline_s: Positive = Field(120.0, description="an image that takes longer is taken from its worker")
    memory_gb: float | None = Field(
        None,
        ge=0.1,
        le=1000,
        description="what a worker may take for an image; unset: what the largest that is read needs, 7.8, or less "
        "where all workers together would take more than three quarters of the machine's memory",
    )
    attempts: int = Field(
        3, ge=1, le=20, description="tries before an image is set aside, named; two at most where it takes too long"
    )
    backoff_s: Seconds = Field(1.0, description="wait before the second try; doubled with each further one")


class ComputeSettings(Section):
    """Scoring on an endpoint of Globus Compute, with `runner.kind = "compute"`."""

    endpoint: str | None = Field(None, description="id of the endpoint")
    map: tuple[str, ...] = Field(
        (), description="what the endpoint calls our folders, as `/mnt/sem=/eagle/sem`; empty: the same names there"
    )
    function: str | None = Field(
        None, description="id of the registered function, where the facility names one; unset: found or registered"
    )
    user_endpoint_config: dict[str, Any] = Field(
        default_factory=dict, description="what the endpoint lets a user choose, such as `warm_minutes`"
    )
    batch: int = Field(32, ge=1, le=512, description="images of one task, at most; one at a time when nothing waits")
    tasks: int = Field(4, ge=1, le=64, description="tasks that are out at once: two for each GPU keep it busy")
    meanwhile_s: Seconds | None = Field(
        None, description="score on this machine when the endpoint has been away for so long; unset: wait for it"
    )
    poll_s: float = Field(
        0.02, ge=0.01, le=5, description="how often results are looked for; the Globus Compute SDK's own is 0.5"
    )


class FlowSettings(Section):
    """Scoring with runs of a Globus flow, with `runner.kind = "flow"`; the endpoint and function are `compute`'s."""

    id: str | None = Field(None, description="id of the flow, as `mhfd flow deploy` prints it")
    source: str | None = Field(None, description="id of the collection that has the images")
    source_here: Path | None = Field(
        None, description="a folder of this machine, above the watched one or the same, that this collection shows"
    )
    source_path: str = Field("/", description="what the collection calls that folder")
    results: str | None = Field(None, description="id of the collection that reports come back to; unset: the source")
    results_here: Path | None = Field(
        None, description="a folder of this machine, not below the watched one, that reports come back to"
    )
    results_path: str = Field("/", description="what the collection calls that folder")
    staging: str | None = Field(None, description="id of the endpoint's collection")
    staging_path: str = Field("/", description="a folder on it that each run makes its own in")
    staging_root: str | None = Field(None, description="the same folder, as the endpoint sees it")
    mapped: tuple[str, ...] = Field(
        (), description="those of these collections that are mapped: a login has to name them"
    )
    user_endpoint_config: dict[str, Any] = Field(
        default_factory=dict, description="what a multi-user endpoint lets a user choose"
    )
    batch: int = Field(
        512, ge=1, le=512, description="images of one run, at most; so many go at once, or 256 when no more wait"
    )
    wait_s: Seconds = Field(30.0, description="fewer go when the first of them has waited for so long")
    runs: int = Field(
        12, ge=1, le=24, description="runs that are out at once; Globus moves three transfers of a person, others wait"
    )
    poll_s: float = Field(
        5.0, ge=0.05, le=600, description="how soon a run is first looked at; then ever more rarely, up to a minute"
    )
    late_s: Positive = Field(900.0, description="a run that is in one of its steps for so long is reported")


class VerdictSettings(Section):
    """When an image is called out of focus."""

    threshold: float = Field(
        0.75,
        gt=0,
        lt=1,
        description="where blur cannot be told: an image with less than this part of the expected density is out of "
        "focus",
    )
    side_threshold: float = Field(
        0.65, gt=0, lt=1, description="the same for one side of it: a tilted section, or one blurred in part"
    )
    cross_spectrum_threshold: float = Field(
        0.6, gt=0, lt=1, description="the same for the cross-spectrum, which dose and contrast do not change"
    )
    blur_px: float = Field(
        1.15,
        gt=0,
        le=20,
        description="an image that is blurred by so many pixels (radius of a disc) more than the sharp images near "
        "it is out of focus; `mhfd tolerance` proposes one from your labels",
    )
    k_sigma: float = Field(
        4.0,
        gt=0,
        le=100,
        description="where sharp images vary much, a threshold is this many robust standard deviations below the "
        "expected, if that is lower",
    )
    neighbours: int = Field(15, ge=3, le=1000, description="nearest images in focus that make up the baseline")
    young: int = Field(6, ge=3, le=1000, description="images needed before there is a baseline")
    confirm: int = Field(3, ge=1, le=100, description="sharp images that the operator is asked to confirm")
    follow: bool = Field(True, description="the baseline follows the tissue's density, within `max_below_anchor`")
    max_below_anchor: float = Field(
        0.25, gt=0, lt=1, description="how far below the anchor the baseline may go; beyond: a drift alert"
    )
    pixel_nm: float | None = Field(
        None,
        gt=0,
        le=1e9,
        description="size of a pixel of images whose files do not say it, in nm: where all of a run have one",
    )
    calibration: Path | None = Field(
        None,
        description="the file that `mhfd calibrate` wrote: verdicts say how far out of focus a blurred image is, where "
        "it applies",
    )
    target_s: Positive = Field(
        60.0, description="a verdict should be there so long after a file is whole; page and report show what was later"
    )


class AlertSettings(Section):
    """What rings, and where. A 0 turns a rule off."""

    out_of_focus: int = Field(4, ge=0, le=100, description="ring when so many of the last `of_last` are out of focus")
    of_last: int = Field(6, ge=1, le=100, description="how many images that looks back")
    unusable: int = Field(
        4,
        ge=0,
        le=100,
        description="ring when so many of the last `of_last` (or all) are incomplete, unreadable, blank or saturated",
    )
    drift: bool = Field(True, description="ring when images in focus have left the anchor")
    missing: int = Field(1, ge=0, le=1000, description="ring when so many sections are missing that the run has passed")
    missing_lag: int = Field(
        2,
        ge=1,
        le=1000,
        description="a section is missing once so many later ones have begun, more where sections come out of order",
    )
    missing_s: Seconds = Field(
        60.0, description="and the first of these has been here for so long: files become whole in another order"
    )
    unanswered_s: Seconds = Field(
        1800.0, description="ring when the station's question has stood for so long without an answer"
    )
    silence_s: Seconds = Field(900.0, description="ring when no new image has come for so long while a run is on")
    backlog_s: Seconds = Field(600.0, description="ring when an image has waited so long for its verdict")
    disk_gb: float = Field(
        5.0, ge=0, le=1e6, description="ring when less is free where the state or the watched folder is"
    )
    champion: bool = Field(
        True,
        description="ring when most images are unlike what the champion was taught with, where tests are set "
        "(`models.retest_every`)",
    )
    lens: bool = Field(
        True, description="ring when a person is asked to see to the lens; `mhfd watch --adjust` alone asks"
    )
    gone_s: Seconds = Field(30.0, description="ring when the folder or the workers have been gone for so long")
    calm_s: Positive = Field(
        120.0, description="what rang is over after so long without it: at most one alert and one recovery a rule in it"
    )
    each: bool = Field(False, description="tell of each image that fails, by itself, once a minute at most")
    digest: bool = Field(
        True, description="when a wafer ends, tell what to take again before it is unloaded, and what may go on"
    )
    idle_s: Seconds = Field(
        600.0, description="no image for so long is a wafer's end (0: only what was expected, and the watch's own, is)"
    )
    webhook: SecretStr | None = Field(
        None, description="address that gets each alert as JSON; `${NAME}` stands for an environment variable"
    )
    webhook_headers: tuple[SecretStr, ...] = Field(
        (), description="sent along, as in `Authorization: Bearer ${NAME}`; a value must come from the environment"
    )
    command: tuple[str, ...] = Field(
        (), description="program and arguments that get each alert as JSON on standard input; no shell"
    )
    timeout_s: Annotated[float, Field(ge=1, le=600)] = Field(
        15.0, description="a webhook or command that takes longer has failed, and is tried again later"
    )

    @model_validator(mode="after")
    def _counts_hold(self) -> AlertSettings:
        if self.out_of_focus > self.of_last:
            raise ValueError(f"out_of_focus: cannot be more than of_last ({self.of_last})")
        return self


class GlobusSettings(Section):
    """Who this station is to Globus. A secret is never a setting: it comes from the environment or a file."""

    client_id: str | None = Field(
        None, description="id of the application that was registered with Globus for logging in; no secret"
    )
    secret_file: Path | None = Field(
        None, description="a file with that application's secret, readable by its owner only: nobody needs to log in"
    )
    tokens: Path | None = Field(
        None, description="the file that keeps the login, for its owner only; unset: mhfd/login below XDG_STATE_HOME"
    )


class Settings(Section):
    """All of them."""

    state: StateSettings = StateSettings()
    arrival: ArrivalSettings = ArrivalSettings()
    names: NamesSettings = NamesSettings()
    images: ImagesSettings = ImagesSettings()
    score: ScoreSettings = ScoreSettings()
    runner: RunnerSettings = RunnerSettings()
    compute: ComputeSettings = ComputeSettings()
    flow: FlowSettings = FlowSettings()
    verdict: VerdictSettings = VerdictSettings()
    alerts: AlertSettings = AlertSettings()
    models: ModelsSettings = ModelsSettings()
    globus: GlobusSettings = GlobusSettings()

    def limits(self) -> Limits:
        """How large images of this machine's may be."""
        said = self.images
        return Limits(
            max_bytes=said.max_bytes,
            max_pixels=said.max_pixels,
            max_held_pixels=said.max_held_pixels,
            raised_by="raise images.{name} in the settings",
        )

    def params(self) -> Params:
        """What images are scored with."""
        params = self.score.resolved()
        crop = self.images.crop
        return params if crop is None else params.model_copy(update={"crop": Crop.of(crop)})


def keys() -> dict[str, FieldInfo]:
    """Every dotted key with its field, in the order of the sections."""
    found: dict[str, FieldInfo] = {}
    for section, info in Settings.model_fields.items():
        assert isinstance(info.annotation, type) and issubclass(info.annotation, Section)  # noqa: S101, PT018 - for mypy
        found |= {f"{section}.{name}": field for name, field in info.annotation.model_fields.items()}
    return found


def variable(key: str) -> str:
    """The environment variable of a dotted key: `arrival.settle_s` is MHFD_ARRIVAL_SETTLE_S."""
    return "MHFD_" + key.replace(".", "_").upper()


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a refusal: the name that was probably meant, else all there are."""
    names = sorted(names)
    near = difflib.get_close_matches(name, names, 1, 0.75)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names)}"
