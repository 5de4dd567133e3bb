"""What a package says of itself: what it is for, what it was taught with, and how well it did.

Only the words and numbers; which files they lie in is `folder`'s. A card is read from strangers: every text and list
in it has a limit.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from mhfd.contract.base import Wire

CARD_VERSION: Final = 2
"""2 is of a network, which a mhfd that knows cards of 1 alone could not ask; what takes features is written as 1."""
CARD_VERSIONS: Final = (1, CARD_VERSION)
"""Those that are read."""

ModelTask = Literal["focus", "cause", "adjust", "denoise", "segment"]
"""What a package may be for. A task has one champion."""

TASKS: Final[tuple[ModelTask, ...]] = ("focus", "cause", "adjust", "denoise", "segment")

ASKED_ELSEWHERE: Final[Mapping[ModelTask, str]] = MappingProxyType(
    {
        "adjust": "says where the focus lies, of a pair of images: `mhfd propose` asks it",
        "denoise": "makes a picture of an image, and judges none: `mhfd models apply` asks it",
        "segment": "makes a picture of an image, and judges none: `mhfd models apply` asks it",
    }
)
"""What a package does that says nothing of one image, and who asks it."""

UNKNOWN_LICENCE: Final = "unknown, not for sharing"
"""Of data of which nobody said it."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A sha256, as hexadecimal digits."""

Line = Annotated[str, Field(min_length=1, max_length=500)]
Word = Annotated[str, Field(min_length=1, max_length=120)]


NetworkOutput = Literal["said", "map"]
"""What a network gives: numbers of the whole image, and the same of each place of a grid."""

NETWORK_OUTPUTS: Final[tuple[NetworkOutput, ...]] = ("said", "map")
"""In their order."""


class NetworkRecipe(Wire):
    """What a model is that takes pixels in place of features, and how far it was trained."""

    channels: int = Field(ge=1, le=16, description="of an image; one: grey")
    multiple: int = Field(64, ge=1, le=256, description="the sides of what it is given are multiples of this")
    grid: int = Field(64, ge=1, le=256, description="pixels a side of a place of its map")
    gives: tuple[NetworkOutput, ...] = Field(min_length=1, description="in this order")
    normalisation: Line = Field(description="what is done to the pixels of an image before")
    parameters: int = Field(ge=1, description="numbers that were learned")
    steps: int = Field(ge=0, description="of the training")
    images_seen: int = Field(ge=0, description="in all steps together, copies with them")
    outline: tuple[Word, ...] = Field((), max_length=256, description="the numbers of an image that the reach is of")

    @model_validator(mode="after")
    def _in_order(self) -> "NetworkRecipe":
        if self.gives != tuple(name for name in NETWORK_OUTPUTS if name in self.gives):
            raise ValueError(f"gives: these, each once and in this order: {', '.join(NETWORK_OUTPUTS)}")
        return self


