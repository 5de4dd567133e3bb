"""How text of strangers is written on a terminal."""


def printable(text: str) -> str:
    """Control characters and undecodable bytes, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def in_table(text: str) -> str:
    """In one line, and no formula to a spreadsheet."""
    text = printable(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
