"""How the nano embedder learns: crops of objects against captions of all of them, several of which may be true.

A caption names some of an object's colour, pattern and category, so that every word is learned for itself. What is
true of what follows from the words, and a crop's likeness to all captions true of it is what the softmax is held to
(the loss of Radford et al. 2021, with more than one right answer).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from segassets.datasets.rooms.captions import caption
from segassets.learning.room_clips import recolour
from segassets.learning.room_views import RoomViews, ViewPool
from segassets.learning.timed_loop import TimedLoop
from segassets.learning.views_config import ViewsConfig
from segassets.models.embedding.crops import masked_crop
from segassets.models.embedding.nano import NanoClip
from segassets.models.embedding.nano_embedder import square_picture
from segassets.models.embedding.vocabulary import THING, padded

MIN_AREA_PX = 120
# Which of colour, pattern, category a caption names, and how often.
NAMED = ((1, 1, 1), (1, 0, 1), (0, 1, 1), (0, 0, 1), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 0))
SHARES = (0.4, 0.17, 0.08, 0.17, 0.08, 0.05, 0.03, 0.02)


@dataclass(frozen=True)
class Look:
    """What can be said of a crop."""

    colour: str
    pattern: str
    category: str


@dataclass(frozen=True)
class Said:
    """A caption, and what it claims; empty where it is silent."""

    text: str
    colour: str
    pattern: str
    category: str

    def true_of(self, look: Look) -> bool:
        """Whether all that it claims holds."""
        pairs = ((self.colour, look.colour), (self.pattern, look.pattern), (self.category, look.category))
        return all(not claimed or claimed == found for claimed, found in pairs)


@dataclass
class WordsLoop(TimedLoop):
    """See TimedLoop; `size_px` is the side of the crops."""

    size_px: int = 96

    @property
    def _config(self) -> ViewsConfig:
        assert isinstance(self.config, ViewsConfig)
        return self.config

    @property
    def picture_px(self) -> int:
        """Side of the crops at this time."""
        config = self._config
        return min(config.small_size_px, self.size_px) if self.progress < config.small_share else self.size_px

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Of a batch of crops and as many captions."""
        assert isinstance(self.pool, ViewPool) and isinstance(self.network, NanoClip)
        crops: list[torch.Tensor] = []
        looks: list[Look] = []
        while len(crops) < self._config.batch:
            found = draw_crop(self.pool.rooms[rng.integers(len(self.pool.rooms))], rng, self.picture_px)
            if found is not None:
                crops.append(found[0])
                looks.append(found[1])
        captions = [draw_caption(look, rng) for look in looks]
        with torch.autocast("cpu", torch.bfloat16, enabled=self._config.bf16):
            seen = self.network.see(torch.cat(crops))
        read = self.network.read(torch.tensor(padded([said.text for said in captions])))
        truth = torch.tensor([[said.true_of(look) for said in captions] for look in looks]).float()
        loss = both_ways(self.network.sharpness() * seen.float() @ read.T, truth)
        self.window["train/loss"].append(float(loss.detach()))
        return loss

    def judge(self, whole: bool = False) -> dict[str, float]:
        """How often the right category, colour and pattern is the likeliest word, on rooms it does not learn from."""
        assert isinstance(self.check, ViewPool) and isinstance(self.network, NanoClip)
        self.network.eval()
        crops, looks = check_crops(self.check.rooms, self.size_px)
        with torch.no_grad():
            seen = torch.cat(
                [self.network.see(torch.cat(crops[i : i + 64])) for i in range(0, len(crops), 64)]
            )
            found = {}
            for name in ("category", "colour", "pattern"):
                words = sorted({getattr(look, name) for look in looks})
                read = self.network.read(torch.tensor(padded([f"the {word} thing" for word in words])))
                best = (seen @ read.T).argmax(dim=1).tolist()
                right = [words[k] == getattr(look, name) for k, look in zip(best, looks, strict=True)]
                found[f"check/{name}"] = float(np.mean(right))
        self.network.train()
        return found


def both_ways(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Cross entropy of crops over captions and of captions over crops, every true pair equally right. Both (N, N)."""
    rows = truth / truth.sum(dim=1, keepdim=True)
    columns = truth / truth.sum(dim=0, keepdim=True)
    return 0.5 * (F.cross_entropy(logits, rows) + F.cross_entropy(logits.T, columns.T))


def draw_crop(room: RoomViews, rng: np.random.Generator, size_px: int) -> tuple[torch.Tensor, Look] | None:
    """A random object of a random view, (1, 3, S, S) of 0 to 1; None where that view shows too little of it."""
    view, number = int(rng.integers(len(room.rgb))), int(rng.integers(len(room.words)))
    mask = room.objects[view] == number + 1
    if mask.sum() < MIN_AREA_PX:
        return None
    if rng.random() < 0.3:
        mask = _hidden_more(mask, rng)
    picture = room.rgb[view]
    if rng.random() < 0.5:
        picture, mask = picture[:, ::-1], mask[:, ::-1]
    crop = square_picture(masked_crop(picture, mask), size_px)
    seen = (crop.amax(dim=1, keepdim=True) > 0).float()
    return recolour(crop, rng, strength=0.35).clamp(min=1 / 255) * seen, _look(room, number)


def _hidden_more(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mask of which a band along one side is cut off, up to four tenths of its box; itself where little is left."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    cut = mask.copy()
    share, side = rng.uniform(0.1, 0.4), int(rng.integers(4))
    if side < 2:
        edge = rows[int(share * (len(rows) - 1))] if side == 0 else rows[int((1 - share) * (len(rows) - 1))]
        cut[slice(None, edge) if side == 0 else slice(edge + 1, None)] = False
    else:
        edge = (
            columns[int(share * (len(columns) - 1))]
            if side == 2
            else columns[int((1 - share) * (len(columns) - 1))]
        )
        cut[:, slice(None, edge) if side == 2 else slice(edge + 1, None)] = False
    return cut if cut.sum() >= MIN_AREA_PX else mask


def _look(room: RoomViews, number: int) -> Look:
    _, _, colour, pattern, category = (str(word) for word in room.words[number])
    return Look(colour, pattern, category)


def draw_caption(look: Look, rng: np.random.Generator) -> Said:
    """A caption that is true of a crop and names some of what can be said of it."""
    colour, pattern, category = NAMED[int(rng.choice(len(NAMED), p=SHARES))]
    claimed = (
        look.colour if colour else "",
        look.pattern if pattern else "",
        look.category if category else "",
    )
    # a caption without a pattern's word claims nothing of it: nobody says "the plain box"
    if claimed[1] == "plain" and rng.random() < 0.7:
        claimed = (claimed[0], "", claimed[2])
    return Said(wording(*claimed), *claimed)


def wording(colour: str, pattern: str, category: str) -> str:
    """The words for colour, pattern and category, any of which may be empty, as a caption of a room has them."""
    if pattern == "plain":
        return f"the {colour} plain {category or THING}"
    return caption(category or THING, "", colour, pattern)


def check_crops(rooms: list[RoomViews], size_px: int) -> tuple[list[torch.Tensor], list[Look]]:
    """All objects of the first view of rooms, as they are."""
    crops, looks = [], []
    for room in rooms:
        for number in range(len(room.words)):
            mask = room.objects[0] == number + 1
            if mask.sum() >= MIN_AREA_PX:
                crops.append(square_picture(masked_crop(room.rgb[0], mask), size_px))
                looks.append(_look(room, number))
    return crops, looks
