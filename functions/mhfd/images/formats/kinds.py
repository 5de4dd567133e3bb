"""What a file is: by its content first, then by its name. Formats that are not read are refused by name.

It looks at the first bytes only and decodes nothing.
"""

from pathlib import PurePath
from typing import Final, Literal

from mhfd.images.flaw import incomplete, not_ours
from mhfd.images.formats import bmp

Kind = Literal["bmp", "jpeg", "mrc", "png", "tiff"]

_TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
# (offset, content, what it is)
_REFUSED: Final = (
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"\x93NUMPY", "NumPy"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"ZISRAWFILE", "CZI"),
    (0, b"%PDF", "PDF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"PK\3\4", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"BZh", "bzip2"),
    (0, b"II\x97\x01", "TIA SER"),
    (0, b"\0\0\0\3\0", "DM3"),
    (0, b"\0\0\0\4\0\0\0\0", "DM4"),
)
_SUFFIXES: Final = {
    ".czi": "CZI",
    ".dm3": "DM3",
    ".dm4": "DM4",
    ".emd": "HDF5",
    ".fits": "FITS",
    ".gif": "GIF",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".ims": "HDF5",
    ".jp2": "JPEG 2000",
    ".lif": "LIF",
    ".n5": "N5",
    ".nd2": "ND2",
    ".npy": "NumPy",
    ".npz": "NumPy",
    ".raw": "raw",
    ".ser": "TIA SER",
    ".webp": "WebP",
    ".zarr": "Zarr",
    ".zip": "ZIP",
}
_MRC: Final = (".mrc", ".mrcs")
_MRC_AT: Final = 208
_READ: Final = (".tif", ".tiff", ".btf", ".tf8", ".png", ".bmp", ".jpg", ".jpeg", *_MRC)


def recognise(head: bytes, name: str) -> Kind:
    """Which reader takes a file that begins with these bytes, or a `Flaw` that names what it is."""
    if head.startswith(_TIFF):
        return "tiff"
    if head.startswith(_PNG):
        return "png"
    if head.startswith(_JPEG):
        return "jpeg"
    if _is_bmp(head):
        return "bmp"
    suffix = PurePath(name).suffix.lower()
    if head[_MRC_AT : _MRC_AT + 3] == b"MAP" or (suffix in _MRC and len(head) < _MRC_AT + 4):
        return "mrc"
    if any(magic.startswith(head) for magic in (*_TIFF, _PNG, _JPEG, b"BM")):
        raise incomplete(f"only the first {len(head)} bytes are there; copy the file again")
    for offset, magic, what in _REFUSED:
        if head[offset : offset + len(magic)] == magic:
            raise not_ours(f"{what} files are not read; export TIFF or PNG")
    if suffix in _READ and not any(head):
        raise incomplete("the file begins with zeros: its content was not written yet; copy it again")
    if suffix in _SUFFIXES:
        raise not_ours(f"{_SUFFIXES[suffix]} files are not read; export TIFF or PNG")
    kind = "text" if _is_text(head) else "no format that is read"
    named = f" though it is named {suffix}" if suffix in _READ else ""
    raise not_ours(f"not an image: its content is {kind}{named}; export TIFF or PNG")


def _is_bmp(head: bytes) -> bool:
    """Two letters are not enough: any text may begin with them. The length of the second header is one of a few."""
    return head[:2] == b"BM" and (len(head) < 18 or int.from_bytes(head[14:18], "little") in bmp.HEADERS)


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in (9, 10, 13) for byte in head)
