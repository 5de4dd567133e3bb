"""What rings: from a situation to one reading a rule, in plain words with numbers.

Pure functions: no clock, no file, no memory. How a reading becomes an episode, and who is told, is not decided here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mhfd.contract.focus_report import Finding
from mhfd_client.alerts import words
from mhfd_client.alerts.gaps import BACK
from mhfd_client.alerts.message import Rule
from mhfd_client.alerts.situation import AskedOfPerson, Situation
from mhfd_client.alerts.words import NAMED, Words, count, places, sections, spans
from mhfd_client.files import shown, text_of
from mhfd_client.journal.rows import Outcome, ScoreRow, TroubleRow
from mhfd_client.settings.options import AlertSettings
from mhfd_client.times import iso_ns, roughly

_UNUSABLE: Final = (Finding.UNREADABLE, Finding.INVALID, Finding.BLANK, Finding.SATURATED)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule says now."""

    rule: Rule
    wrong: bool | None
    """None: it cannot be told now, and what was wrong stays so."""
    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    provisional: bool = False
    keys: frozenset[str] = frozenset()
    """What is wrong, one by one: paths of images, numbers of sections. Empty where nothing can be counted."""
    limit: int = 0
    """So many of them are an alert."""
    settled: Callable[[str], bool] = field(default=lambda _: False, compare=False)
    """Whether one of them is known to be wrong no more."""
    settled_text: str = ""
    """What is said when so few are left that it would not have rung."""
    withdraws: bool = False
    """That means that it was a mistake."""
    for_good: bool = False
    """It is calm and stays so: there is nothing to wait for."""


def readings(now: Situation, settings: AlertSettings) -> list[Reading]:
    """One reading for each rule that is turned on."""
    found = (rule(now, settings) for rule in _RULES)
    return [reading for reading in found if reading is not None]


def _out_of_focus(now: Situation, settings: AlertSettings) -> Reading | None:
    return _count(
        now,
        settings.of_last,
        settings.out_of_focus,
        Rule.OUT_OF_FOCUS,
        lambda seen: seen.outcome is Outcome.OUT_OF_FOCUS,
        Words("out of focus", "Check the focus; `mhfd retake` lists what to image again."),
        lambda found: words.blurred(len(found), [now.blurs.get(seen.image) for seen in found]),
    )


def _unusable(now: Situation, settings: AlertSettings) -> Reading | None:
    return _count(
        now,
        settings.of_last,
        min(settings.unusable, settings.of_last),
        Rule.UNUSABLE,
        lambda seen: seen.outcome is Outcome.INCOMPLETE or seen.finding in _UNUSABLE,
        Words("unusable (incomplete, unreadable, blank or saturated)", "Check the beam, the detector and the disk."),
    )


def _count(
    now: Situation,
    back: int,
    limit: int,
    rule: Rule,
    bad: Callable[[ScoreRow], bool],
    usual: Words,
    known: Callable[[Sequence[ScoreRow]], Words | None] = lambda _: None,
) -> Reading | None:
    """So many of the last ones; also in a window that newer images have passed since the last look.

    `known`: words for those that were found, where more is known of them than the usual ones say.
    """
    if not limit:
        return None
    recent = now.recent
    for end in range(len(recent), max(len(recent) - max(now.fresh, 1), 0), -1):
        window = recent[max(0, end - back) : end]
        found = [seen for seen in window if bad(seen)]
        if len(found) >= limit:
            break
    else:
        window = recent[-back:]
        found = [seen for seen in window if bad(seen)]
    wrong = len(found) >= limit
    said = known(found) or usual
    latest = not recent or window[-1:] == recent[-1:]
    which = f"the last {count(len(window))}" if latest else f"{count(len(window))} in a row"
    head = f"{len(found)} of {which} {'is' if len(found) == 1 else 'are'} {said.what}"
    text = f"{head}{';' if ':' in said.what else ':'} {places(found)}." if found else f"{head}."
    provisional = wrong and any(seen.provisional for seen in found)
    if provisional:
        text += " This is provisional: nobody has confirmed a sharp image yet, or the verdicts may still change."
    if wrong:
        text += f" {said.remedy}"
    well = frozenset(text_of(seen.path) for seen in recent if not bad(seen))
    since = recent[max(0, len(recent) - back - now.fresh) :]
    return Reading(
        rule,
        wrong,
        text,
        {"found": len(found), "of": len(window), "sections": sections(found), **said.facts},
        tuple(text_of(seen.path) for seen in found[-NAMED:]),
        provisional,
        keys=frozenset(text_of(seen.path) for seen in since if bad(seen)),
        limit=limit,
        settled=well.__contains__,
        settled_text=f"The images that it named were judged again and are not {usual.what} any more.",
        withdraws=True,
    )


