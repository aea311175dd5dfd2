"""Layout `hololens_rgbd`: scenes of posed colour and depth pictures, as a HoloLens recording is often handed on.

    <scene>/images/00103.png     colour
    <scene>/depth/00103.png      depth of the same moment, aligned to it: 16 bits, millimetres, 0 = none
    <scene>/K.txt                3x3 intrinsics of the colour pictures
    <scene>/poses.txt            a line of 16 numbers for each picture, in order: camera-to-world, row by row

Axes are OpenCV's. Intrinsics in such files hold the first pixel's centre to be at (0, 0), as OpenCV's
calibration does; here it is (0.5, 0.5), so half a pixel is added to the principal point.
"""

from __future__ import annotations

import posixpath

import numpy as np
from pydantic import Field

from segassets.datasets.files import Root
from segassets.datasets.footage import label_files, picture_records, pictures_in, stem_of
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import FrameRecord, Scene
from segassets.errors import BadInput
from segassets.strict import StrictModel


class HololensRgbdOptions(StrictModel):
    """Options of the layout."""

    pictures: str = Field("images", description="Folder of the colour pictures in a scene's folder.")
    depth: str = Field("depth", description="Folder of the depth pictures, of the same names.")
    intrinsics: str = Field("K.txt", description="File of the 3 x 3 intrinsics.")
    poses: str = Field("poses.txt", description="File of the camera-to-world poses, a line for each picture.")
    depth_scale_m: float = Field(0.001, gt=0, description="Metres per stored unit of depth.")
    pixel_centre: float = Field(
        0.0, ge=0, le=0.5, description="Where the intrinsics hold the first pixel's centre to be: 0 or 0.5."
    )


class HololensRgbdLayout(Layout[HololensRgbdOptions]):
    """A scene per folder that has pictures and poses; the root may be one scene."""

    options_type = HololensRgbdOptions

    def scene_names(self) -> list[str]:
        return list(self._folders(self.root()))

    def _folders(self, root: Root) -> dict[str, str]:
        """Scene name -> its folder."""
        options = self.options_of()
        if root.is_folder(options.pictures) and root.is_file(options.poses):
            return {self.config.name: ""}
        _, folders = root.listing("")
        found = [name for name in folders if root.is_file(posixpath.join(name, options.poses))]
        if not found:
            raise BadInput(
                f"dataset {self.config.name!r}: expected folders with {options.pictures}/ and {options.poses} in "
                f"{root.url}, found none in its {len(folders)} folders"
            )
        return self.scene_names_for(found)

    def load(self, name: str) -> Scene:
        root, options, key = self.root(), self.options_of(name), self.config.key_of(name)
        folder = self.pick(name, self._folders(root))
        names, ignored = pictures_in(root, posixpath.join(folder, options.pictures))
        files = [posixpath.join(folder, file) for file in (options.intrinsics, options.poses)]
        matrix = _numbers(root, files[0], (3, 3), "a 3 x 3 matrix of intrinsics")
        poses = _numbers(root, files[1], (len(names), 16), "16 numbers of a pose for each picture")
        source_frames, chosen = self.select(name, names)
        frames = picture_records(key, root, source_frames, chosen)
        depth = label_files(root, posixpath.join(folder, options.depth))
        for frame in frames:
            _set_camera(frame, matrix, poses[frame.source_frame], options)
            if stem_of(frame.uri) in depth:
                frame.depth_uri, frame.depth_scale_m = depth[stem_of(frame.uri)], options.depth_scale_m
        return Scene(
            key=key,
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=len(names),
            excluded={"not_a_picture": ignored} if ignored else {},
            inputs=files,
            extras={"camera_convention_of_source": "OpenCV, row-major"},
        )


def _set_camera(
    frame: FrameRecord, matrix: np.ndarray, pose: np.ndarray, options: HololensRgbdOptions
) -> None:
    offset = 0.5 - options.pixel_centre
    frame.fx_px, frame.fy_px = float(matrix[0, 0]), float(matrix[1, 1])
    frame.cx_px, frame.cy_px = float(matrix[0, 2]) + offset, float(matrix[1, 2]) + offset
    frame.camera_to_world = pose.tolist()


def _numbers(root: Root, name: str, shape: tuple[int, int], what: str) -> np.ndarray:
    text = root.read(name).decode("utf-8", "replace")
    try:
        rows = [[float(number) for number in line.split()] for line in text.splitlines() if line.strip()]
        found = np.array(rows, np.float64)
    except ValueError as error:
        raise BadInput(f"{root.location(name)}: expected {what}, found {error}") from error
    if found.shape != shape or not np.isfinite(found).all():
        raise BadInput(
            f"{root.location(name)}: expected {what}, {shape[0]} lines of {shape[1]} finite numbers, found an array "
            f"of shape {found.shape}"
        )
    return found
