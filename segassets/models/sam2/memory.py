"""What SAM 2 remembers of a batch of objects: the founding frame and a short ring of later frames.

The network attends to the founding frame, the last `num_maskmem - 1` mask memories and the last
`max_obj_ptrs_in_encoder - 1` object pointers, and to nothing older, so keeping just these loses nothing
(SAM 2, Ravi et al. 2024, section 4).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass
class ObjectMemory:
    """Memories of B objects that have seen equally many frames since they were founded (or at least a full ring).

    Attributes:
        founded: frame of each object's prompt, int64 (B,).
        founding_features: mask memory of the prompt frame, bfloat16 (B, HW, C_mem).
        founding_pointer: object pointer of the prompt frame (B, C).
        features: mask memories of later frames, oldest first, each (B, HW, C_mem).
        pointers: object pointers of later frames, oldest first, each (B, C).
    """

    founded: np.ndarray
    founding_features: torch.Tensor
    founding_pointer: torch.Tensor
    features: deque[torch.Tensor]
    pointers: deque[torch.Tensor]

    def __len__(self) -> int:
        return len(self.founded)

    @property
    def is_full(self) -> bool:
        """Whether the ring holds all it ever will: such memories can be merged whatever their ages."""
        return len(self.pointers) == self.pointers.maxlen and len(self.features) == self.features.maxlen

    def remember(self, features: torch.Tensor, pointer: torch.Tensor) -> None:
        """Add the newest frame; the oldest falls out of a full ring."""
        self.features.append(features)
        self.pointers.append(pointer)

    def select(self, positions: Sequence[int]) -> ObjectMemory:
        """The memories of some of the objects, in the order given."""
        at = torch.as_tensor(list(positions), dtype=torch.long, device=self.founding_pointer.device)
        return ObjectMemory(
            founded=self.founded[list(positions)],
            founding_features=self.founding_features.index_select(0, at),
            founding_pointer=self.founding_pointer.index_select(0, at),
            features=deque((item.index_select(0, at) for item in self.features), self.features.maxlen),
            pointers=deque((item.index_select(0, at) for item in self.pointers), self.pointers.maxlen),
        )

    def fresh(self) -> ObjectMemory:
        """The same objects with nothing but their founding frame, e.g. to follow them the other way."""
        return ObjectMemory(
            self.founded,
            self.founding_features,
            self.founding_pointer,
            deque(maxlen=self.features.maxlen),
            deque(maxlen=self.pointers.maxlen),
        )

    @staticmethod
    def merge(memories: Sequence[ObjectMemory]) -> ObjectMemory:
        """One batch of several; all must hold equally many frames."""
        first = memories[0]
        return ObjectMemory(
            founded=np.concatenate([memory.founded for memory in memories]),
            founding_features=torch.cat([memory.founding_features for memory in memories]),
            founding_pointer=torch.cat([memory.founding_pointer for memory in memories]),
            features=deque(
                (torch.cat(items) for items in zip(*(m.features for m in memories), strict=True)),
                first.features.maxlen,
            ),
            pointers=deque(
                (torch.cat(items) for items in zip(*(m.pointers for m in memories), strict=True)),
                first.pointers.maxlen,
            ),
        )

    def to_arrays(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Tensors and plain values from which `from_arrays` makes the same memory."""
        tensors = {"founding_features": self.founding_features, "founding_pointer": self.founding_pointer}
        tensors |= {f"features.{index}": item for index, item in enumerate(self.features)}
        tensors |= {f"pointers.{index}": item for index, item in enumerate(self.pointers)}
        plain = {
            "founded": self.founded.tolist(),
            "features": [len(self.features), self.features.maxlen],
            "pointers": [len(self.pointers), self.pointers.maxlen],
        }
        return {name: item.cpu().contiguous() for name, item in tensors.items()}, plain

    @classmethod
    def from_arrays(
        cls, tensors: dict[str, torch.Tensor], plain: dict[str, Any], device: torch.device
    ) -> ObjectMemory:
        """The memory that `to_arrays` described, on `device`."""

        def ring(name: str) -> deque[torch.Tensor]:
            length, capacity = plain[name]
            return deque((tensors[f"{name}.{index}"].to(device) for index in range(length)), capacity)

        return cls(
            founded=np.asarray(plain["founded"], np.int64),
            founding_features=tensors["founding_features"].to(device),
            founding_pointer=tensors["founding_pointer"].to(device),
            features=ring("features"),
            pointers=ring("pointers"),
        )