class Recipe(Wire):
    """How a model was made, and what it is given: enough to make the same again.

    A model takes features of an image, or a network the image itself: then nothing is said of features.
    """

    learner: Word
    families: tuple[Word, ...] = Field((), max_length=64, description="the families of features")
    names: tuple[Word, ...] = Field((), max_length=4096, description="the features, in the model's order")
    features_version: int = 0
    method_version: int = Field(0, description="the METHOD_VERSION of the reports that features were taken from")
    preparation: tuple[Word, ...] = Field((), max_length=64, description="what was done to the pixels before")
    baseline: bool = Field(False, description="features are what remains over the group's sharp images")
    says: tuple[Word, ...] = Field(min_length=1, max_length=256, description="what the model's columns are, in order")
    chosen: dict[Word, float] = Field({}, max_length=256, description="what was chosen inside the fold")
    balance: Literal["weights", "sampling", "none"] = "none"
    network: NetworkRecipe | None = Field(None, description="not there: it takes features")

    @property
    def takes(self) -> Literal["features", "image"]:
        """What the model is given."""
        return "features" if self.network is None else "image"

    @model_serializer(mode="wrap")
    def _without_network(self, dumped: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What takes features says nothing of networks: its text, and so its name, is as it always was."""
        said: dict[str, Any] = dumped(self)
        if self.network is None:
            said.pop("network", None)
        return said

    @model_validator(mode="after")
    def _one_of_both(self) -> "Recipe":
        of_features = ("families", "names", "features_version", "method_version", "preparation", "baseline")
        if self.network is None:
            if not self.names:
                raise ValueError("names: a model that takes features names one at least")
        elif given := [name for name in of_features if getattr(self, name)]:
            raise ValueError(f"{given[0]}: a network takes the image itself, and no features")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> "Recipe":
        for what in ("names", "says"):
            names = getattr(self, what)
            if len(set(names)) != len(names):
                raise ValueError(f"{what}: a name is there twice")
        return self


class Reach(Wire):
    """How far from what it was taught a model may be asked: the distance of a row of its input, or of an outline of it.

    That is the root of the mean of ((x - center) / spread) ** 2 over the features. `low` and `high`: what each of them
    has to lie between, however near the others are.
    """

    center: tuple[float, ...] = Field(max_length=4096)
    spread: tuple[float, ...] = Field(max_length=4096)
    far: float = Field(gt=0, description="beyond it the model has nothing to say")
    low: tuple[float, ...] | None = Field(None, max_length=4096)
    high: tuple[float, ...] | None = Field(None, max_length=4096)

    @model_serializer(mode="wrap")
    def _without_limits(self, dumped: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What has no limits says nothing of them: its text is as it always was."""
        said: dict[str, Any] = dumped(self)
        return {name: value for name, value in said.items() if value is not None}

    @model_validator(mode="after")
    def _fits(self) -> "Reach":
        if len(self.center) != len(self.spread) or any(one <= 0 for one in self.spread):
            raise ValueError("center and spread need as many numbers, and every spread is above 0")
        if (self.low is None) != (self.high is None) or (
            self.low is not None
            and self.high is not None
            and (len(self.low), len(self.high)) != (len(self.center),) * 2
        ):
            raise ValueError("low and high come together, with as many numbers as center")
        return self


class CardRow(Wire):
    """One number of a card's measured table, with what it was measured on."""

    what: Line = Field(description="as in `AUC, groups held out`")
    value: float | None
    low: float | None = Field(None, description="of its 95% interval")
    high: float | None = None
    rows: int | None = Field(None, ge=0)
    groups: int | None = Field(None, ge=0)
    condition: str = Field("", max_length=500)


class Card(Wire):
    """What a package says of itself."""

    schema_version: Literal[1, 2] = 1
    title: Annotated[str, Field(min_length=1, max_length=60)] = Field(description="what people call it")
    task: ModelTask
    parent: Digest | None = Field(None, description="the package that it was made from")
    dataset: Digest = Field(description="of the dataset that it was taught with")
    groups_seen: tuple[Line, ...] = Field(max_length=4096, description="every group that it was taught with")
    assumptions: tuple[Line, ...] = Field((), max_length=64, description="what has to hold where it is used")
    recipe: Recipe
    seed: int = Field(ge=0, lt=1 << 63)
    code: Digest = Field(description="of the source that made it")
    pixel_nm: tuple[float, float] | None = Field(description="the smallest and largest pixel that it has seen")
    data_licence: Word = Field(description="of the data it was taught with, as SPDX names it, or in words")
    table: tuple[CardRow, ...] = Field((), max_length=512, description="what was measured when it was made")
    reach: Reach | None = None
    rings: Reach | None = Field(None, description="of the spectrum in rings of its images; not there: nobody kept it")

    @model_serializer(mode="wrap")
    def _without_rings(self, dumped: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What was made before cards kept them has the text, and so the name, that it always had."""
        said: dict[str, Any] = dumped(self)
        if self.rings is None:
            said.pop("rings", None)
        return said

    @model_validator(mode="before")
    @classmethod
    def _of_its_version(cls, given: Any) -> Any:
        """Who makes the card of a network need not say its version."""
        if isinstance(given, dict) and "schema_version" not in given:
            recipe = given.get("recipe")
            if isinstance(recipe, Recipe) and recipe.network is not None:
                return given | {"schema_version": 2}
        return given

    @field_validator("title", "data_licence")
    @classmethod
    def _prints(cls, text: str) -> str:
        if not text.isprintable():
            raise ValueError("has characters that cannot be printed")
        return text

    @model_validator(mode="after")
    def _agrees(self) -> "Card":
        if (self.schema_version == 1) != (self.recipe.network is None):
            raise ValueError("schema_version: 1 is of what takes features, 2 of a network")
        if self.pixel_nm is not None and not 0 < self.pixel_nm[0] <= self.pixel_nm[1]:
            raise ValueError("pixel_nm: the smallest comes first, and both are above 0")
        recipe = self.recipe
        looked_at = recipe.names if recipe.network is None else recipe.network.outline
        if self.reach is not None and len(self.reach.center) != len(looked_at):
            raise ValueError(f"reach: has {len(self.reach.center)} numbers for {len(looked_at)} that an image has")
        return self
