"""The documentation tells the truth: names exist, tables follow the code, examples run."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import typer.main

from segassets.assets.graph import ASKED_ASSETS, SCENE_ASSETS
from segassets.cli.app import app
from segassets.config.load import OTHER_VARIABLES, PREFIX, SHORT_NAMES, override_layer
from segassets.config.settings import Settings
from segassets.datasets.config import DatasetConfig, list_datasets
from segassets.datasets.label_table import LabelTable
from segassets.datasets.layouts import LAYOUTS, layout_class
from segassets.errors import BadConfig
from segassets.evaluation.checkpoint import METRICS_FILE, METRICS_JSON, RECORD_FILE
from segassets.evaluation.thresholds import ThresholdSearch
from segassets.evaluation.writing import ITEMS_FILE, PREDICT_FILE, PREDICTIONS_FILE
from segassets.exports.registry import FORMATS
from segassets.learning import checkpoint_folder
from segassets.learning.experiment import Experiment, list_experiments, load_experiment
from segassets.learning.presets import LOSS_PRESETS
from segassets.masks.schemas import FRAMES, MASKS, TRACKS
from segassets.models.registry import list_models
from segassets.models.trained import is_reference
from segassets.strict import parse, section_at
from segassets.yaml_files import parse_yaml
from segassets_tests import doc_tables
from segassets_tests.doc_tables import DOCS, FORMATS_PAGE
from segassets_tests.made_scene import SCENE, make_store

REPO = DOCS.parent
PAGES = sorted(DOCS.glob("*.md"))

# Every option and output of a system: each must stand in the first column of a row of its part.
SYSTEMS = {
    "My3DIS": """
--levels --frames --min-area --stability --ssam-freq --sam2-max-propagate --iou-threshold --box-long-tail --box-all
--experiment-tag --sam-ckpt --sam2-cfg --sam2-ckpt --semantic-env --sam2-env --no-timestamp --dry-run run_pid_map.tsv
generate_candidates --data-path --fill-area --add-gaps --persist-raw --skip-filtering --downscale-masks
--mask-scale-ratio --no-tag-subdir filter_candidates --candidates-root --stability-threshold --update-manifest --quiet
track_from_candidates --long-tail-box-prompt --all-box-prompt --skip-viz generate_report --run-dir --report-name
--max-width run_workflow --config --output --override-output --memory-events prepare_scene_configs --scenes
--skip-existing SEMANTIC_SAM_ROOT SEMANTIC_SAM_CKPT SAM2_ROOT SAM2_CFG SAM2_CKPT DATASET_ROOT DATA_PATH OUTPUT_ROOT
experiment.name dataset_root experiment.scenes scene_start scene_end parallel_scenes force_parallel isolate_scenes
experiment.levels experiment.tag tag_in_path aggregate_output output_layout output_root experiment.frames run_dir
stages.gpu ssam.enabled ssam_freq ssam.min_area stability_threshold persist_raw skip_filtering add_gaps fill_area
append_timestamp downscale_masks downscale_ratio max_masks_per_level sam_ckpt filter.enabled filter.min_area
update_manifest tracker.enabled prompt_mode max_propagate iou_threshold render_viz sam2_cfg sam2_ckpt
comparison_sampling report.enabled report.name max_width record_timings timing_output generate_check_report
manifest.json chunk_ candidates.json filtered.json video_segments object_segments comparison tree.json relations.csv
instance_map.npy selected_frames workflow_summary.json stage_timings.json environment_snapshot.json
workflow_history.csv report.md check.md configs/scenes scene_index.json packed_bits
""",
    "SAM2 Video Training": """
