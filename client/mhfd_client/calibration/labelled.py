"""The images of a run that people called sharp, or not, with how blurred each is when nobody is asked about it."""

from dataclasses import dataclass

import numpy as np

from mhfd_client.journal.view import JournalView
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.blur.blur import BlurKind
from mhfd_client.verdicts.decision import blur_of
from mhfd_client.verdicts.from_journal import JournalJudge
from mhfd_client.verdicts.history.history import Label

_ONE_WAY = (BlurKind.MOTION_ALONG, BlurKind.MOTION_ACROSS, BlurKind.VIBRATION, BlurKind.ASTIGMATISM)


@dataclass(frozen=True, slots=True)
class LabelledBlur:
    """Pixels of blur, against sharp images near it that are not the image itself."""

    sharp: tuple[float, ...]
    blurred: tuple[float, ...]
    one_way: int
    """Labelled images that are blurred in one direction: the tolerance does not decide on them."""
    unknown: int
    """Labelled images whose blur is not known."""


def labelled_blur(journal: JournalView, settings: VerdictSettings) -> LabelledBlur:
    """All of a run's."""
    with journal.snapshot():
        history = JournalJudge(journal, settings).history
    found: dict[Label, list[float]] = {Label.SHARP: [], Label.BLURRED: []}
    one_way = unknown = 0
    for row in np.flatnonzero(np.asarray(history.label) != Label.NONE).tolist():
        blur = blur_of(history, row, settings)
        if blur is None:
            unknown += 1
        elif blur.kind in _ONE_WAY:
            one_way += 1
        else:
            found[Label(history.label[row])].append(blur.px)
    return LabelledBlur(tuple(found[Label.SHARP]), tuple(found[Label.BLURRED]), one_way, unknown)
