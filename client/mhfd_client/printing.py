"""How text of strangers is written on a terminal."""


def printable(text: str) -> str:
    """Control characters and undecodable bytes, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