train.py --config-name=config --config-name=best dice_loss_only combo/endovis18 data=cholecseg8k data=endovis17
loss=focal_main loss=dice_main loss=equal loss.focal_gamma +wandb=null multi_gpu_train.sh trainer.devices=4
trainer.strategy=ddp trainer.accelerator baseline_eval.py data.val_path= output_dir= eval.threshold=0.35
multi_baseline_eval.py --filter grid_search_threshold.py --config-path --output-dir generate_combo_yamls.py --datasets
--prompt-types baseline_utils.py notebooks convert_endovis_to_coco.py --input-dir --output-file --image-root labels.json
apply_morphological_opening.py --input-json --output-json --kernel-size update_is_det_keyframe seed log_level
model.checkpoint_path model.config_path fintuned_model_path trainable_modules model.image_size model.prompt_type
forward_backbone_per_frame_for_eval use_activation_checkpoint random_init_memory_modules num_pos_points num_neg_points
include_center loss.type bce gt_stride bce_logit_temperature multistep_logit_temperature weight_dict.loss_mask loss_dice
loss_iou loss_class supervise_all_iou iou_use_l1_loss pred_obj_scores focal_gamma_obj_score focal_alpha_obj_score
optimizer.lr weight_decay betas eps amsgrad cosine warmup_steps num_cycles warmup_epochs warmup_start_lr warmup_factor
trainer.precision max_epochs gradient_clip_val accumulate_grad_batches val_check_interval ModelCheckpoint val/total_loss
LearningRateMonitor ModelSummary wandb visualization data.train_path data.val_path eval.prompt_type eval.clip_length
eval.variable_cats eval.num_points eval.num_neg_points eval.include_center eval.noised_prompt eval.noise_intensity
eval.bbox_noise_type eval.grid_spacing eval.save_video_list eval.log_per_category exclude_background configs/config.yaml
configs/data configs/losses configs/combo configs/sam2 outputs/ video_id order_in_video predict.json eval.pkl
metrics.json npz meta.json best_threshold.json mIoU CenterCrop
""",
    "WS-OVVIS": """
run_videocutler_4gpu_png_only.sh WSOVVIS_ROOT CONF --confidence-threshold video_mask2former_R50_cls_agnostic.yaml
videocutler_m2f_rn50.pth demo_masks_only.py --opts mask_*.png gpu*.log jpg mp4 collect_failed_videos failed_oom.txt
failed_exception.txt failed_incomplete.txt failed_empty.txt failed_all.txt empty_videos.txt
patch_vnext_for_videocutler.py PYTHONPATH third_party colours convert_videocutler_png_to_json.py --mask_root --img_root
--img_exts --out_json --split_name --category_id --strict --mask_glob --mask_glob_fallback --error_on_empty --skip_list
--min_masks --min_coverage --skip_report in_skip_list no_masks no_frames too_few_masks low_coverage palette order
pseudo_tube_ytvis.json areas make_class_agnostic_ytvis_json.py --in_json --category_name attribution JPEGImages
lvvis_val.json AP AP50 AP75 APs APm APl AR1 AR10 base novel
""",
    "Floorplan SAM2": """
conda submitit tensordict fvcore pycocotools notebooks nvitop ipykernel is_available get_device_name download_ckpts.sh
floorplan_datasets Set1 Set2 COCO_dataset SAM_dataset image_id file_name bbox area segmentation predicted_iou
stability_score crop_box point_coords counts size [2311] [061] values SA-V training/train.py Set1_finetune.yaml
Set2_finetune.yaml --use-cluster .. 347 207 TorchTrainMixedDataset batch_sizes dataset_prob RandomUniformSampler
num_frames max_num_objects reverse_time_prob SA1BRawDataset VOSDataset pin_memory tensorboard --bind_all --logdir
""",
    "2D-to-3D Lifting": """
generate_coco_masks.py lift_2d_to_3d.py optimize_embeddings.py prepare_rendering.py langsplat_integration.py
validate_and_visualize.py requirements.txt wget unzip val2017 instances_val2017.json dpt_large quota psutil nvidia-smi
coco_processed.pkl image_id mask_path category_ids height width masks_<image_id>.npy 3d_processed.pkl points_3d
gaussians position covariance category_id clip_embeddings optimized_gaussians.pkl optimized_embeddings.pkl embedding
rendering_ready.pkl opacity color scale rotation multi_res res_128 res_256 res_512 multi_res_data
langsplat_<image_id>.pkl mean langsplat_all.pkl pickle.load MiDaS CLIP MLP cross-attention 128 256 512 VOC Cityscapes
JPEGImages voc2012.xml ElementTree ImageDraw coco_data
""",
}
NEEDED = [(system, name) for system, names in SYSTEMS.items() for name in names.split()]


def rows(page: str) -> list[list[str]]:
    """Cells of every table row of the page, headings left out."""
    lines = [*page.splitlines(), ""]
    found = [
        line
        for line, below in pairwise(lines)
        if line.startswith("|") and not line.startswith("|---") and not below.startswith("|---")
    ]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in found]


def coming_from(system: str = "") -> list[list[str]]:
    """Rows of one system's part of the page, or of all."""
    page = (DOCS / "coming-from.md").read_text("utf-8")
    return rows(part(page, system) if system else page)


@cache
def source() -> str:
    """All code of the package and its templates."""
    files = [*(REPO / "segassets").rglob("*.py"), *(REPO / "segassets").rglob("*.j2")]
    return "\n".join(file.read_text("utf-8") for file in files)


