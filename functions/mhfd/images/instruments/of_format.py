"""What the format of the file says by itself, whatever the instrument: the cell of an MRC, or what a plug-in read."""

from mhfd.images.instruments.written import Header, Written


def read(header: Header, found: Written) -> None:
    """All that is known, with the name of who says it."""
    known = header.known
    if known is None:
        return
    found.notes += known.notes
    if known.box is not None:
        found.part(known.box, header.height, header.width, known.origin)
    found.pixel(None if known.pixel_nm is None else known.pixel_nm * 1e-9, known.origin)
    found.focus(known.focus_m, known.origin)
    found.dwell(None if known.dwell_ns is None else known.dwell_ns * 1e-9, known.origin)
    if known.stage_um is not None:
        found.stage(known.stage_um[0] * 1e-6, known.stage_um[1] * 1e-6, known.origin)
