"""A blur in words: how much, how sure, of which kind, more than which images. It decides nothing."""

from typing import Final

from mhfd_client.verdicts.blur.blur import Blur, BlurKind
from mhfd_client.verdicts.blur.calibration import um_words

_SAID: Final = {
    BlurKind.DEFOCUS: "is out of focus: blurred by {size} more than {others}",
    BlurKind.TILT: "is out of focus on {side} (tilted?): there blurred by {size} more than {others}",
    BlurKind.MOTION_ALONG: "is out of focus: it moved along the scan lines by {size}, compared with {others}",
    BlurKind.MOTION_ACROSS: "is out of focus: it moved across the scan lines by {size}, compared with {others}",
    BlurKind.VIBRATION: "is out of focus: vibration displaced its scan lines by {size}, compared with {others}",
    BlurKind.ASTIGMATISM: "is out of focus: astigmatism blurs it by {size} at {angle:.0f} degrees to the scan "
    "lines, more than {others}",
}


def size(blur: Blur) -> str:
    """`2.1 px (1.8 to 2.4)`."""
    return f"{_tenths(blur.px)} px ({interval(blur)})"


def interval(blur: Blur) -> str:
    """`1.8 to 2.4`."""
    return f"{_tenths(blur.low)} to {_tenths(blur.high)}"


def blurred(blur: Blur, kind: BlurKind, side: str | None, others: str) -> str:
    """Of an image that is blurred. `others`: the images it was compared with; `side`: in words."""
    said = _SAID[kind].format(size=size(blur), others=others, side=side, angle=blur.angle_deg or 0.0)
    return f"{said}; {um}" if (um := um_words(blur)) else said


def as_sharp(blur: Blur, others: str) -> str:
    """Of one that is not."""
    return f"as sharp as {others}: a blur of {size(blur)} more"


def no_fit(blur: Blur, others: str) -> str:
    """Of one whose spectrum no blur explains."""
    return (
        f"its spectrum differs from that of {others} as no blur makes it (chi squared {blur.chi2:.0f} a degree of "
        "freedom, where about 1 fits): other tissue, another processing of the image, or a fault of the detector"
    )


def _tenths(px: float) -> str:
    return f"{round(px, 1) + 0.0:.1f}"  # never -0.0
