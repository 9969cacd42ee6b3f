"""The Playwright helper, without Playwright; with it: e2e/test_kit.py."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from unittest.mock import MagicMock

import pytest

from greenroom.testing import OverlayPage


def test_the_kit_is_imported_without_playwright() -> None:
    program = (
        "import sys; sys.modules['playwright'] = None\n"
        "from greenroom.testing import OverlayPage\n"
        "import greenroom.testing.plugin\n"
        "print(OverlayPage.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout.strip(), done.stderr) == ("OverlayPage", "")


@pytest.mark.parametrize("order", [lambda page: page.freeze(60), OverlayPage.become_ready, OverlayPage.fail])
def test_without_a_control_there_is_no_server_to_tell(order: Any) -> None:
    with pytest.raises(ValueError, match="without a control"):
        order(OverlayPage(MagicMock()))


def test_everything_is_found_inside_of_the_card() -> None:
    page = MagicMock()
    overlay = OverlayPage(page)
    overlay.stage("weights")
    page.locator.assert_called_once_with("[data-greenroom-overlay]")
    page.locator.return_value.locator.assert_called_with('[data-stage="weights"]')
