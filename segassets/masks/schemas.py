"""The Arrow schemas of every table the platform stores: written, checked and documented from this one definition."""

from __future__ import annotations

import pyarrow as pa


def _field(name: str, kind: pa.DataType, doc: str, *, null: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=null, metadata={"doc": doc})


FRAMES = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("frame", pa.int32(), "index in the selection, from 0"),
        _field("source_frame", pa.int32(), "index in the whole footage, from 0"),
        _field("uri", pa.string(), "picture relative to the dataset's root, or 'video.mp4#index'"),
        _field("timestamp_s", pa.float64(), "seconds since the first frame of the footage", null=True),
        _field("height", pa.int32(), "pixels"),
        _field("width", pa.int32(), "pixels"),
        _field(
            "annotated", pa.bool_(), "true where the annotations cover this frame, even when they are empty"
        ),
        _field("fx_px", pa.float64(), "focal length along x", null=True),
        _field("fy_px", pa.float64(), "focal length along y", null=True),
        _field("cx_px", pa.float64(), "principal point x, pixel centres at +0.5", null=True),
        _field("cy_px", pa.float64(), "principal point y, pixel centres at +0.5", null=True),
        _field(
            "camera_to_world", pa.list_(pa.float64()), "4x4 pose, row-major, OpenCV axes, metres", null=True
        ),
        _field("depth_uri", pa.string(), "depth picture relative to the dataset's root", null=True),
        _field("depth_scale_m", pa.float64(), "metres per stored depth unit", null=True),
    ]
)

MASKS = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("frame", pa.int32(), "index in the selection, from 0"),
        _field("source_frame", pa.int32(), "index in the whole footage, from 0"),
        _field("mask_id", pa.int64(), "unique in the table, from 1"),
        _field("track_id", pa.int64(), "identity through time, 0 = none"),
        _field("parent_id", pa.int64(), "mask_id of the enclosing mask on the same frame, 0 = none"),
        _field("level", pa.int8(), "2 whole, 4 part, 6 sub-part"),
        _field("category_id", pa.int32(), "-1 = none; 0 is a valid category"),
        _field("score", pa.float32(), "confidence of the mask in [0, 1]", null=True),
        _field("stability", pa.float32(), "IoU of the mask at a raised and a lowered threshold", null=True),
        _field("predicted_iou", pa.float32(), "the network's own estimate", null=True),
        _field("area", pa.int64(), "pixels, > 0"),
        _field(
            "bbox_xywh", pa.list_(pa.float32(), 4), "x, y, width, height; half-open; as pycocotools gives"
        ),
        _field("height", pa.int32(), "pixels of the frame"),
        _field("width", pa.int32(), "pixels of the frame"),
        _field("rle_counts", pa.string(), "COCO compressed run lengths, column-major, size (height, width)"),
        _field("source", pa.string(), "annotation | candidate | gap_fill | track | tube | maskcut | ..."),
    ]
)

TRACKS = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("track_id", pa.int64(), "stable identity, from 1"),
        _field("level", pa.int8(), "level of the candidate that founded the track"),
        _field("source_frame_born", pa.int32(), "source frame of its first mask"),
        _field("source_frame_last", pa.int32(), "source frame of its last mask"),
        _field("frames", pa.int32(), "number of frames with a mask"),
        _field("prompt_mask_ids", pa.list_(pa.int64()), "candidates that founded or supported it"),
        _field("mean_score", pa.float32(), "mean over its masks", null=True),
        _field("retired_because", pa.string(), "end_of_footage | left_view | unsupported"),
    ]
)

TUBES = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("track_id", pa.int64(), "identity, the track the tube was made of"),
        _field("category_id", pa.int32(), "-1 = none; 0 is a valid category"),
        _field("score", pa.float32(), "confidence of the tube in [0, 1]"),
        _field("frames", pa.int32(), "number of frames with a mask"),
        _field("coverage", pa.float32(), "share of the scene's frames with a mask"),
    ]
)

METRICS = pa.schema(
    [
        _field("scene", pa.string(), "scene key, or experiment"),
        _field("asset", pa.string(), "the asset measured"),
        _field("metric", pa.string(), "name of the figure"),
        _field("value", pa.float64(), "the figure", null=True),
        _field("n", pa.int64(), "number of items it is computed over"),
        _field("aggregation", pa.string(), "how the items were combined"),
    ]
)