def command_exists(words: list[str]) -> bool:
    command = typer.main.get_command(app)
    for word in words:
        if word.startswith("-"):
            return any(word in parameter.opts for parameter in command.params)
        commands = getattr(command, "commands", {})
        if word not in commands:
            return bool(getattr(command, "params", None)) and not commands  # an argument
        command = commands[word]
    return True


def training_command_exists(words: list[str]) -> bool:
    """`train`, `evaluate` or `thresholds` with names of experiments or models, and overrides."""
    known = {*list_experiments(), *list_models()}
    given = [word for word in words[1:] if not word.startswith("-")]
    return command_exists(words) and all(
        experiment_key_exists(word) if "=" in word else word in known or is_reference(word) for word in given
    )


def experiment_key_exists(text: str) -> bool:
    """`loss.mask`, `data.train.*.frames=1`; a value must be a valid one."""
    name, equals, _ = text.partition("=")
    *path, last = name.replace("*", "0").split(".")
    section = section_at(Experiment, path)
    if section is None or last not in section.model_fields:
        return False
    try:
        load_experiment("rooms_minute", [text] if equals else [])
    except BadConfig:
        return False
    return True


def of_a_dataset(name: str) -> bool:
    """A dataset, a layout, a key of a dataset's file or an option of a layout."""
    if name in {*LAYOUTS, *list_datasets(), *DatasetConfig.model_fields}:
        return True
    return any(name in layout_class(layout).options_type.model_fields for layout in LAYOUTS)


def setting_exists(text: str) -> bool:
    key, _, value = text.partition("=")
    if key in {*Settings.model_fields, *SHORT_NAMES}:
        return True
    try:
        override_layer([f"{key}={value or 'null'}"], {})
    except BadConfig as error:
        return "unknown key" not in str(error)
    return True


def exists(name: str) -> bool:
    """Whether a name of the second column stands for something that is there."""
    if name.startswith("segassets "):
        words = name.split()[1:]
        trains = words[0] in ("train", "evaluate", "thresholds")
        return training_command_exists(words) if trains else command_exists(words)
    if name.startswith("make "):
        return f"\n{name[5:]}:" in (REPO / "Makefile").read_text("utf-8")
    if name.startswith("--"):
        return command_exists(["run", name])
    if name.startswith(PREFIX):
        rest = name.removeprefix(PREFIX)
        return rest in OTHER_VARIABLES or setting_exists(rest.lower().replace("__", "."))
    if name.startswith("configs/"):
        return (REPO / name).exists()
    if re.search(r"\.(json|jsonl|parquet|csv|md|html|pt|yaml)$", name):
        return re.search(rf"[\"'/`]{re.escape(name)}[\"'`]", source()) is not None
    if name in {asset.name for asset in (*SCENE_ASSETS, *ASKED_ASSETS)} or name in FORMATS:
        return True
    if of_a_dataset(name) or experiment_key_exists(name):
        return True
    if name in {*FRAMES.names, *MASKS.names, *TRACKS.names}:
        return True
    if any(name in format.options.model_fields for format in FORMATS.values()):
        return True
    return setting_exists(name)


@pytest.mark.parametrize("row", coming_from(), ids=lambda row: row[0][:40])
def test_names_given_to_users_of_other_systems_exist(row: list[str]) -> None:
    assert len(row) == 3
    names = re.findall(r"`([^`]+)`", row[1])
    assert names or row[1] == "left out"
    assert [name for name in names if not exists(name)] == []
    assert row[2]


def test_the_check_of_names_can_fail() -> None:
    wrong = (
        "segassets fly",
        "segassets run --fly",
        "--fly",
        "SEGASSETS_FLY",
        "tracking.fly",
        "fly.json",
        "fly",
        "segassets train fly",
        "segassets evaluate --fly",
        "loss.fly",
        "loss.preset=fly",
        "data.train.*.fly",
        "configs/fly/",
        "make fly",
    )
    assert [name for name in wrong if exists(name)] == []


@pytest.mark.parametrize(("system", "name"), NEEDED)
def test_every_option_and_output_of_another_system_has_a_row(system: str, name: str) -> None:
    assert any(name in row[0] for row in coming_from(system))


def test_tables_of_formats_follow_the_code() -> None:
    page = FORMATS_PAGE.read_text("utf-8")
    assert doc_tables.blocks(page) == doc_tables.wanted_blocks()
    for path in doc_tables.PAGES:
        page = path.read_text("utf-8")
        assert page == doc_tables.rewritten(page), f"{path.name}; run: python -m segassets_tests.doc_tables"


