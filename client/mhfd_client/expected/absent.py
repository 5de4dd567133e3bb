"""What is absent: of what is expected, or of the numbers between the lowest and the highest section."""

from collections.abc import Collection, Iterable

from mhfd_client.naming import Place


def missing(expected: Collection[Place] | None, seen: Iterable[Place]) -> list[Place]:
    """What is expected and was not seen. Without expectations: the gaps between the lowest and the highest section."""
    here = {place for place in seen if place.section is not None}
    sections = {place.section for place in here if place.section is not None}
    if expected is None:
        if not sections:
            return []
        low, high = min(sections), max(sections)
        # A number that is no section (a date, a serial number) must not make millions of gaps.
        if high - low > 100 * len(sections) + 1000:
            return []
        return [Place(section) for section in range(low, high) if section not in sections]
    absent = (p for p in expected if (p not in here if p.tile is not None else p.section not in sections))
    return sorted(absent, key=lambda place: place.key)


def overdue(absent: Iterable[Place], last: int) -> list[Place]:
    """What is missing before the latest section that was seen; the rest may still come."""
    return [place for place in absent if place.section is not None and place.section < last]
