r"""The names of the instruments that are known, each a few regular expressions.

atlas          S_000_1752450056/Tile_r1-c1_S_000_1752450056.tif                 section 0, tile r1-c1
wafermapper    W02_Sec017_Montage/Tile_r1-c1_W02_sec017.tif, Image_017.tif      section 17, tile r1-c1
sbemimage      tiles/g0000/t0012/STACK_g0000_t0012_s00117.tif                   section 117, tile g0000_t0012
sbemimage2025  tiles/a0000/r0000/t0012/STACK_a0000_r0000_t0012_s00117.ome.tif   section 117, a0000_r0000_t0012
plain          slice_0117.tif, section_117/r1-c2.tif, 2026-03-01_0117.tif       section 117: the number that is
               called so, in the name or in its folder's, else the last one
"""

from mhfd_client.naming.naming import Naming

_END = r"(?:\.ome)?\.[a-z]+$"
_ROW_COLUMN = r"r\d+-c\d+"
_SECTION = r"(?<![a-z])(?:section|sect|sec|slice|s|z)[-_ ]?(?P<section>\d+)"
_SBEMIMAGE = ("overviews/", "workspace/", "meta/")

# The special ones first: `plain` fits nearly all.
PRESETS: dict[str, Naming] = {
    naming.name: naming
    for naming in (
        Naming("sbemimage2025", rf"_(?P<tile>a\d+_r\d+_t\d+)_s(?P<section>\d+){_END}", ignore=_SBEMIMAGE),
        Naming("sbemimage", rf"_(?P<tile>g\d+_t\d+)_s(?P<section>\d+){_END}", ignore=_SBEMIMAGE),
        Naming(
            "atlas",
            rf"(?:^|/)Tile_(?P<tile>{_ROW_COLUMN})_S_(?P<section>\d+)_\d+{_END}",
            ignore=("*preview*", "*thumb*", "*overview*", "*stitched*"),
        ),
        Naming(
            "wafermapper",
            rf"(?:^|/)(?:Tile_(?P<tile>{_ROW_COLUMN})_(?:[^/]*_)?sec|Image_)(?P<section>\d+){_END}",
            ignore=("*preview*", "*thumb*", "*overview*", "*stitched*"),
        ),
        Naming(
            "plain",
            rf"{_SECTION}(?![\d.]*\d*[a-z])[^/]*{_END}",
            rf"{_SECTION}[^/]*/[^/]*$",
            rf"(?P<section>\d+)[^\d/]*?{_END}",
            tile=r"(?<![a-z0-9])(?:r\d+[-_]?c\d+|(?:tile|t)[-_ ]?\d+)(?![a-z0-9])",
            ignore=("*preview*", "*thumb*"),
        ),
    )
}