def part(page: str, title: str) -> str:
    """What stands under a heading of the second order."""
    return page.partition(f"\n## {title}\n")[2].split("\n## ")[0]


def test_assets_and_files_of_formats_exist() -> None:
    page = FORMATS_PAGE.read_text("utf-8").split("## FRAMES")[0]
    assets = [name for row in rows(page) for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(assets) == sorted(asset.name for asset in (*SCENE_ASSETS, *ASKED_ASSETS))
    files = re.findall(r"`([\w/]+\.(?:json|parquet|html|md))`", page)
    assert [name for name in files if not exists(name)] == []


def test_what_formats_says_of_checkpoints_and_evaluations_is_there() -> None:
    page = FORMATS_PAGE.read_text("utf-8")
    folder, evaluation = part(page, "Checkpoint folders"), part(page, "Evaluations")
    for names, text in (
        ((checkpoint_folder.LAST, checkpoint_folder.MODEL, checkpoint_folder.EXPERIMENT), folder),
        ((checkpoint_folder.RECORD, checkpoint_folder.CURVES, "best-<step>.pt", "tensorboard/"), folder),
        ((METRICS_FILE, METRICS_JSON, RECORD_FILE), evaluation),
        ((ITEMS_FILE, PREDICTIONS_FILE, PREDICT_FILE), evaluation),
    ):
        assert [name for name in names if [row[0] for row in rows(text)].count(f"`{name}`") != 1] == []
    keys = [field.name for field in fields(ThresholdSearch)]
    assert [key for key in keys if f"`{key}`" not in evaluation] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        linked = page if not name else DOCS / name
        assert linked.exists(), target
        titles = re.findall(r"^#+ (.+)$", linked.read_text("utf-8"), re.M) if linked.suffix == ".md" else []
        anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not anchor or anchor in anchors, target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_in_pages_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for line in re.findall(r"^(segassets .*)$", text, re.M) + re.findall(r"`(segassets [^`]*)`", text):
        words = line.split("#")[0].split()[1:]
        named = [word for word in words if re.match(r"^[a-z][a-z0-9-]*$", word)][:2]
        assert command_exists(named), line
        assert [word for word in words if word.startswith("--") and not command_exists([*named, word])] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "coming-from.md"], ids=lambda path: path.name
)
def test_settings_variables_and_automations_in_pages_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    sections = "|".join(
        name for model in (Settings, Experiment) for name in model.model_fields if section_at(model, [name])
    )
    names = set(re.findall(rf"`((?:{sections})(?:\.\w+)+)[`=:]", text)) - {
        "report.html",
        "report.md",
        "embeddings.npy",
    }
    assert [name for name in sorted(names) if not exists(name)] == []
    variables = set(re.findall(r"`(SEGASSETS_[A-Z_]+[A-Z])[`=]", text))
    unknown = [name for name in sorted(variables) if not exists(name) and name not in _OTHER_NAMES]
    assert unknown == []
    automations = set(re.findall(r"`((?:nightly|new)_\w+)`", text))
    assert [name for name in automations if f'"{name}"' not in source()] == []


_OTHER_NAMES = {
    "SEGASSETS_NIGHTLY_CRON",
    "SEGASSETS_NIGHTLY_TIMEZONE",
}  # read by segassets.orchestration.automation


def test_examples_of_training_are_valid() -> None:
    page = (DOCS / "training.md").read_text("utf-8")
    experiment, labels, segmenter = (
        parse_yaml(text, "training.md") for text in re.findall(r"```yaml\n(.*?)```", page, re.S)
    )
    parse(Experiment, experiment, "training.md")
    parse(LabelTable, labels, "training.md")
    assert parse(Experiment, segmenter, "training.md").finds_instances
    presets = [row for row in rows(page) if row[0].strip("`") in LOSS_PRESETS]
    assert {row[0].strip("`"): tuple(map(float, row[1:4])) for row in presets} == {
        name: (values["mask"], values["dice"], values["iou"]) for name, values in LOSS_PRESETS.items()
    }


def test_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(tmp_path)
    (tmp_path / "artifacts").rename(tmp_path / ".segassets")
    (tmp_path / ".segassets" / "artifacts").mkdir()
    (tmp_path / ".segassets" / "main").rename(tmp_path / ".segassets" / "artifacts" / "main")
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "python-api.md").read_text("utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.S)).replace("rooms_demo.room_0000", SCENE)
    names: dict = {}
    exec(compile(code, "python-api.md", "exec"), names)  # our own documentation
    assert names["quality"]["object_recall"] == 1.0
    assert (tmp_path / "out" / "davis" / "Annotations").is_dir()
