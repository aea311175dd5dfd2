"""The layouts by name, and what each of them is: a class that lists a dataset's scenes and loads one.

A layout's module is imported when it is used. A new layout is a subclass of `Layout` and a line in `LAYOUTS`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from segassets.datasets.config import DatasetConfig, SceneRange, parse_frames
from segassets.datasets.files import Root
from segassets.datasets.scene import Scene
from segassets.errors import BadConfig, BadInput, did_you_mean
from segassets.storage.keys import MAX_KEY_LENGTH, to_key
from segassets.strict import StrictModel, parse

LAYOUTS = {
    "folder": "segassets.datasets.folder:FolderLayout",
    "video": "segassets.datasets.video:VideoLayout",
    "coco": "segassets.datasets.coco:CocoLayout",
    "davis": "segassets.datasets.davis:DavisLayout",
    "ytvis": "segassets.datasets.ytvis:YtvisLayout",
    "multiscan": "segassets.datasets.multiscan:MultiscanLayout",
    "multiscan_decoded": "segassets.datasets.multiscan_decoded:MultiscanDecodedLayout",
    "hololens_rgbd": "segassets.datasets.hololens_rgbd:HololensRgbdLayout",
    "class_maps": "segassets.datasets.class_maps:ClassMapsLayout",
    "coco_video": "segassets.datasets.coco_video:CocoVideoLayout",
    "roboflow": "segassets.datasets.roboflow:RoboflowLayout",
    "sa1b": "segassets.datasets.sa1b:Sa1bLayout",
    "sav": "segassets.datasets.sav:SavLayout",
    "voc": "segassets.datasets.voc:VocLayout",
    "cityscapes": "segassets.datasets.cityscapes:CityscapesLayout",
    "rooms": "segassets.datasets.rooms.layout:RoomsLayout",
}

T = TypeVar("T")
OptionsT = TypeVar("OptionsT", bound=StrictModel)


class NoOptions(StrictModel):
    """A layout without options."""


class Layout(ABC, Generic[OptionsT]):
    """The scenes of one dataset; generic in the model of its options.

    Attributes:
        options_type: the model of the layout's options in the dataset's config.
        requires_categories: a training on it refuses categories without masks, unless its config says otherwise.
        config: the dataset.
    """

    options_type: ClassVar[type[Any]] = NoOptions
    requires_categories: ClassVar[bool] = False

    def __init__(self, config: DatasetConfig) -> None:
        self.config = config

    @abstractmethod
    def scene_names(self) -> list[str]:
        """Names of all scenes under the root, in order, before the config's choice; cheap."""

    @abstractmethod
    def load(self, name: str) -> Scene:
        """The scene of one of these names, frames selected."""

    def chosen_names(self) -> list[str]:
        """Names of the scenes the config chooses.

        Raises:
            BadConfig: the config names a scene that is not there.
        """
        names = self.scene_names()
        wanted = self.config.scenes
        for scene in [*(wanted if isinstance(wanted, list) else ()), *self.config.overrides]:
            if scene not in names:
                hint = did_you_mean(scene, names[:50])
                raise BadConfig(f"dataset {self.config.name!r} has no scene {scene!r}.{hint}")
        if isinstance(wanted, list):
            return list(dict.fromkeys(wanted))
        if isinstance(wanted, SceneRange):
            start, end = wanted.start or "", wanted.end
            return [name for name in names if start <= name and (end is None or name <= end)]
        return names

    def options_of(self, name: str | None = None) -> OptionsT:
        """The layout's options in force for a scene, or for the dataset."""
        where = f"dataset {self.config.name!r}: options"
        data = self.config.options if name is None else self.config.options_of(name)
        return parse(self.options_type, data, where)

    def root(self) -> Root:
        """The dataset's root.

        Raises:
            MissingInput: it does not exist, or a variable in it is not set.
        """
        root = Root(self.config.root_url(), follow_links=self.config.follow_links)
        root.require(self.config.name)
        return root

    def select(self, name: str, frames: Sequence[T]) -> tuple[list[int], list[T]]:
        """Source frames (indices into `frames`) and frames of the selection in force for a scene.

        Raises:
            BadInput: the selection is empty; names scene and slice.
        """
        text = self.config.frames_of(name)
        chosen = list(range(len(frames)))[parse_frames(text)]
        if not chosen:
            key = self.config.key_of(name)
            raise BadInput(
                f"scene {key}: the frame selection {text!r} selects none of its {len(frames)} frames; "
                "correct `frames` of the dataset or the scene"
            )
        return chosen, [frames[index] for index in chosen]

    def pick(self, name: str, sources: Mapping[str, T]) -> T:
        """The source of a scene.

        Raises:
            BadConfig: there is no scene of this name; suggests the nearest.
        """
        if name not in sources:
            hint = did_you_mean(name, list(sources)[:50])
            raise BadConfig(f"dataset {self.config.name!r} has no scene {name!r} in its layout.{hint}")
        return sources[name]

    def scene_names_for(self, sources: Iterable[str]) -> dict[str, str]:
        """Scene name -> source name (folder, file, video) for names that may hold any characters.

        Raises:
            BadInput: two sources would get the same scene name.
        """
        names: dict[str, str] = {}
        for source in sources:
            name = to_scene_name(source, MAX_KEY_LENGTH - len(self.config.name) - 1)
            if name in names:
                raise BadInput(
                    f"dataset {self.config.name!r}: {names[name]!r} and {source!r} would be the same scene "
                    f"{name!r}; rename one of them"
                )
            names[name] = source
        return names


def to_scene_name(source: str, max_length: int = MAX_KEY_LENGTH) -> str:
    """A name that may stand in a key: what a key cannot hold becomes '-', what would be lost gets a hash."""
    name = to_key(source)
    lost = sum(not char.isascii() for char in source) > len(source) // 2
    if len(name) > max_length or lost:
        name = f"{name[: max_length - 9]}-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    return name


def layout_class(name: str) -> type[Layout]:
    """The class of a layout's name."""
    if name not in LAYOUTS:
        raise BadConfig(f"unknown layout {name!r}.{did_you_mean(name, LAYOUTS)}")
    module, _, attribute = LAYOUTS[name].partition(":")
    return getattr(import_module(module), attribute)


def make_layout(config: DatasetConfig) -> Layout:
    """The layout of a dataset, ready to list and load."""
    return layout_class(config.layout)(config)


def check_options(config: DatasetConfig, where: str) -> None:
    """Raises BadConfig for options that the layout does not know, of the dataset and of its overrides."""
    options_type = layout_class(config.layout).options_type
    parse(options_type, config.options, f"{where}: options")
    for scene in config.overrides:
        parse(options_type, config.options_of(scene), f"{where}: overrides.{scene}.options")
