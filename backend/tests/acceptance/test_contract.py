"""`openapi.json` against the server that publishes it: Schemathesis sends what the contract allows, what it forbids
and what it is silent about, and holds every answer to the contract. All its checks but one are on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

ADMIN_TOKEN = "known-to-schemathesis-and-us"
KNOWLEDGE = f"""
headers = {{ Authorization = "Bearer {ADMIN_TOKEN}" }}
[dictionaries.models]
values = ["minilm", "sentiment", "remarks"]
[dictionaries.dimensions]
values = [384]
[parameters]
"path.name" = {{ dictionary = "models", probability = 0.5 }}
"query.models" = {{ dictionary = "models", probability = 0.5 }}
"body.model" = {{ dictionary = "models", probability = 0.7 }}
"body.dimensions" = {{ dictionary = "dimensions", probability = 1.0 }}
[[operations]]
include-name = ["POST /predict", "POST /v1/embeddings", "POST /models/reload", "GET /models/current"]
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", 404, 422, 425, 429, 503]
[[operations]]
include-name = "POST /jobs"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", 404, 422, 425, 429, 503]
negative_data_rejection.expected-statuses = [202, "4xx"]
"""
"""What a schema cannot say: which models there are, how long their vectors are, and what each of them reads. Who
does not say which one, or asks it for what it cannot do, gets 422. And in a form all is text: `false` is a column."""
NAMES = ("minilm", "sentiment", "remarks")
MODELS = """
[models.minilm]
source = "path:anything"
[models.sentiment]
source = "path:anything"
runtime = "text-classifier"
[models.remarks]
source = "path:anything"
runtime = "tabular"
"""
NOT_FOR_US = "use_after_free"
"""Our one DELETE empties a list, which is there afterwards, empty."""
NOT_READY = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503]
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 404, 409, 425, 429, 503]
"""
"""While a model is not ready, 425 and 503 answer what is right; they must have the shape that the contract says."""
CONTRACT_LIMITS = {
    "GREENROOM_MAX_INPUTS": "2048", "GREENROOM_ADMIN_TOKEN": ADMIN_TOKEN, "GREENROOM_MAX_WAIT_SECONDS": "0.2",
}  # fmt: skip
"""The contract publishes the most that any server may allow."""


@pytest.fixture
def server(greenroom_server_factory: GreenroomServerFactory, tmp_path: Path) -> GreenroomServer:
    (tmp_path / "greenroom.toml").write_text(MODELS)
    server: GreenroomServer = greenroom_server_factory(folder=tmp_path, environment=CONTRACT_LIMITS)
    return server


def require_clean(server: GreenroomServer, folder: Path, knowledge: str = KNOWLEDGE) -> None:
    """Run Schemathesis; its report is the failure's message."""
    config = folder / "schemathesis.toml"
    config.write_text(knowledge)
    program = Path(sys.executable).with_name("schemathesis")
    # Deterministic runs keep no examples, and Schemathesis will not be told so again.
    examples = ["--generation-deterministic"] if os.environ.get("CI") else ["--generation-database", "none"]
    done = subprocess.run(
        [
            program, "--config-file", config, "run", f"{server.url}/openapi.json", "--checks", "all",
            "--exclude-checks", NOT_FOR_US,
            "--max-examples", "50", "--continue-on-failure", "--no-color", "--warnings", "off", *examples,
        ],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in server.log()


def test_a_ready_server_keeps_its_contract(server: GreenroomServer, tmp_path: Path) -> None:
    for model in NAMES:
        server.control.auto(0.01, model=model)
    server.control.wait_for(lambda state: bool(state["ready"]), "ready")
    require_clean(server, tmp_path)


def test_a_server_whose_model_loads_keeps_its_contract(server: GreenroomServer, tmp_path: Path) -> None:
    for model in NAMES:
        server.control.freeze(60, model=model)
    require_clean(server, tmp_path, KNOWLEDGE + NOT_READY)


def test_a_server_whose_model_failed_keeps_its_contract(server: GreenroomServer, tmp_path: Path) -> None:
    for model in NAMES:
        server.control.fail("no luck", model=model)
    require_clean(server, tmp_path, KNOWLEDGE + NOT_READY)
