"""FEI and Thermo Fisher: `Key=value` in sections, in SI units, in tag 34682 (or 34680, which is older)."""

from mhfd.images.instruments.written import Header, Written, number

_TAGS = (34682, 34680)


def read(header: Header, found: Written) -> None:
    """The scan and the stage, and the rows above the data bar."""
    for code in _TAGS:
        if (raw := header.tag(code)) is not None:
            _understand(raw.decode("latin-1"), header, found)


def _understand(text: str, header: Header, found: Written) -> None:
    values: dict[str, float] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[] \t")
            continue
        key, _, value = line.partition("=")
        if (known := number(value)) is not None:
            values.setdefault(f"{section}.{key.strip()}", known)
    found.stage(values.get("Stage.StageX"), values.get("Stage.StageY"), "FEI Stage.StageX, StageY")
    for name in ("Scan.PixelWidth", "EScan.PixelWidth"):
        found.pixel(values.get(name), f"FEI {name}")
    for name in ("EBeam.WD", "Stage.WorkingDistance"):
        found.focus(values.get(name), f"FEI {name}")
    for name in ("Scan.Dwelltime", "EScan.Dwell"):
        found.dwell(values.get(name), f"FEI {name}")
    rows, bar = values.get("Image.ResolutionY"), values.get("PrivateFei.DatabarHeight", 0.0)
    if rows is not None and bar > 0 and rows + bar == header.height:
        found.rows_above_bar(int(rows), header.height, header.width, "FEI Image.ResolutionY")
    found.may_have_bar = True
