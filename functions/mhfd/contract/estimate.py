"""What a learned package says of one image. It stands beside a verdict and changes none.

A value of its own, never a `FocusReport`: a learned number that came home as one would be taken for a measurement of
mhfd's. Unknown is null; who does not know says in `refusal` why. It never travels as part of a report.
"""

import base64
import json
import math
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field, model_validator

from mhfd.contract.base import Wire

DIGEST: Final = r"^[0-9a-f]{64}$"
LONGEST: Final = 500
"""Characters of a refusal."""
UNLIKE: Final = "the image is unlike all that it was taught with"
"""How a refusal begins that says so: what drifts is told by it."""
SHORT: Final = 4
"""Characters of a package's digest that tell it from others of its title, for a person."""


class Estimate(Wire):
    """What one package says of one image: a radius, a cause, how sure it is; or why it says nothing.

    `radius_px` is of the image's blur, in its own pixels, `sd` how far the truth may be from it (a standard deviation).
    `p` is how likely `cause` is; without a cause, how likely the image is out of focus.
    """

    schema_version: Literal[1] = 1
    package: str = Field(pattern=DIGEST, description="sha256 of the package's sorted manifest")
    title: str = Field(max_length=100, description="what people call the package; no other one's identity")
    image: str | None = Field(None, pattern=DIGEST, description="sha256 of the file; null: it was not hashed")
    radius_px: float | None = Field(None, ge=0)
    sd: float | None = Field(None, ge=0)
    cause: str | None = Field(None, max_length=40)
    p: float | None = Field(None, ge=0, le=1)
    refusal: str | None = Field(
        None, max_length=LONGEST, description="why nothing is said, in words; null: something is"
    )
    ms: float | None = Field(None, ge=0, description="what it took, features and model")
    far: float | None = Field(
        None,
        ge=0,
        description="how far the image's spectrum in rings lies from those of what the package was taught with; 1 is "
        "the edge. It is said of a refusal too; null: nobody knows it",
    )

    @model_validator(mode="after")
    def _says_or_refuses(self) -> "Estimate":
        said = [value for value in (self.radius_px, self.sd, self.cause, self.p) if value is not None]
        if said and self.refusal is not None:
            raise ValueError("an estimate that refuses says nothing else: leave out radius_px, sd, cause and p")
        if not said and self.refusal is None:
            raise ValueError("an estimate that says nothing says why: give its refusal")
        return self

    @property
    def speaker(self) -> str:
        """Which package spoke, for a person."""
        return f"{self.title} {self.package[:SHORT]}"

    @property
    def range_px(self) -> tuple[float, float] | None:
        """Where the radius lies, by one standard deviation; never below 0.

        By the ratio of radius + 1/2, as it is learned: of a sharp image the ratio of the radius itself has no end.
        """
        if self.radius_px is None or self.sd is None:
            return None
        shifted = self.radius_px + 0.5
        ratio = math.exp(min(self.sd / shifted, 50.0))
        return max(shifted / ratio - 0.5, 0.0), shifted * ratio - 0.5

    @property
    def words(self) -> str:
        """What it says and who says it, in one line."""
        if self.refusal is not None:
            return f"{self.speaker} says nothing: {self.refusal}"
        said = []
        if self.radius_px is not None:
            between = self.range_px
            spread = "" if between is None else f" ({between[0]:.1f} to {between[1]:.1f})"
            said.append(f"radius {self.radius_px:.1f} px{spread}")
        sure = "" if self.p is None else likely(self.p)
        if self.cause is not None:
            said.append(f"cause: {self.cause.replace('_', ' ')}" + (f" ({sure})" if sure else ""))
        elif self.p is not None:
            said.append(f"out of focus: {sure}")
        return f"{', '.join(said)}, says {self.speaker}"


def likely(p: float) -> str:
    """A probability, for a person: `p .83`."""
    return f"p {p:.2f}".replace("p 0.", "p .")


@dataclass(frozen=True, slots=True)
class EstimateMade:
    """An estimate with what its package was shown: float32 in the order of its recipe, little-endian; or nothing."""

    estimate: Estimate
    features: bytes | None = None

    @classmethod
    def silent(cls, package: str, title: str, why: str, image: str | None) -> "EstimateMade":
        """Of a package that was not asked about an image, or did not answer."""
        return cls(Estimate(package=package, title=title, image=image, refusal=why[:LONGEST]))

    def to_json(self) -> str:
        """One line."""
        shown = None if self.features is None else base64.b64encode(self.features).decode()
        return json.dumps({"estimate": self.estimate.model_dump(mode="json"), "features": shown})

    @classmethod
    def of_json(cls, line: str | bytes) -> "EstimateMade":
        """The same again. ValueError where it is none."""
        plain = json.loads(line)
        if not isinstance(plain, dict) or set(plain) != {"estimate", "features"}:
            raise ValueError("an estimate comes as {estimate, features}")
        shown = plain["features"]
        return cls(Estimate.model_validate(plain["estimate"]), None if shown is None else base64.b64decode(shown))
