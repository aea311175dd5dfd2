"""Rooms, the generated footage: furniture made of parts, light and shadow, a moving camera, exact masks, depth, words.

`generate_room(RoomSpec(), seed)` gives one clip as arrays; `layout.RoomsLayout` makes a dataset of them on disk.
"""

from __future__ import annotations

from segassets.datasets.rooms.clip import RoomClip, RoomObject, RoomPart, generate_room
from segassets.datasets.rooms.spec import RoomSpec

__all__ = ["RoomClip", "RoomObject", "RoomPart", "RoomSpec", "generate_room"]
