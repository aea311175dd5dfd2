"""Settings of the pseudo masks: where they come from, how they are cut. Imports no model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from segassets.strict import StrictModel


class MaskCutConfig(StrictModel):
    """How objects are cut."""

    masks: int = Field(3, ge=1, description="Most objects cut from a picture.")
    tau: float = Field(
        0.4, gt=-1, lt=1, description="Two tokens are alike above this cosine similarity; 0.15 suits DINO."
    )
    max_border: float | None = Field(
        0.3,
        gt=0,
        le=1,
        description="What holds a larger share of the picture's border is background, set aside before cutting goes "
        "on; empty for the published rule, by which every cut gives an object.",
    )
    max_cut: float = Field(
        0.95,
        gt=0,
        le=1,
        description="A cut of a larger eigenvalue is none: everything in the picture is alike.",
    )
    min_area: float = Field(0.01, ge=0, lt=1, description="Smaller masks are dropped (share of the picture).")
    max_overlap: float = Field(
        0.5, gt=0, le=1, description="A mask of larger IoU with an earlier one is dropped."
    )
    min_agreement: float = Field(
        0.5, ge=0, le=1, description="A mask is dropped when its IoU before and after refinement is smaller."
    )
    working_side: int = Field(480, ge=32, description="Longer side, in pixels, at which masks are refined.")
    min_score: float = Field(0.0, ge=0, le=1, description="Masks of a lower score are dropped.")
    seed: int = Field(0, description="Start of the eigenvector's iteration.")


class MaskFolders(StrictModel):
    """Folders of mask pictures, as VideoCutLER leaves them."""

    root: str = Field("", description="Folder of the videos' folders; $VARIABLES are expanded.")
    folder: Literal["name", "key"] = Field(
        "name", description="How a scene's folder is called: its name within the dataset, or its whole key."
    )
    mask_glob: str = Field(
        "mask_*.png",
        description="Names of the mask pictures; where none fit, all PNGs of the folder are taken.",
    )
    shared_ids: Literal["auto", "split", "report"] = Field(
        "auto",
        description="Ids that hold several instances: tell them apart (split), report them, or split those of colours.",
    )


class VideocutlerConfig(StrictModel):
    """VideoCutLER, in an environment of its own (docs/pseudo-tubes.md)."""

    root: str = Field("", description="Folder of CutLER's code; $VARIABLES are expanded.")
    python: str = Field("", description="The Python interpreter of its environment.")
    script: str = Field("videocutler/demo_video/demo.py", description="Its program, relative to root.")
    config_file: str = Field(
        "videocutler/configs/imagenet_video/video_mask2former_R50_cls_agnostic.yaml",
        description="Its configuration, relative to root.",
    )
    weights: str = Field("videocutler_m2f_rn50.pth", description="Its weights, relative to root.")
    confidence: float = Field(0.6, ge=0, le=1, description="Instances of a lower score are not written.")
    arguments: list[str] = Field([], description="Further arguments of the program.")
    options: list[str] = Field([], description="Key, value, key, value, ... over its configuration (--opts).")
    env: dict[str, str] = Field({}, description="Environment variables set for the program.")
    timeout_s: float = Field(
        3600.0, gt=0, description="Seconds without a new mask picture after which it is ended."
    )


class PseudoMaskConfig(StrictModel):
    """Where masks nobody drew come from."""

    source: Literal["maskcut", "videocutler_png", "videocutler"] = Field(
        "maskcut",
        description="maskcut: normalised cuts of features; videocutler_png: folders of mask_*.png that are there; "
        "videocutler: VideoCutLER is run.",
    )
    strict: bool = Field(
        False,
        description="Fail for a scene whose mask pictures cannot be used, instead of recording it as skipped.",
    )
    frame_stride: int = Field(4, ge=1, description="maskcut: every n-th selected frame is cut.")
    features: Literal["encoder", "dino"] = Field(
        "encoder",
        description="maskcut: features of the run's model (learned with supervision), or the keys of a DINO.",
    )
    min_tokens: int = Field(
        30,
        ge=4,
        description="maskcut: tokens along a side at least; the run's model sees a larger picture where it gives "
        "fewer.",
    )
    colour: bool = Field(
        True, description="maskcut: the mean colour of a token counts as much as the model's features."
    )
    dino_model: str = Field("facebook/dino-vitb8", description="maskcut: a hub id or the folder of a model.")
    dino_side: int = Field(
        480,
        ge=32,
        description="maskcut: side of the picture DINO sees, in pixels; a multiple of its patches.",
    )
    maskcut: MaskCutConfig = Field(MaskCutConfig(), description="How objects are cut.")
    masks: MaskFolders = Field(MaskFolders(), description="videocutler_png: where the pictures lie.")
    videocutler: VideocutlerConfig = Field(VideocutlerConfig(), description="videocutler: how it is run.")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> PseudoMaskConfig:
        if self.source == "videocutler_png" and not self.masks.root:
            raise ValueError("source 'videocutler_png' needs masks.root, the folder of the videos' masks")
        if self.source == "videocutler" and not (self.videocutler.root and self.videocutler.python):
            raise ValueError("source 'videocutler' needs videocutler.root and videocutler.python")
        return self
