"""The UI in a real browser: the graph, a scene materialized, its preview and plot, a backfill over all scenes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster import DagsterInstance

from segassets.orchestration.partitions import register_scenes
from segassets_tests.deployment import Deployment, make_deployment
from segassets_tests.servers import servers, wait_for

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCENES = 4


def _reason_to_skip() -> str:
    if CHROMIUM is None:
        return "no chromium on the PATH; on Debian: apt-get install chromium"
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed; pip install -e '.[dev]'"
    return ""


pytestmark = pytest.mark.skipif(
    bool(_reason_to_skip()) and not (os.environ.get("CI") and CHROMIUM), reason=_reason_to_skip() or "-"
)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory) -> Deployment:
    made = make_deployment(tmp_path_factory.mktemp("ui"), scenes=SCENES)
    with DagsterInstance.from_config(str(made.home)) as instance:
        register_scenes(instance, made.keys)
    return made


@pytest.fixture(scope="module")
def url(deployment: Deployment) -> Iterator[str]:
    with servers(deployment) as address:
        yield address


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as browsers:
        profile = tmp_path_factory.mktemp("profile")
        browser = browsers.chromium.launch_persistent_context(
            str(profile), executable_path=CHROMIUM, args=ARGUMENTS, viewport={"width": 1500, "height": 1000}
        )
        page = browser.pages[0]
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def _shot(page, name: str) -> None:
    """Keep a picture of the page where `SEGASSETS_TEST_SCREENSHOTS` says."""
    folder = os.environ.get("SEGASSETS_TEST_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(1000)
        page.screenshot(path=f"{folder}/{name}.png")


def _materialized(deployment: Deployment, asset: str) -> set[str]:
    with DagsterInstance.from_config(str(deployment.home)) as instance:
        return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def _wait_for_backfill(deployment: Deployment, seconds: float):
    """The latest backfill, ended."""

    def ended():
        with DagsterInstance.from_config(str(deployment.home)) as instance:
            backfills = instance.get_backfills()
            return backfills and backfills[0].status.value.startswith("COMPLETED") and backfills[0]

    return wait_for(ended, seconds, "the end of the backfill")


def test_the_graph_is_seen(page, url: str) -> None:
    page.goto(f"{url}/asset-groups")
    for group in ("footage", "segmentation", "lifting", "reports", "training", "experiments"):
        # the second of the two, beside the list, is the group in the graph
        page.get_by_text(group, exact=True).locator("visible=true").nth(1).wait_for()
    _shot(page, "graph")
    page.get_by_text("footage", exact=True).locator("visible=true").nth(1).click()  # opens it
    for asset in ("frames", "coco_masks"):
        page.get_by_text(asset, exact=True).locator("visible=true").first.wait_for()
    page.goto(f"{url}/locations/segassets.definitions/asset-groups/segmentation")
    for asset in ("mask_candidates", "filtered_masks", "sam2_tracks"):
        page.get_by_text(asset, exact=True).first.wait_for()
    _shot(page, "group")


def test_a_scene_is_materialized_from_the_page_of_the_asset(page, url: str, deployment: Deployment) -> None:
    key = deployment.keys[1]
    page.goto(f"{url}/assets/frames?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("Select a partition or create one").first.click()
    page.get_by_placeholder("Filter partitions").fill(key)
    page.get_by_text(key, exact=True).locator("visible=true").last.click()
    page.get_by_text("Launch runs to materialize").click()  # closes the list of scenes
    _shot(page, "materialize")
    page.get_by_role("button", name="Launch 1 run").click()
    wait_for(lambda: key in _materialized(deployment, "frames"), 120, f"frames of {key}")
    assert _materialized(deployment, "frames") == {key}


def test_preview_and_metadata_of_the_scene_are_shown(page, url: str, deployment: Deployment) -> None:
    page.goto(f"{url}/assets/frames?view=partitions&partition={deployment.keys[1]}")
    page.get_by_text("num_frames").first.wait_for()
    thumbnail = page.locator("td img").first  # shown in the table itself
    assert thumbnail.evaluate("image => image.naturalWidth") > 40
    _shot(page, "metadata")
    page.get_by_text("Show Markdown").first.click()
    picture = page.locator("[role=dialog] img").first
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") > 100
    _shot(page, "preview")
    page.keyboard.press("Escape")


def test_a_backfill_over_all_scenes_is_launched_and_finishes(page, url: str, deployment: Deployment) -> None:
    page.goto(f"{url}/assets/frames?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("All", exact=True).first.click()
    _shot(page, "backfill_dialog")
    page.get_by_role("button", name="Launch backfill").click()
    backfill = _wait_for_backfill(deployment, 150)
    assert backfill.status.value == "COMPLETED_SUCCESS"
    assert _materialized(deployment, "frames") == set(deployment.keys)
    page.goto(f"{url}/runs/b/{backfill.backfill_id}")
    page.get_by_text("Succeeded").or_(page.get_by_text("Completed")).first.wait_for()
    _shot(page, "backfill")


def test_numbers_are_plotted_over_scenes(page, url: str) -> None:
    page.goto(f"{url}/assets/frames?view=overview")
    page.get_by_text("Plots", exact=True).first.click()
    page.get_by_text("num_frames").first.wait_for()
    page.locator("canvas").first.wait_for()
    _shot(page, "plots")


def test_verdicts_of_checks_are_shown_by_scene(page, url: str) -> None:
    page.goto(f"{url}/assets/frames?view=checks")
    page.get_by_text("whole", exact=True).first.wait_for()
    page.get_by_text("Partitions", exact=True).last.click()
    page.get_by_text(f"Passed ({SCENES})").wait_for()
    _shot(page, "checks")
