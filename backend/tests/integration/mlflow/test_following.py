"""A real Greenroom server follows an alias of a real MLflow server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from greenroom.testing import GreenroomServer
from tests.integration.mlflow.heads import head_files
from tests.integration.mlflow.mlflow_server import MlflowServer

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

NAME = "followed"
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.02
CONFIGURATION = """
[models.sentiment]
source = "mlflow:models:/{name}@production"
task = "classify"
runtime = "text-classifier"
"""


class House:
    """Greenroom, MLflow, and a registered model whose versions each have a favourite label."""

    def __init__(self, mlflow: MlflowServer, folder: Path, name: str = NAME) -> None:
        self.mlflow = mlflow
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "greenroom.toml").write_text(CONFIGURATION.format(name=name))
        self.server = GreenroomServer(
            engine="local", folder=folder,
            environment={
                "MLFLOW_TRACKING_URI": mlflow.url, "MODEL_UPDATE_INTERVAL": "1", "GREENROOM_LOCAL": "1",
                "GREENROOM_CONFIG": "greenroom.toml",
            },
        )  # fmt: skip

    def publish(self, favourite: str) -> str:
        """A new version, which the alias names from now on; its number."""
        number = self.mlflow.register(self.name, head_files(favourite))
        self.mlflow.alias(self.name, "production", number)
        return number

    def serve(self, favourite: str) -> str:
        """Publish, and wait until it serves."""
        number = self.publish(favourite)
        self.wait_for(lambda: self.current()["version"] == number, f"version {number}")
        return number

    def predict(self) -> httpx.Response:
        return httpx.post(f"{self.server.url}/predict", json={"text": "hello"}, timeout=DEADLINE_SECONDS)

    def current(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.server.url}/models/current", params={"name": "sentiment"}).json())

    def report(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.server.url}/models/status").json()["models"][0])

    def roll_back(self) -> dict[str, Any]:
        answer = httpx.post(f"{self.server.url}/models/sentiment/rollback", timeout=DEADLINE_SECONDS)
        return dict(answer.raise_for_status().json())

    def wait_until_ready(self) -> None:
        self.server.control.wait_for(lambda state: bool(state["ready"]), "ready")

    def wait_for_looks(self, count: int) -> None:
        """Until MLflow was asked so often again where the alias points."""
        asked = self.mlflow.requests("registered-models/alias", self.name)
        self.wait_for(lambda: self.mlflow.requests("registered-models/alias", self.name) >= asked + count, "looks")

    def wait_for(self, wanted: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + DEADLINE_SECONDS
        while not wanted():
            assert time.monotonic() < until, f"no {what}: {self.report()}\n{self.server.log()[-3000:]}"
            time.sleep(POLL_SECONDS)

    @contextmanager
    def asked_all_the_time(self) -> Iterator[list[httpx.Response]]:
        """Answers to one call after the other, from before the block to after it."""
        answers, ended = [self.predict()], threading.Event()

        def ask() -> None:
            while not ended.is_set():
                answers.append(self.predict())

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            yield answers
        finally:
            ended.set()
            asking.join()
        answers.append(self.predict())


@pytest.fixture(scope="module")
def house(mlflow: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serves; which version, each test sees to itself."""
    house = House(mlflow, tmp_path_factory.mktemp("greenroom"))
    house.publish("neutral")
    with house.server:
        house.wait_until_ready()
        yield house


def test_a_moved_alias_is_served_soon_and_moved_back_again_without_one_failed_call(house: House) -> None:
    first = house.serve("positive")
    with house.asked_all_the_time() as answers:
        second = house.serve("negative")
        house.mlflow.alias(NAME, "production", first)
        house.wait_for(lambda: bool(house.current()["version"] == first), "rollback by alias")
    assert {answer.status_code for answer in answers} == {200}
    served = [(answer.json()["version"], answer.json()["label"]) for answer in answers]
    assert set(served) == {(first, "positive"), (second, "negative")}
    changes = [version for version, before in zip(served[1:], served, strict=False) if version != before]
    assert [version for version, _ in changes] == [second, first]
    assert house.current()["stage"] == "production"


def test_a_rollback_by_call_holds_until_the_alias_names_another_version(house: House) -> None:
    first = house.serve("positive")
    house.serve("negative")
    said = house.roll_back()
    assert (said["status"], said["model_version"], said["pinned"]) == ("rolled_back", first, True)
    house.wait_for_looks(2)
    assert (house.current()["version"], house.report()["pinned"]) == (first, True)
    third = house.serve("neutral")
    assert house.predict().json()["label"] == "neutral"
    assert (house.current()["version"], house.report()["pinned"]) == (third, False)


def test_a_dead_mlflow_costs_nobody_anything_and_is_followed_again_when_it_is_back(house: House) -> None:
    number = house.serve("positive")
    house.mlflow.kill()
    try:
        house.wait_for(lambda: "update_failed" in house.server.log(), "failed look")
        assert house.predict().json()["label"] == "positive"
        house.server.restart()
        house.wait_until_ready()
        assert house.predict().json()["label"] == "positive"
        assert (house.current()["version"], house.current()["stage"]) == (number, "production")
    finally:
        house.mlflow.start()
    house.serve("negative")
    assert house.predict().json()["label"] == "negative"


def test_with_nothing_on_the_disk_and_no_mlflow_the_model_fails_and_comes_when_it_is_back(
    mlflow: MlflowServer, tmp_path: Path
) -> None:
    house = House(mlflow, tmp_path / "greenroom", "followed later")
    house.publish("negative")
    mlflow.hang()
    try:
        with house.server:
            house.server.control.wait_for(lambda state: state["phase"] == "failed", "failed")
            refused = house.predict()
            assert refused.status_code == 503
            assert refused.json()["models"][0]["error"]["code"] == "source-unreachable"
            mlflow.go_on()
            house.wait_until_ready()
            assert house.predict().json()["label"] == "negative"
    finally:
        mlflow.go_on()
