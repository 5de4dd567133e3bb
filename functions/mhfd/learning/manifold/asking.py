"""A package of the task `adjust`, ready to be asked about pairs. It answers with a proposal, or with a refusal.

A size is said only where a known move has shown it: by a package that learned from moves on this instrument, or by a
calibration of this package. Where one does not hold, the sign remains. Moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.estimate import LONGEST
from mhfd.contract.proposal import PairCalibration, Proposal, ProposalRefusal
from mhfd.errors import UsageError
from mhfd.learning.dataset.rows import SourceGroup
from mhfd.learning.inference.runtime import Runtime
from mhfd.learning.manifold.pair import (
    LEVEL_NAMES,
    PAIR_NAMES,
    PAIR_VERSION,
    SLOPE_NAME,
    ImagePair,
    MeasuredPair,
    measured,
)
from mhfd.learning.manifold.reaching import beyond_reach
from mhfd.learning.manifold.reading import alike, read_pair
from mhfd.learning.manifold.refusing import PairRefused, before_measuring, by_what_is_seen
from mhfd.learning.packages import Library, Package

__all__ = ["FAMILY", "MOVE_UM", "UNIT", "PairSession", "champion_or_shipped", "read_pair"]

FAMILY: Final = "pair"
"""Of features, in the recipe of a package that is asked here."""
UNIT: Final = "unit"
"""What a package says that knows no um: a number in a unit of its own, of the sign of what is to be added."""
MOVE_UM: Final = "move_um"
_SAYS: Final = frozenset({UNIT, MOVE_UM, "sd_um", "stig_x", "stig_y", "distance"})
_NOTHING: Final = 0.05
"""Of how far parts of the images differ: a number below that has no sign. Parts of sparse structures differ much."""
_LEAST_UPRIGHT: Final = 2.0
"""Rings that a slope needs: of fewer it is 0, which would say that the focus is reached."""
_CLEAR: Final = 3.0
"""Standard deviations beyond which a sign is no chance."""
_WIDER: Final = 1.5
"""How far beyond the perturbations, or the moves, that a package was taught with its size still counts."""


def champion_or_shipped(library: Library) -> Package:
    """The champion of the task `adjust`; where there is none, the package that ships."""
    champion = library.champion("adjust")
    if champion is not None:
        return champion
    for package in library.shipped():
        if package.card.task == "adjust":
            return package
    raise UsageError("no package of the task adjust is here: mhfd is not installed whole; install it again")


@dataclass(frozen=True, slots=True)
class _Said:
    """What the model says of a pair, by itself."""

    number: float
    by_chance: float
    """How far chance in the images may have moved it."""
    sd_um: float | None
    stig_x: float | None
    stig_y: float | None


class PairSession:
    """One package.

    Args:
        package: Of the task `adjust`. UsageError where it is another's, or speaks of what is not known here.
    """

    def __init__(self, package: Package) -> None:
        card, recipe = package.card, package.card.recipe
        named = f"{card.title} {package.short}"
        if card.task != "adjust":
            raise UsageError(f"{named}: is for the task {card.task}, and says nothing of pairs; name one for adjust")
        says, names = set(recipe.says), set(recipe.names)
        known = names <= {*PAIR_NAMES, SLOPE_NAME, *LEVEL_NAMES} and recipe.features_version == PAIR_VERSION
        if not (known and says <= _SAYS and len(says & {UNIT, MOVE_UM}) == 1):
            raise UsageError(f"{named}: was made for pairs as another mhfd measures them: learn it again")
        self.package = package
        self._card, self._recipe = card, recipe
        self._speaks_um = MOVE_UM in says
        self._runtime = Runtime(package.weights(), columns=len(recipe.names), says=len(recipe.says))

    def units(self, pair: ImagePair, *, most_age_s: float | None = None) -> float | Proposal:
        """What the package says in its own unit, of the sign of what is to be added; or the refusal."""
        said = self._asked(pair, most_age_s)
        return self._refused(said) if isinstance(said, PairRefused) else said.number

    def propose(
        self, pair: ImagePair, calibration: PairCalibration | None = None, *, most_age_s: float | None = None
    ) -> Proposal:
        """What is to be added to the working distance in the middle between the two images.

        Args:
            pair: The images, with what is known of them.
            calibration: What a known move showed of this package on this instrument.
            most_age_s: A pair that is older is refused; None: it may be of any age.
        """
        said = self._asked(pair, most_age_s)
        if isinstance(said, PairRefused):
            return self._refused(said)
        sign = 1 if said.number >= 0 else -1
        no_size = self._no_size(pair, calibration)
        if no_size is not None:
            if abs(said.number) <= _NOTHING * said.by_chance:
                why = "the two images are as sharp as each other: the focus lies in the middle, or too far to tell"
                return self._refused(PairRefused(ProposalRefusal.UNSURE, why))
            weak = "the two images are nearly as sharp as each other, so the sign may be wrong; "
            return self._proposal(sign=sign, why=no_size if abs(said.number) > said.by_chance else weak + no_size)
        um = 1.0 if calibration is None or self._speaks_um else calibration.um_a_unit
        part = 0.0 if calibration is None or self._speaks_um else calibration.sd_part
        move, capped = self._capped(said.number * um)
        sd = float(np.hypot(np.hypot(said.by_chance * um, part * move), said.sd_um or 0.0))
        if capped:
            sd = max(sd, abs(said.number * um - move))
        near = abs(said.number * um) <= self._recipe.chosen.get("stig_within_um", np.inf)
        return self._proposal(
            sign=sign,
            move_um=_short(move),
            sd_um=_short(sd),
            stig_x=_short(said.stig_x) if near and said.stig_x is not None else None,
            stig_y=_short(said.stig_y) if near and said.stig_y is not None else None,
            why=capped,
        )

    def _proposal(
        self,
        *,
        sign: int | None,
        move_um: float | None = None,
        sd_um: float | None = None,
        stig_x: float | None = None,
        stig_y: float | None = None,
        refusal: ProposalRefusal | None = None,
        why: str | None = None,
    ) -> Proposal:
        return Proposal(
            sign=None if sign is None else 1 if sign > 0 else -1,
            move_um=move_um,
            sd_um=sd_um,
            stig_x=stig_x,
            stig_y=stig_y,
            refusal=refusal,
            why=None if why is None else why[:LONGEST],
            package=self.package.name,
            title=self._card.title,
        )

    def _refused(self, refused: PairRefused) -> Proposal:
        return self._proposal(sign=None, refusal=refused.code, why=refused.why)

    def _asked(self, pair: ImagePair, most_age_s: float | None) -> _Said | PairRefused:
        """What the model says, or why it was not asked."""
        refused = before_measuring(pair, most_age_s) or self._other_pixel(pair)
        if refused is not None:
            return refused
        seen = measured(pair)
        refused = by_what_is_seen(pair, seen) or beyond_reach(self._recipe.chosen, pair, seen)
        if refused is not None:
            return refused
        if not self._speaks_um and seen.upright < _LEAST_UPRIGHT:
            why = "A and B have too little in common to tell which is the sharper: take more electrons a pixel"
            return PairRefused(ProposalRefusal.UNSURE, why)
        every, *parts = self._rows(seen)
        if (refused := self._unlike(every)) is not None:
            return refused
        answers = self._runtime.said(np.array([every, *parts])).astype(np.float64)
        if not np.isfinite(answers).all():
            return PairRefused(ProposalRefusal.UNLIKE, "its model answers with what is no number")
        answer = dict(zip(self._recipe.says, answers[0].tolist(), strict=True))
        far = self._recipe.chosen.get("far")
        if far is not None and answer.get("distance", 0.0) > far:
            return self._unlike_sharp(answer["distance"] / far)
        place = self._recipe.says.index(MOVE_UM if self._speaks_um else UNIT)
        number, by_chance = float(answers[0, place]), _by_chance(answers[1:, place])
        clear = abs(number) > _CLEAR * max(by_chance, answer.get("sd_um", 0.0))
        if clear and number * seen.slope < 0 and abs(seen.slope) > _CLEAR * _by_chance(seen.parts[:, -1]):
            why = "coarse structures say the opposite: too far out of focus for this package; focus by hand first"
            return PairRefused(ProposalRefusal.TOO_FAR, why)
        return _Said(
            number=number,
            by_chance=by_chance,
            sd_um=answer.get("sd_um", self._recipe.chosen.get("sd_um")),
            stig_x=answer.get("stig_x"),
            stig_y=answer.get("stig_y"),
        )

    def _rows(self, seen: MeasuredPair) -> list[NDArray[np.float32]]:
        """What the model is given: of all tiles, then of each group of them."""
        rows = []
        level = dict(zip(LEVEL_NAMES, seen.spectrum, strict=True))
        for features in ((*seen.features, seen.slope), *seen.parts):
            values = level | dict(zip((*PAIR_NAMES, SLOPE_NAME), features, strict=True))
            rows.append(np.array([values[name] for name in self._recipe.names], np.float32))
        return rows

    def _other_pixel(self, pair: ImagePair) -> PairRefused | None:
        """A package that learned um from moves knows them at the pixel sizes that it was taught with."""
        if not self._speaks_um or self._card.pixel_nm is None or pair.pixel_nm is None:
            return None
        low, high = self._card.pixel_nm
        if low <= pair.pixel_nm <= high or alike(pair.pixel_nm, low) or alike(pair.pixel_nm, high):
            return None
        taught = f"{low:.4g}" if alike(low, high) else f"{low:.4g} to {high:.4g}"
        why = (
            f"the pixels have {pair.pixel_nm:.4g} nm, and the package was taught with {taught} nm: go back to that "
            "magnification, or learn at this one"
        )
        return PairRefused(ProposalRefusal.OTHER_PIXEL, why)

    def _unlike(self, row: NDArray[np.float32]) -> PairRefused | None:
        reach = self._card.reach
        if reach is None:
            return None
        apart = (row.astype(np.float64) - np.asarray(reach.center)) / np.asarray(reach.spread)
        distance = float(np.sqrt(np.mean(np.square(apart))))
        if distance <= reach.far:
            return None
        fine = [place for place, name in enumerate(self._recipe.names) if name in LEVEL_NAMES[len(LEVEL_NAMES) // 2 :]]
        if fine and float(np.mean(apart[fine])) < 0:
            why = f"farther out of focus than all that the package was taught with ({distance / reach.far:.2g} of its"
            return PairRefused(ProposalRefusal.TOO_FAR, why + " reach): focus by hand first")
        why = f"unlike all that the package was taught with ({distance / reach.far:.2g} of its reach)"
        return PairRefused(ProposalRefusal.UNLIKE, why + ": learn with pairs like this one")

    def _unlike_sharp(self, part: float) -> PairRefused:
        why = (
            f"unlike the sharp images that the package knows ({part:.2g} of its reach): learn with pairs like this one"
        )
        return PairRefused(ProposalRefusal.UNLIKE, why)

    def _no_size(self, pair: ImagePair, calibration: PairCalibration | None) -> str | None:
        """Why only the sign is known, in words; None: the size is, too."""
        if not self._speaks_um:
            return _does_not_hold(self.package.name, pair, calibration)
        if self._card.pixel_nm is not None and pair.pixel_nm is None:
            return "the files do not say how large a pixel is, so how far is not known"
        instruments = {SourceGroup.of(key).instrument for key in self._card.groups_seen} - {""}
        if pair.instrument is not None and instruments and pair.instrument not in instruments:
            return f"the package learned on {', '.join(sorted(instruments))}: how far is not known on {pair.instrument}"
        chosen = self._recipe.chosen
        low, high = chosen.get("perturbation_low_um", 0.0), chosen.get("perturbation_high_um", np.inf)
        if not low / _WIDER <= pair.perturbation_um <= high * _WIDER:
            taught = f"{low:g} um" if low == high else f"{low:g} to {high:g} um"
            return (
                f"the package was taught with pairs at {taught}: at {pair.perturbation_um:g} um, how far is not known"
            )
        return None

    def _capped(self, move: float) -> tuple[float, str | None]:
        """A move that is much larger than all that were taught is too small or too large: as far as was taught."""
        low, high = (self._recipe.chosen.get(name) for name in ("low_um", "high_um"))
        if low is None or high is None or low * _WIDER <= move <= high * _WIDER:
            return move, None
        why = f"farther than all moves that were taught ({low:.3g} to {high:.3g} um): so far for now, then a pair again"
        return float(np.clip(move, low, high)), why


def _does_not_hold(package: str, pair: ImagePair, calibration: PairCalibration | None) -> str | None:
    """Why a calibration says nothing of this pair; None: it does."""
    if calibration is None:
        return "how far is not known: no known move has shown it; calibrate"
    if calibration.package != package:
        return (
            f"how far is not known: the calibration is of another package, {calibration.package[:8]}; calibrate again"
        )
    if calibration.pixel_nm is not None and pair.pixel_nm is None:
        return "how far is not known: the files do not say how large a pixel is, and the calibration holds for one size"
    if calibration.instrument is not None and pair.instrument not in (None, calibration.instrument):
        return f"how far is not known: the calibration is of {calibration.instrument}, and this is {pair.instrument}"
    known = (
        ("a pixel", "nm", calibration.pixel_nm, pair.pixel_nm),
        ("the dwell time", "ns", calibration.dwell_ns, pair.dwell_ns),
        ("the voltage", "kV", calibration.beam_kv, pair.beam_kv),
        ("the current", "pA", calibration.beam_pa, pair.beam_pa),
    )
    for what, unit, then, now in known:
        if then is not None and now is not None and not alike(then, now):
            return (
                f"how far is not known: at calibration {what} was {then:.4g} {unit}, and now {now:.4g}; calibrate again"
            )
    return None


def _by_chance(parts: NDArray[Any]) -> float:
    """How far chance moves a mean of these parts."""
    return float(parts.std(ddof=1)) / float(len(parts) ** 0.5)


def _short(value: float) -> float:
    """Digits that mean something, so that the same images give the same text on another machine."""
    return float(f"{value:.5g}")
