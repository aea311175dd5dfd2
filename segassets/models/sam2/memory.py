"""What SAM 2 remembers of a batch of objects: the founding frame and a short ring of later frames.

The network attends to the founding frame, the last `num_maskmem - 1` mask memories and the last
`max_obj_ptrs_in_encoder - 1` object pointers, and to nothing older, so keeping just these loses nothing
(SAM 2, Ravi et al. 2024, section 4).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class FrameMemory:
    """The mask memory of one frame, of B objects.

    Attributes:
        features: bfloat16 (B, HW, C_mem).
        keys: what they add to the keys of each layer of memory attention (B, HW, C), or nothing: Recall projects them
            anew where it needs them.
    """

    features: torch.Tensor
    keys: tuple[torch.Tensor, ...] = ()

    def select(self, at: torch.Tensor) -> FrameMemory:
        """Rows `at` (int64) of all tensors."""
        return FrameMemory(
            self.features.index_select(0, at), tuple(key.index_select(0, at) for key in self.keys)
        )

    @staticmethod
    def merge(memories: Sequence[FrameMemory]) -> FrameMemory:
        """Rows of all, one memory after the other; keys are dropped where one has none."""
        keys = zip(*(memory.keys for memory in memories), strict=False)
        return FrameMemory(
            torch.cat([memory.features for memory in memories]), tuple(torch.cat(layer) for layer in keys)
        )


@dataclass
class ObjectMemory:
    """Memories of B objects that have seen equally many frames since they were founded (or at least a full ring).

    Attributes:
        founded: frame of each object's prompt, int64 (B,).
        founding: mask memory of the prompt frame.
        founding_pointer: object pointer of the prompt frame (B, C).
        frames: mask memories of later frames, oldest first.
        pointers: object pointers of later frames, oldest first, each (B, C).
    """

    founded: np.ndarray
    founding: FrameMemory
    founding_pointer: torch.Tensor
    frames: deque[FrameMemory]
    pointers: deque[torch.Tensor]

    def __len__(self) -> int:
        return len(self.founded)

    @property
    def is_full(self) -> bool:
        """Whether the ring holds all it ever will: such memories can be merged whatever their ages."""
        return len(self.pointers) == self.pointers.maxlen and len(self.frames) == self.frames.maxlen

    def remember(self, frame: FrameMemory, pointer: torch.Tensor) -> None:
        """Add the newest frame; the oldest falls out of a full ring."""
        self.frames.append(frame)
        self.pointers.append(pointer)

    def select(self, positions: Sequence[int]) -> ObjectMemory:
        """The memories of some of the objects, in the order given."""
        at = torch.as_tensor(list(positions), dtype=torch.long, device=self.founding_pointer.device)
        return ObjectMemory(
            founded=self.founded[list(positions)],
            founding=self.founding.select(at),
            founding_pointer=self.founding_pointer.index_select(0, at),
            frames=deque((item.select(at) for item in self.frames), self.frames.maxlen),
            pointers=deque((item.index_select(0, at) for item in self.pointers), self.pointers.maxlen),
        )

    def fresh(self) -> ObjectMemory:
        """The same objects with nothing but their founding frame, e.g. to follow them the other way."""
        return ObjectMemory(
            self.founded,
            self.founding,
            self.founding_pointer,
            deque(maxlen=self.frames.maxlen),
            deque(maxlen=self.pointers.maxlen),
        )

    @staticmethod
    def merge(memories: Sequence[ObjectMemory]) -> ObjectMemory:
        """One batch of several; all must hold equally many frames."""
        first = memories[0]
        return ObjectMemory(
            founded=np.concatenate([memory.founded for memory in memories]),
            founding=FrameMemory.merge([memory.founding for memory in memories]),
            founding_pointer=torch.cat([memory.founding_pointer for memory in memories]),
            frames=deque(
                (FrameMemory.merge(items) for items in zip(*(m.frames for m in memories), strict=True)),
                first.frames.maxlen,
            ),
            pointers=deque(
                (torch.cat(items) for items in zip(*(m.pointers for m in memories), strict=True)),
                first.pointers.maxlen,
            ),
        )

    def to_arrays(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Tensors and plain values from which `from_arrays` makes the same memory."""
        tensors = {"founding_features": self.founding.features, "founding_pointer": self.founding_pointer}
        tensors |= {f"features.{index}": item.features for index, item in enumerate(self.frames)}
        tensors |= {f"pointers.{index}": item for index, item in enumerate(self.pointers)}
        plain = {
            "founded": self.founded.tolist(),
            "features": [len(self.frames), self.frames.maxlen],
            "pointers": [len(self.pointers), self.pointers.maxlen],
        }
        return {name: item.cpu().contiguous() for name, item in tensors.items()}, plain

    @classmethod
    def from_arrays(
        cls,
        tensors: dict[str, torch.Tensor],
        plain: dict[str, Any],
        device: torch.device,
        frame_of: Callable[[torch.Tensor], FrameMemory],
    ) -> ObjectMemory:
        """The memory that `to_arrays` described, on `device`; `frame_of` makes frames of their features."""

        def ring(name: str) -> deque[torch.Tensor]:
            length, capacity = plain[name]
            return deque((tensors[f"{name}.{index}"].to(device) for index in range(length)), capacity)

        features = ring("features")

        return cls(
            founded=np.asarray(plain["founded"], np.int64),
            founding=frame_of(tensors["founding_features"].to(device)),
            founding_pointer=tensors["founding_pointer"].to(device),
            frames=deque((frame_of(item) for item in features), features.maxlen),
            pointers=ring("pointers"),
        )
