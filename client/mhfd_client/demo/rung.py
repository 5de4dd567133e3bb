"""What rang in the demo, and whether it was right: each message about images or sections, graded by the truth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mhfd_client.alerts import Alert, Event, Rule
from mhfd_client.microscope.truth import Shot, ShotKind

_UNUSABLE: Final = ("incomplete", "undetermined")


class Heard:
    """A sink: the pretend operator's pager."""

    name = "pretend pager"

    def __init__(self) -> None:
        self.messages: list[Alert] = []

    def send(self, alert: Alert) -> str:
        """Kept for the grade."""
        self.messages.append(alert)
        return "heard"


@dataclass(frozen=True, slots=True)
class Rang:
    """A message that rang."""

    alert: Alert
    right: bool | None
    """None: the truth of a run does not say, as of a full disk."""

    def __str__(self) -> str:
        word = {True: "true alert", False: "false alert", None: "alert of the station itself"}[self.right]
        rule = "image" if self.alert.rule is None else self.alert.rule.value
        return f"{word} ({rule}): {self.alert.text}"


def graded(messages: Iterable[Alert], truth: Iterable[Shot], *, limits: Mapping[Rule, int]) -> tuple[Rang, ...]:
    """Each message that rang; `limits`: so many images have to have failed for a rule about images to be right."""
    shots = tuple(truth)
    rang = [alert for alert in messages if alert.event in (Event.OPENED, Event.WORSE, Event.FAILED)]
    return tuple(Rang(alert, _right(alert, shots, limits)) for alert in rang)


def _right(alert: Alert, shots: tuple[Shot, ...], limits: Mapping[Rule, int]) -> bool | None:
    expected = {shot.path: shot.expected for shot in shots}
    said = [expected.get(path) for path in alert.images]
    match alert.rule:
        case Rule.OUT_OF_FOCUS:
            return said.count("out_of_focus") >= limits[Rule.OUT_OF_FOCUS]
        case Rule.UNUSABLE:
            return sum(one in _UNUSABLE for one in said) >= limits[Rule.UNUSABLE]
        case Rule.DRIFT:
            return any(shot.kind is ShotKind.DRIFTED for shot in shots)
        case Rule.MISSING:
            return not {shot.section for shot in shots} & set(alert.facts.get("missing", ()))
        case None:
            return all(one not in (None, "in_focus") for one in said)
    return None
