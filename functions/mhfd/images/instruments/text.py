"""What an instrument wrote as text: bytes in whatever encoding -> text, lines, sections, XML; `8.1 mm` -> number, unit.

XML is parsed without any document type, so that no entity is ever expanded.
"""

import re
import xml.etree.ElementTree as ET
from typing import Final

from mhfd.images.instruments.written import Written, number

_QUANTITY: Final = re.compile(r"\s*([-+]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][-+]?[0-9]+)?)\s*([^\s,;]*)")
_HEAD: Final = 512
_LONGEST_NAME: Final = 64
"""Of a section, which is kept with each of its keys."""


def decoded(raw: bytes) -> str:
    """Text that may end in the middle of a character. Letters that no unit or key needs may come out wrong."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "ignore")
    head = raw[:_HEAD]
    for order, zeros in (("le", head[1::2]), ("be", head[::2])):
        if zeros and zeros.count(0) > len(zeros) // 2:
            return raw.decode(f"utf-16-{order}", "ignore")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        if e.reason == "unexpected end of data":  # cut within its last character
            return raw[: e.start].decode("utf-8-sig")
    # Latin-1 where it is that; of Japanese (code page 932) only the letter for a millionth is needed.
    return raw.decode("latin-1").replace("\x83\xca", "µ")


def lines(raw: bytes) -> list[str]:
    """Its lines, without what surrounds them."""
    return [line.strip() for line in re.split("[\r\n]+", decoded(raw))]


def sections(raw: bytes) -> dict[str, str]:
    """Lines `[Section]` and `Key=value` -> values by `section.key` in small letters. The first of two counts."""
    values: dict[str, str] = {}
    section = ""
    for line in lines(raw):
        if line.startswith("["):
            section = line.strip("[] \t")[:_LONGEST_NAME]
            continue
        key, given, value = line.partition("=")
        if given:
            values.setdefault(f"{section}.{key.strip()}".lower(), value.strip())
    return values


def quantity(text: str) -> tuple[float | None, str]:
    """The number that a text begins with, and the unit behind it in small letters: empty where there is none."""
    found = _QUANTITY.match(text)
    return (None, "") if found is None else (number(found[1]), found[2].lower())


def declares(text: str) -> bool:
    """Whether it has a document type or an entity: then it is not parsed."""
    return "<!DOCTYPE" in text or "<!ENTITY" in text


def root_of(text: str) -> ET.Element | None:
    """The root element; None where the text is damaged or declares anything."""
    if declares(text):
        return None
    try:
        # Text, not bytes: the encoding that the document declares is not followed, so none can hide a DOCTYPE.
        return ET.fromstring(text)  # noqa: S314  no document type, so no entities; bounded in length
    except (ET.ParseError, ValueError):
        return None


def document(raw: bytes | None, name: str, found: Written, origin: str) -> ET.Element | None:
    """The XML document whose root has this name; None where it is none, with a note where it was one and is damaged."""
    if raw is None or f"<{name}".encode() not in raw[:1024]:
        return None
    root = root_of(decoded(raw).strip(" \r\n\t\x01"))
    if root is None or root.tag != name:
        found.notes.append(origin + "XML is damaged: ignored")
        return None
    return root