def _drift(now: Situation, settings: AlertSettings) -> Reading | None:
    if not settings.drift:
        return None
    if not now.drifts:
        text = "The images in focus are as sharp as the anchor again."
        heard = now.heard is not None and now.now - now.heard <= settings.calm_s
        return Reading(Rule.DRIFT, False, text, {"drifts": 0}, for_good=heard)
    more = len(now.drifts) - 1
    also = f" The same in {more} other {'place' if more == 1 else 'places'}." if more else ""
    return Reading(Rule.DRIFT, True, _short(now.drifts[0]) + also, {"drifts": len(now.drifts)})


def _missing(now: Situation, settings: AlertSettings) -> Reading | None:
    """Sections that a few later ones have passed, more than what did come was late by; for long enough to be whole."""
    if not settings.missing:
        return None
    needed = settings.missing_lag + 2 * now.late
    gone = [
        gap.section for gap in now.gaps if needed <= gap.passed < needed + BACK and gap.since_s >= settings.missing_s
    ]
    wrong = len(gone) >= settings.missing
    if wrong:
        many = "1 section is" if len(gone) == 1 else f"{len(gone)} sections are"
        text = f"{many} missing, wholly or in part, and later ones are here: {spans(gone)}. "
        text += "Image them before the sample goes on."
    else:
        text = f"Nothing new is missing among {len(now.sections):,} sections."
        text += f" Still missing: {spans(now.missing)}." if now.missing else ""
    missing = frozenset(map(str, now.missing))
    return Reading(
        Rule.MISSING,
        wrong,
        text,
        {"missing": gone[-NAMED:]},
        keys=frozenset(map(str, gone)),
        limit=settings.missing,
        settled=lambda section: section not in missing,
        settled_text="What was missing has come.",
    )


def _unanswered(now: Situation, settings: AlertSettings) -> Reading | None:
    """Until somebody has said what is sharp, images are only compared with each other: all may be blurred."""
    if not settings.unanswered_s:
        return None
    stood = 0.0 if now.asked is None else now.now - now.asked
    facts = {"stood_s": round(stood, 1), "confirmed": now.confirmed, "judged": now.judged}
    if now.question is None or stood < settings.unanswered_s:
        return Reading(Rule.UNANSWERED, False, "Somebody has answered, or there is no question.", facts, for_good=True)
    text = f"Nobody has answered for {roughly(stood)}: {_short(now.question)}"
    if not now.confirmed:
        text += f" Until then {count(now.judged)} are only compared with each other: if all are blurred, none is found."
    return Reading(Rule.UNANSWERED, True, f"{text} Answer on the page, or see `mhfd status`.", facts)


def _silence(now: Situation, settings: AlertSettings) -> Reading | None:
    if not settings.silence_s:
        return None
    if now.last_arrival is None:
        return Reading(Rule.SILENCE, False, "No image has come yet.")
    if now.complete:
        return Reading(Rule.SILENCE, False, "Everything that was expected has come.")
    still = now.now - max(now.last_arrival, now.started)
    facts = {"silent_s": round(max(0.0, now.now - now.last_arrival), 1), "images": now.images}
    if still < settings.silence_s:
        return Reading(Rule.SILENCE, False, f"Images come again: {now.images:,} so far.", facts)
    if now.away:
        return Reading(Rule.SILENCE, None, "The folder cannot be read.", facts)
    text = f"No new image for {roughly(now.now - now.last_arrival)}; {count(now.images)} came before. "
    text += "Has the microscope stopped?"
    return Reading(Rule.SILENCE, True, text, facts)


def _backlog(now: Situation, settings: AlertSettings) -> Reading | None:
    if not settings.backlog_s:
        return None
    oldest = 0.0 if now.oldest_waiting is None else now.now - max(now.oldest_waiting, now.started)
    facts = {"waiting": now.waiting, "oldest_s": round(oldest, 1)}
    if oldest < settings.backlog_s:
        return Reading(Rule.BACKLOG, False, f"Verdicts keep up: {count(now.waiting)} waiting.", facts)
    if now.away or now.unscored:
        return Reading(Rule.BACKLOG, None, "Nothing can be scored now.", facts)
    wait = "waits for its verdict" if now.waiting == 1 else "wait for their verdict, the oldest"
    text = f"{count(now.waiting)} {wait} for {roughly(oldest)}: scoring is slower than imaging."
    return Reading(Rule.BACKLOG, True, text, facts)


def _disk(now: Situation, settings: AlertSettings) -> Reading | None:
    if not settings.disk_gb:
        return None
    if now.refused is not None:
        text = f"The station cannot write its own folder: {_short(now.refused).rstrip('.')}. It waits; nothing is lost."
        return Reading(Rule.DISK, True, text, {"refused": now.refused})
    if not now.disks:
        return Reading(Rule.DISK, None, "Free space could not be measured.")
    facts = {"free_gb": {disk.what: round(disk.free / 1e9, 3) for disk in now.disks}}
    low = [disk for disk in now.disks if disk.free < settings.disk_gb * 1e9]
    left = " and ".join(f"{disk.free / 1e9:.1f} GB free where {disk.what} is" for disk in low or now.disks)
    if not low:
        return Reading(Rule.DISK, False, f"There is space again: {left}.", facts)
    return Reading(Rule.DISK, True, f"Only {left}; the limit is {settings.disk_gb:g} GB. Free some space.", facts)