CLIPS = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("clip", pa.int32(), "number of the clip, from 0"),
        _field("frames", pa.list_(pa.int32()), "its frames (index in the selection), in order of time"),
        _field("source_frames", pa.list_(pa.int32()), "the same frames in the whole footage"),
        _field("objects", pa.list_(pa.int64()), "objects on its first frame"),
        _field("late_objects", pa.list_(pa.int64()), "objects that appear on a later one"),
    ]
)

DEPTH_MAPS = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("frame", pa.int32(), "index in the selection, from 0"),
        _field("source_frame", pa.int32(), "index in the whole footage, from 0"),
        _field("height", pa.int32(), "pixels of the map, which may be smaller than the picture"),
        _field("width", pa.int32(), "pixels of the map"),
        _field("kind", pa.string(), "metric, relative_inverse (1/z up to scale and shift) or disparity"),
        _field("unit", pa.string(), "of the stored values: m, none or px"),
        _field("invalid_rule", pa.string(), "which values are no depth"),
        _field("valid_px", pa.int64(), "pixels with depth"),
        _field("source", pa.string(), "sensor, or the name of the model"),
        _field(
            "method", pa.string(), "how scale and shift were found: none, points, range, baseline, arbitrary"
        ),
        _field(
            "depth_unit",
            pa.string(),
            "of the depth they give: m or arbitrary; none when not aligned",
            null=True,
        ),
        _field("scale", pa.float64(), "z = scale x value + shift for metric maps, else 1/z", null=True),
        _field("shift", pa.float64(), "see scale", null=True),
        _field("points_given", pa.int32(), "known points", null=True),
        _field("points_used", pa.int32(), "those that are no outliers", null=True),
        _field("residual", pa.float64(), "median of |z - z known| / z known over the points used", null=True),
    ]
)

SCENE_INSTANCES = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field(
            "instance_id", pa.int64(), "stable identity: the id of its first track, or one beyond all tracks"
        ),
        _field("track_ids", pa.list_(pa.int64()), "the tracks it was fused from, ascending"),
        _field("category_id", pa.int32(), "-1 = none; 0 is a valid category"),
        _field("confidence", pa.float32(), "in [0, 1]: mean mask score x consensus x views / (views + 1)"),
        _field("space", pa.string(), "axes of points and box: world, camera (of best_frame) or none"),
        _field("unit", pa.string(), "of points and box: m, arbitrary or none"),
        _field("points_uri", pa.string(), "its points, relative to the artifact", null=True),
        _field("points", pa.int32(), "how many points"),
        _field("obb_center", pa.list_(pa.float64()), "x, y, z of the centre of its box", null=True),
        _field(
            "obb_axes",
            pa.list_(pa.float64()),
            "unit vectors of the box's edges, one after the other",
            null=True,
        ),
        _field(
            "obb_size", pa.list_(pa.float64()), "lengths of the box's edges, in order of the axes", null=True
        ),
        _field("views", pa.list_(pa.int32()), "frames on which it is seen, ascending"),
        _field("best_frame", pa.int32(), "the frame on which its masks are largest"),
        _field(
            "best_bbox_xywh",
            pa.list_(pa.float32(), 4),
            "box around its masks there; x, y, width, height; half-open",
        ),
    ]
)

LIFTED_MASKS = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("frame", pa.int32(), "index in the selection, from 0"),
        _field("mask_id", pa.int64(), "mask of the table that lift.json names"),
        _field("track_id", pa.int64(), "its identity through time, 0 = none"),
        _field("points", pa.int64(), "pixels of the mask that became points, before points were thinned"),
        _field(
            "excluded",
            pa.string(),
            "why it has none: empty_mask, mask_without_depth, frame_without_points",
            null=True,
        ),
    ]
)

MASK_EMBEDDINGS = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("frame", pa.int32(), "index in the selection, from 0"),
        _field("source_frame", pa.int32(), "index in the whole footage, from 0"),
        _field("mask_id", pa.int64(), "the mask that was embedded"),
        _field("track_id", pa.int64(), "its track, 0 = none"),
        _field("level", pa.int8(), "2 whole, 4 part, 6 sub-part"),
        _field("area", pa.int64(), "pixels"),
    ]
)

TRACK_EMBEDDINGS = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("track_id", pa.int64(), "ascending"),
        _field("views", pa.list_(pa.int32()), "frames of the masks it was pooled over, the largest first"),
        _field("mask_ids", pa.list_(pa.int64()), "these masks"),
    ]
)
