"""The pictures of a scene as numbered JPEG files, as video segmentation tools read them."""

from __future__ import annotations

from pathlib import Path

from segassets.exports.source import ExportSource

SAM2_LIST = (
    "sam2.txt"  # names with an ending: sam2's readers take what stands before the last dot of each line
)


def write_jpegs(source: ExportSource, folder: Path, *, names: str = "frame", link: bool = True) -> None:
    """Write `<folder>/%05d.jpg` of every frame.

    Args:
        names: the column of the frames table that numbers the files, frame or source_frame.
        link: make symbolic links where a frame is a local JPEG file; write the others.
    """
    from PIL import Image

    from segassets.datasets.frames import FrameSource

    folder.mkdir(parents=True)
    root = source.facts["root"]
    rest: dict[int, Path] = {}
    for at, frame in enumerate(source.frame_rows):
        target = folder / f"{frame[names]:05d}.jpg"
        original = _local_jpeg(root, frame["uri"])
        if link and original is not None:
            target.symlink_to(original)
        else:
            rest[at] = target
    for at, rgb in FrameSource(source.frames, root).iterate(sorted(rest)) if rest else ():
        Image.fromarray(rgb).save(rest[at], format="JPEG", quality=95, subsampling=0)


def _local_jpeg(root: str, uri: str) -> Path | None:
    """The file itself where it is a JPEG on this machine."""
    if "://" in root or "#" in uri or not uri.lower().endswith((".jpg", ".jpeg")):
        return None
    path = (Path(root) / uri).absolute()
    return path if path.is_file() else None
