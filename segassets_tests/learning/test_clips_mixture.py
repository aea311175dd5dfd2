"""Batches of several sources: shares, sizes, order, ranks, resuming, workers, Lightning and sam2's SAM2Train."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest
import torch

from segassets.errors import BadConfig, BadInput
from segassets.learning.clip_config import AugmentConfig
from segassets.learning.clips import ClipIndex
from segassets.learning.mixture import (
    MixtureBatches,
    default_workers,
    describe_batch,
    mixture_loader,
    names_of,
)
from segassets_tests.learning.clip_scenery import index_of, table_scene

SIZE = 64


def source(name: str, clips: int, root: Path | None = None, frames: int = 2, **data: object) -> ClipIndex:
    """A source of so many clips of `frames` frames, of two objects, the second one late."""
    if root is not None:
        root = root / name
        root.mkdir()
    count = clips * frames
    scene = table_scene({1: range(count), 2: range(1, count)}, count, f"{name}.clip", root=root)
    return index_of(scene, **{"frames": frames, "dataset": name, **data})


def batches(
    sources: list[ClipIndex], rank: int = 0, world: int = 1, epoch: int = 0, first: int = 0, **more: object
):
    found = MixtureBatches(sources, 3, rank, world, **more)  # type: ignore[arg-type]
    found.set_epoch(epoch, first)
    return list(found)


def two() -> list[ClipIndex]:
    return [source("a", 11, batch_size=2), source("b", 5, batch_size=3)]


def test_without_shares_every_clip_comes_once_an_epoch() -> None:
    found = batches(two())
    assert Counter((s, draw.clip) for batch in found for s, draw in batch) == Counter(
        [(0, clip) for clip in range(11)] + [(1, clip) for clip in range(5)]
    )
    assert Counter((batch[0][0], len(batch)) for batch in found) == {
        (0, 2): 5,
        (0, 1): 1,
        (1, 3): 1,
        (1, 2): 1,
    }
    assert all(len({s for s, _ in batch}) == 1 for batch in found)
    assert len(MixtureBatches(two(), 3)) == len(found) == 8


def test_the_order_follows_seed_and_epoch_alone() -> None:
    assert batches(two()) == batches(two())
    orders = [batches(two(), epoch=epoch) for epoch in range(3)]
    assert orders[0] != orders[1] != orders[2]
    assert [b[0][0] for b in orders[0]] != [b[0][0] for b in orders[1]] or orders[0] != orders[1]
    other = MixtureBatches(two(), 4)
    assert list(other) != orders[0]


def test_ranks_take_different_clips_of_the_same_source_in_step() -> None:
    parts = [batches(two(), rank, 3) for rank in range(3)]
    assert len({len(part) for part in parts}) == 1
    for step in zip(*parts, strict=True):
        assert len({batch[0][0] for batch in step}) == 1 and len({len(batch) for batch in step}) == 1
        seeds = [draw.seed for batch in step for _, draw in batch]
        assert len(set(seeds)) == len(seeds)
    taken = Counter((s, draw.clip) for part in parts for batch in part for s, draw in batch)
    assert set(taken) == {(0, clip) for clip in range(11)} | {(1, clip) for clip in range(5)}
    assert sum(taken.values()) == 12 + 6  # up to two clips of a source twice, so that ranks stay in step


@pytest.mark.parametrize("shares", [(None, None), (0.25, 0.75), (0.3, None)])
@pytest.mark.parametrize("first", [1, 4, 7])
def test_a_resumed_run_goes_on_with_the_same_batch(shares: tuple, first: int) -> None:
    sources = [source("a", 11, batch_size=2, probability=shares[0]), source("b", 5, probability=shares[1])]
    for rank in (0, 1):
        whole = batches(sources, rank, 2, epoch=2)
        assert batches(sources, rank, 2, epoch=2, first=first) == whole[first:]
    sampler = MixtureBatches(sources, 3)
    sampler.set_epoch(2, first)
    assert len(sampler) == sampler.epoch_batches - first == len(list(sampler))
    sampler.set_epoch(2)  # Lightning says so again before it begins
    assert sampler.first_batch == first
    sampler.set_epoch(3)
    assert len(list(sampler)) == sampler.epoch_batches


def test_shares_are_kept_and_a_small_source_starts_over() -> None:
    sources = [source("a", 400), source("b", 3, probability=0.5)]
    found = batches(sources)
    assert len(found) == 403
    assert 160 < sum(batch[0][0] for batch in found) < 240
    of_b = [draw for batch in found for s, draw in batch if s == 1]
    rounds = [tuple(d.clip for d in of_b[at : at + 3]) for at in range(0, len(of_b) - 3, 3)]
    assert all(sorted(order) == [0, 1, 2] for order in rounds) and len(set(rounds)) > 3
    assert len({draw.seed for draw in of_b}) == len(of_b)
    assert MixtureBatches(sources, 0).shares.tolist() == pytest.approx([0.5, 0.5])
    tenths = [source(name, 2, probability=0.1) for name in "abcdefghij"]  # their sum as floats is not quite 1
    assert MixtureBatches(tenths, 0).shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("shares", [(0.5, 0.2), (0.8, 0.8), (1.0, None)])
def test_shares_that_do_not_add_up_are_refused(shares: tuple) -> None:
    sources = [source("a", 4, probability=shares[0]), source("b", 4, probability=shares[1])]
    with pytest.raises(BadConfig, match=rf"'probability'.*add up to 1.*a {shares[0]}, b {shares[1]}"):
        MixtureBatches(sources, 0)


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(BadConfig, match="at least one source"):
        mixture_loader([], SIZE)
    with pytest.raises(BadConfig, match=r"rank of 0..1, found 2"):
        mixture_loader(two(), SIZE, rank=2, world_size=2)
    assert 0 <= default_workers(1000) <= default_workers() <= 4


def test_validation_takes_every_clip_once_in_order_each_epoch_alike() -> None:
    first, second = (batches(two(), epoch=epoch, shuffle=False) for epoch in (0, 5))
    assert first == second
    assert [(s, draw.clip) for batch in first for s, draw in batch] == [
        *((0, clip) for clip in range(11)),
        *((1, clip) for clip in range(5)),
    ]


def test_clips_of_different_lengths_never_share_a_batch() -> None:
    scenes = [table_scene({1: range(n)}, n, f"made.{at}") for at, n in enumerate([8, 3, 3, 5, 8, 3])]
    index = index_of(*scenes, frames=8, short_videos="shorten", batch_size=2)
    found = batches([index])
    assert sorted(draw.clip for batch in found for _, draw in batch) == list(range(6))
    for batch in found:
        assert len({int(index.lengths[draw.clip]) for _, draw in batch}) == 1
    assert len(found) == 4


def test_videos_and_pictures_as_sam2_batches(tmp_path: Path) -> None:
    sources = [
        source("videos", 4, tmp_path, frames=3, batch_size=2, max_objects=2),
        source("pictures", 5, tmp_path, frames=1, batch_size=4),
    ]
    shapes = Counter()
    for batch in mixture_loader(sources, SIZE, workers=0, augment=AugmentConfig()):
        frames, clips = batch.img_batch.shape[:2]
        assert batch.img_batch.shape[2:] == (3, SIZE, SIZE) and batch.img_batch.dtype == torch.float32
        assert batch.masks.dtype == torch.bool and batch.masks.shape[0] == frames == batch.num_frames
        assert batch.masks.shape[1] == batch.obj_to_frame_idx.shape[1] <= 2 * clips
        assert batch.metadata.frame_orig_size.unique().tolist() == [36, 60]
        shapes[batch.dict_key, frames, clips] += 1
    assert shapes == {("videos", 3, 2): 2, ("pictures", 1, 4): 1, ("pictures", 1, 1): 1}


def test_two_sources_of_one_dataset_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    sources = [
        source("a", 1, tmp_path),
        source("b", 1, tmp_path),
        source("a", 1, tmp_path / "again", frames=3),
    ]
    assert names_of(sources) == ["a", "b", "a#2"]
    found = {
        batch.dict_key: describe_batch(batch, sources) for batch in mixture_loader(sources, SIZE, workers=0)
    }
    assert found["a#2"] == "scene a.clip, frames 10 to 12" and found["b"] == "scene b.clip, frames 10 to 11"


def test_workers_give_the_same_batches(tmp_path: Path) -> None:
    sources = [source("a", 4, tmp_path, batch_size=2), source("b", 3, tmp_path)]
    alone = list(mixture_loader(sources, SIZE, workers=0, augment=AugmentConfig(), epoch=1))
    loader = mixture_loader(sources, SIZE, workers=2, augment=AugmentConfig(), epoch=1, first_batch=2)
    for mine, theirs in zip(alone[2:], loader, strict=True):
        assert torch.equal(mine.img_batch, theirs.img_batch) and torch.equal(mine.masks, theirs.masks)
        assert mine.dict_key == theirs.dict_key
    loader.batch_sampler.set_epoch(2)
    assert len(list(loader)) == len(alone)


def test_an_error_in_a_worker_keeps_its_kind_and_names_the_file(tmp_path: Path) -> None:
    sources = [source("a", 2, tmp_path)]
    (tmp_path / "a" / "001.png").write_bytes(b"no picture")
    for workers in (0, 1):
        with pytest.raises(BadInput, match=r"scene a.clip, frame 1: .*001.png"):
            list(mixture_loader(sources, SIZE, workers=workers))


def test_lightning_moves_the_epochs_on(tmp_path: Path) -> None:
    import lightning.pytorch as pl

    sources = [source("a", 3, tmp_path), source("b", 2, tmp_path)]

    class Watch(pl.LightningModule):
        automatic_optimization = False

        def __init__(self) -> None:
            super().__init__()
            self.seen: list[list[tuple]] = []
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch, index):  # type: ignore[no-untyped-def]
            if index == 0:
                self.seen.append([])
            first = batch.metadata.unique_objects_identifier[0, 0].tolist()
            self.seen[-1].append((batch.dict_key, *first))

        def configure_optimizers(self):  # type: ignore[no-untyped-def]
            return torch.optim.SGD(self.parameters(), 0.1)

    module = Watch()
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=3, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, use_distributed_sampler=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(module, mixture_loader(sources, SIZE, workers=0))
    assert [len(epoch) for epoch in module.seen] == [5, 5, 5]
    assert all(first != second for first, second in itertools.pairwise(module.seen))
    assert len({frozenset(key[0:4:3] for key in epoch) for epoch in module.seen}) == 1


def test_sam2_learns_from_the_batches(tmp_path: Path) -> None:
    from segassets.models.sam2.build import network_config
    from segassets.models.sam2.instantiate import instantiate
    from segassets.models.sam2.tiny import tiny_spec

    sources = [
        source("videos", 2, tmp_path, frames=3, batch_size=2),
        source("pictures", 2, tmp_path, frames=1, batch_size=2),
    ]
    settings = {
        "_target_": "training.model.sam2.SAM2Train",
        "prob_to_use_pt_input_for_train": 0.5,
        "prob_to_use_box_input_for_train": 0.5,
        "num_frames_to_correct_for_train": 2,
        "num_init_cond_frames_for_train": 2,
        "rand_frames_to_correct_for_train": True,
        "add_all_frames_to_correct_as_cond": True,
    }
    torch.manual_seed(0)
    network = instantiate(network_config(tiny_spec(image_size=SIZE), settings)).train()
    from training.loss_fns import MultiStepMultiMasksAndIous

    weights = {"loss_mask": 20, "loss_dice": 1, "loss_iou": 1, "loss_class": 1}
    criterion = MultiStepMultiMasksAndIous(weights, supervise_all_iou=True, pred_obj_scores=True)
    kinds = set()
    for epoch in range(2):
        for batch in mixture_loader(sources, SIZE, workers=0, augment=AugmentConfig(), epoch=epoch):
            loss = criterion(network(batch), batch.masks)["core_loss"]
            loss.backward()
            assert torch.isfinite(loss)
            kinds.add(batch.dict_key)
    assert kinds == {"videos", "pictures"}
    gradients = [p.grad for p in network.memory_attention.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(g).all() for g in gradients)


def test_the_measurement_in_short_form() -> None:
    """It runs, and gives two times; how they compare is for the benchmark to say."""
    from benchmarks.clip_loading import measure

    assert min(measure(frames=60, objects=4, height=120, width=160, clips=2, repeats=1)) > 0
