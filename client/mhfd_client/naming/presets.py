r"""The names of the instruments that are known, each a few regular expressions; an example of each.

atlas          S_000_1752450056/Tile_r1-c1_S_000_1752450056.tif                 section 0, tile r1-c1
wafermapper    W02_Sec017_Montage/Tile_r1-c1_W02_sec017.tif, Image_017.tif      section 17, tile r1-c1
sbemimage      tiles/g0000/t0012/STACK_g0000_t0012_s00117.tif                   section 117, tile g0000_t0012
sbemimage2025  tiles/a0000/r0000/t0012/STACK_a0000_r0000_t0012_s00117.ome.tif   section 117, a0000_r0000_t0012
maps           Section 010/Tile_001-002-000000_0-000.tif                        section 10, tile r1-c2
multisem       001_S17R1/000021/001_000021_028_2019-03-25T1414044834028.bmp     section 17, 000021_028_r1
fastem         Section 010/001_002_0.tiff                                       section 10, r2-c1: column before row
micromanager   Pos1/img_channel000_position001_time000000000_z005.tif           section 5, position001
trakem         s0001/tile_r0_c0.tif                                             section 1, r0-c0
render         0117/col0001_row0001_cam0.tif                                    section 117, col0001_row0001_cam0
janelia        Merlin-6049_20-12-17_142416_0-0-1-InLens.png                     no section, tile 0-0-1-inlens
temca          20181115201804587_17797_1R_Tape147_TEMCA5_18_005336_0_60_25.tif  section 5336, tile 0_60_25
zen            Region 1_s001_Tile_001-002.tif                                   section 1, tile r1-c2
hitachi        S4800_m006.tif                                                   neither: S4800 is the instrument
folders        Section 010/overlap_3.tif                                        section 10, overlap_3
plain          slice_0117.tif, 2026-03-01_0117.tif                              section 117: the number that is called
               so, in the name or in its folder's, else the last one
"""

from typing import Final

from mhfd_client.naming.folders import TILE, SectionFolders
from mhfd_client.naming.naming import SAID, Naming

_END: Final = r"(?:\.ome)?\.[a-z]+\d?$"
_FIRST: Final = r"(?:^|/)"
_ROW_COLUMN: Final = r"r\d+-c\d+"
_SBEMIMAGE: Final = ("overviews/", "workspace/", "meta/", "rejected/")
_TILES: Final = ("*preview*", "*thumb*", "*overview*", "*stitched*")
_HITACHI: Final = r"(?:S-?(?:2[346]00|3[0-57]00|4[1-35-8]00|5[25]00)N?|SU-?\d{4}|TM-?\d{4})"
_MULTISEM: Final = rf"(?P<tile>\d{{6}}_\d{{3}})_\d{{4}}-\d\d-\d\dT\d{{13}}{_END}"
_POSITION: Final = r"(?P<tile>(?:channel\d+_)?position\d+(?:_time\d*[1-9]\d*)?)"

INSTRUMENTS: Final = (
    Naming("sbemimage2025", rf"_(?P<tile>a\d+_r\d+_t\d+)_s(?P<section>\d+){_END}", ignore=_SBEMIMAGE),
    Naming("sbemimage", rf"_(?P<tile>g\d+_t\d+)_s(?P<section>\d+){_END}", ignore=_SBEMIMAGE),
    Naming("atlas", rf"{_FIRST}Tile_(?P<tile>{_ROW_COLUMN})_S_(?P<section>\d+)_\d+{_END}", ignore=_TILES),
    Naming(
        "wafermapper",
        rf"{_FIRST}(?:Tile_(?P<tile>{_ROW_COLUMN})_(?:[^/]*_)?sec|Image_)(?P<section>\d+){_END}",
        ignore=_TILES,
    ),
    Naming(
        "maps",
        rf"{_FIRST}Tile_(?P<row>\d+)-(?P<col>\d+)-(?P<more>\d{{6}}_\d+-\d+)(?:\.s\d+_e\d+)?{_END}",
        folders=True,
        ignore=_TILES,
    ),
    Naming(
        "multisem",
        rf"{_FIRST}\d+_S(?P<section>\d+)(?P<more>R\d+)/(?:[^/]+/)*\d{{3}}_{_MULTISEM}",
        rf"{_FIRST}(?P<section>\d{{3}})_{_MULTISEM}",
        ignore=("*preview*", "thumbnail*"),
    ),
    Naming(
        "fastem",
        rf"{_FIRST}(?P<col>\d{{3}})_(?P<row>\d{{3}})_(?P<more>\d){_END}",
        folders=True,
        ignore=("*preview*", "*thumb*", "*overview*"),
    ),
    Naming("micromanager", rf"{_FIRST}img_(?:channel0+_)?{_POSITION}(?:_time0+)?_z(?P<section>\d+){_END}"),
    Naming("trakem", rf"{_FIRST}tile_(?P<tile>r\d+[-_]?c\d+){_END}", folders=True),
    Naming("render", rf"{_FIRST}(?P<tile>col\d+_row\d+_cam\d+){_END}", folders=True),
    Naming("janelia", rf"{_FIRST}[a-z]+-\d+_\d\d-\d\d-\d\d_\d{{6}}_(?P<tile>\d+-\d+-\d+(?:-[a-z]+)?){_END}"),
    Naming(
        "temca",
        rf"{_FIRST}\d{{17}}_\d+_[a-z0-9]+_tape\d+_temca\d+_\d+_(?P<section>\d+)_(?P<tile>\d+_\d+_\d+){_END}",
    ),
    Naming(
        "zen",
        rf"{_FIRST}(?:region 0*1|(?P<more>region \d+))_s(?P<section>\d+)[_/]tile_(?P<row>\d+)-(?P<col>\d+){_END}",
    ),
    Naming("hitachi", rf"{_FIRST}{_HITACHI}_m\d+{_END}"),
)
FOLDERS: Final = SectionFolders()
PLAIN: Final = Naming(
    "plain",
    rf"{SAID}(?![\d.]*\d*[a-z])[^/]*{_END}",
    rf"{SAID}[^/]*/[^/]*$",
    rf"(?<!\d)(?P<section>\d{{1,7}})[^\d/]*?{_END}",  # of more digits it is a date, a clock or a serial number
    tile=TILE,
    guess=True,
    ignore=("*preview*", "*thumb*"),
)

# The special ones first: `plain` fits nearly all.
PRESETS: Final[dict[str, Naming]] = {naming.name: naming for naming in (*INSTRUMENTS, FOLDERS, PLAIN)}
