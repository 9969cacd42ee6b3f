"""A model that dies or cannot be loaded: the page says which, and what happens next."""

from __future__ import annotations

from playwright.sync_api import expect

from e2e.conftest import Noise
from e2e.recorder import Recorder
from e2e.workbench import Workbench
from greenroom.testing import Control, GreenroomServer

REASON = "model.safetensors is not the promised file. Put the right one in its place, then try again."


def test_a_host_that_dies_brings_the_overlay_back_until_another_is_ready(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder
) -> None:
    control.become_ready()
    workbench.open(server.url)
    workbench.ask()
    workbench.expect_pairs(3)
    control.crash()
    control.freeze(15)
    workbench.expect_progress(15)
    expect(workbench.overlay).to_contain_text("The model restarted")
    control.become_ready()
    workbench.expect_state("ready")
    workbench.expect_gone()
    assert [snapshot["round"] for snapshot in recorder.snapshots][-1] == 2
    recorder.assert_laws()


def test_a_host_that_dies_while_loading_is_replaced_and_progress_does_not_fall(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder
) -> None:
    control.freeze(50)
    workbench.open(server.url)
    workbench.expect_progress(50)
    control.crash()
    control.freeze(50)
    workbench.expect_progress(50)
    control.freeze(80)
    workbench.expect_progress(80)
    control.become_ready()
    workbench.expect_gone()
    recorder.assert_laws()


def test_a_call_that_loses_its_host_is_answered_by_the_next_one(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder
) -> None:
    control.become_ready()
    control.hold_calls()
    workbench.open(server.url)
    workbench.ask()
    control.wait_for(lambda _: control.state()["models"]["minilm"]["held_calls"] > 0, "holding the call")
    control.crash()
    control.release_calls()
    control.become_ready()
    workbench.expect_pairs(3)
    assert recorder.preview_statuses == [200]


def test_a_failed_load_shows_its_reason_and_try_again_works(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    control.freeze(40)
    workbench.open(server.url)
    control.fail(REASON, code="file-corrupt")
    workbench.expect_state("failed")
    expect(workbench.overlay).to_contain_text(REASON)
    expect(workbench.overlay).not_to_contain_text("100%")
    workbench.try_again.click()
    workbench.expect_state("loading")
    control.freeze(60)
    workbench.expect_progress(60)
    control.become_ready()
    workbench.expect_gone()


def test_who_comes_after_the_failure_sees_it_too(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    control.fail(REASON)
    workbench.open(server.url)
    workbench.expect_state("failed")
    expect(workbench.overlay).to_contain_text(REASON)
    expect(workbench.try_again).to_be_enabled()


def test_a_request_that_waits_outlives_a_failure(
    server: GreenroomServer, control: Control, workbench: Workbench, noise: Noise
) -> None:
    noise.expected(r"status of (425|503).*preview-prompt")
    control.freeze(40)
    workbench.open(server.url)
    workbench.ask()
    expect(workbench.waiting).to_be_visible()
    control.fail(REASON)
    workbench.expect_state("failed")
    workbench.try_again.click()
    workbench.expect_state("loading")
    control.become_ready()
    workbench.expect_pairs(3)


def test_a_host_that_keeps_dying_says_when_it_is_tried_again(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    workbench.open(server.url)
    control.crash()
    control.crash()
    control.wait_for(lambda state: state["models"][0]["retry_at"] is not None, "waiting for its next try")
    expect(workbench.overlay).to_be_visible()
    control.advance(6)
    control.freeze(33)
    workbench.expect_progress(33)


def test_a_long_reason_without_spaces_is_not_cut_on_a_phone(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    workbench.page.set_viewport_size({"width": 320, "height": 568})
    workbench.open(server.url)
    control.fail("/var/lib/models/sentence_transformers/minilm/model.safetensors cannot be read.")
    expect(workbench.try_again).to_be_visible()
    assert workbench.overlay.evaluate("card => card.scrollWidth - card.clientWidth") <= 0


def test_trying_again_stays_in_sight_on_a_phone_whose_row_was_scrolled(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    workbench.page.set_viewport_size({"width": 320, "height": 568})
    workbench.open(server.url)
    workbench.button("Tell me when ready").click()
    control.fail(REASON)
    expect(workbench.try_again).to_be_in_viewport(ratio=1)
