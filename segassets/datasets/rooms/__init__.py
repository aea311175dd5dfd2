"""Rooms, the generated footage: furniture made of parts, light and shadow, a moving camera, exact masks.

`generate_room(RoomSpec(), seed)` gives one clip as arrays; `dataset` makes a dataset of them on disk.
"""

from __future__ import annotations

from segassets.datasets.rooms.clip import RoomClip, generate_room
from segassets.datasets.rooms.objects import RoomObject, RoomPart
from segassets.datasets.rooms.spec import RoomSpec
from segassets.datasets.rooms.studio import RoomFrame, Studio

__all__ = ["RoomClip", "RoomFrame", "RoomObject", "RoomPart", "RoomSpec", "Studio", "generate_room"]