def _folder(now: Situation, settings: AlertSettings) -> Reading | None:
    return _gone(now, settings, Rule.FOLDER, now.away, "The watched folder cannot be used", "can be read again")


def _workers(now: Situation, settings: AlertSettings) -> Reading | None:
    return _gone(now, settings, Rule.RUNNER, now.unscored, "Nothing is scored", "is scored again")


def _gone(
    now: Situation, settings: AlertSettings, rule: Rule, found: Sequence[TroubleRow], what: str, well: str
) -> Reading | None:
    if not settings.gone_s:
        return None
    if not found:
        subject = "The watched folder" if rule is Rule.FOLDER else "What arrives"
        return Reading(rule, False, f"{subject} {well}.", {"waiting": now.waiting})
    since = min(trouble.since_ns / 1e9 for trouble in found)
    away = now.now - since
    facts = {
        "away_s": round(max(0.0, away), 1),
        "waiting": now.waiting,
        "kinds": sorted({trouble.kind for trouble in found}),
    }
    why = _short("; ".join(trouble.why for trouble in found))
    text = f"{what} for {roughly(away)}: {why}. {count(now.waiting)} waiting; none is lost."
    return Reading(rule, True if away >= settings.gone_s else None, text, facts)


def _champion(now: Situation, settings: AlertSettings) -> Reading | None:
    """Who judges was taught with other images than those that come."""
    strays = now.strays
    if strays is None or not settings.champion:
        return None
    who = strays.champion
    facts = {"champion": who.package, "title": who.title, "since": strays.since_ns and iso_ns(strays.since_ns)}
    if who.package is None:
        return Reading(Rule.CHAMPION, False, "mhfd judges: it was taught with nothing.", facts)
    name = shown(who.speaker)
    if strays.since_ns is None:
        return Reading(Rule.CHAMPION, False, f"The champion {name} knows what comes.", facts)
    text = (
        f"Most of the last images are unlike what the champion {name} was taught with: what it says of them is a guess."
    )
    remedy = "Say of some whether they are sharp, and `mhfd learn` teaches a champion with them."
    return Reading(Rule.CHAMPION, True, f"{text} {remedy}", facts)


def _lens(now: Situation, settings: AlertSettings) -> Reading | None:
    """Sections for which nothing more is tried by itself; and a lens with which nothing can be done."""
    needs = now.lens
    if needs is None or not settings.lens:
        return None
    asked = needs.asked
    found = [one.section for one in asked if one.section is not None]
    facts = {"asked": len(asked), "sections": found[-NAMED:], "trouble": needs.trouble}
    parts = [] if needs.trouble is None else [f"Nothing is re-focused now: {_short(needs.trouble).rstrip('.')}."]
    if asked:
        many = f"{asked[-1].where} needs" if len(asked) == 1 else f"{len(asked)} images need"
        parts.append(f"{shown(many)} a person at the lens: {_short(asked[-1].why).rstrip('.')}.")
        parts.append("Focus by hand and take it again." if len(asked) == 1 else f"All: {_asked(asked)}.")
    open_ = frozenset(text_of(one.path) for one in asked)
    return Reading(
        Rule.LENS,
        bool(parts),
        " ".join(parts) or "Nobody is needed at the lens any more.",
        facts,
        tuple(text_of(one.path) for one in asked[-NAMED:]),
        keys=open_,
        limit=1,
        settled=lambda path: path not in open_,
        settled_text="What was asked for is done.",
    )


def _asked(asked: Sequence[AskedOfPerson]) -> str:
    """Where they are, by sections where all have one."""
    numbers = [one.section for one in asked if one.section is not None]
    if len(numbers) == len(asked):
        return f"section{'' if len(set(numbers)) == 1 else 's'} {spans(numbers)}"
    return ", ".join(shown(one.where) for one in asked[-NAMED:])


def _ended(now: Situation, settings: AlertSettings) -> Reading:
    if now.ended is None:
        return Reading(Rule.ENDED, False, "The watch runs again.")
    text = f"The watch has ended: {_short(now.ended)} Nothing is checked until `mhfd watch` is started again."
    return Reading(Rule.ENDED, True, text)


_RULES: Final[tuple[Callable[[Situation, AlertSettings], Reading | None], ...]] = (
    _out_of_focus,
    _unusable,
    _drift,
    _missing,
    _unanswered,
    _silence,
    _backlog,
    _disk,
    _folder,
    _workers,
    _champion,
    _lens,
    _ended,
)


def _short(text: str) -> str:
    """What others said, in a size that a pager and an environment variable can take."""
    return shown(text[:500])
