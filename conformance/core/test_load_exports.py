"""What a load run gives to other programs: results with a schema, and metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from conformance.core.test_load_tally import tallies
from conformance.core.test_load_verdict import TERMS, a_run
from fakes.engine.commands import LinesNow
from loadtests import _results
from loadtests._capacity import Search, step_of
from loadtests._prometheus import LATENCIES, prometheus_text
from loadtests._results import results, schema
from loadtests._tally import Tally
from loadtests._verdict import judge_run

SCHEMA = Path(_results.__file__).with_name("results.schema.json")
LINES = LinesNow({"waiting": 3, "speaking": 1})


def samples(tally: Tally) -> dict[str, dict[tuple[str, ...], float]]:
    """The metrics of a run, read by Prometheus' own parser: values by labels."""
    text = prometheus_text(tally, LINES, judge_run(tally, TERMS))
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sample.labels.values())
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_the_schema_is_that_of_the_types() -> None:
    """Else write it anew: python -m loadtests._results."""
    assert SCHEMA.read_text(encoding="utf-8") == schema()


@settings(max_examples=60)
@given(st.lists(tallies, max_size=3), st.booleans())
def test_results_have_the_published_form(parts: list[Tally], searched: bool) -> None:
    """Whatever was counted; also those of a search for the capacity."""
    whole = Tally()
    for part in parts:
        whole.merge(part)
    judged = judge_run(whole, TERMS)
    search = None
    if searched:
        search = Search(5, 10)
        search.took(step_of(5, whole, judged, 10.0))
    told: Any = json.loads(json.dumps(results(whole, judged, 12.5, search)))
    Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(told)
    assert ("capacity" in told) == searched
    assert len(told["budgets"]) == len(judged.budgets)


def test_a_document_of_another_form_is_refused_by_the_schema() -> None:
    """The schema says something."""
    validator = Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    tally = a_run(20)
    good = results(tally, judge_run(tally, TERMS), 1.0)
    for key, wrong in (("verdict", "FINE"), ("exit_code", 9), ("counts", {"a": -1})):
        assert not validator.is_valid(good | {key: wrong})
    assert not validator.is_valid({k: v for k, v in good.items() if k != "budgets"})


def test_metrics_say_what_the_table_says() -> None:
    """Calls, causes, histograms that add up, and who does what on the lines."""
    tally = a_run(100, turn_gap=0.8)
    tally.causes["no reply in turn N"] = 2
    found = samples(tally)
    assert found["busyhour_calls_total"]["completed",] == tally.counts["completed"]
    assert found["busyhour_failures_total"]["no reply in turn N",] == 2
    assert found["busyhour_calls_up"] == {("waiting",): 3, ("speaking",): 1}
    buckets = found["busyhour_turn_gap_seconds_bucket"]
    assert buckets["0.7",] == 0
    assert buckets["0.885",] == buckets["+Inf",] == 100
    assert found["busyhour_turn_gap_seconds_sum"][()] == pytest.approx(80, rel=0.004)
    assert found["busyhour_exit_code"][()] == 0


@settings(max_examples=30)
@given(tallies)
def test_any_run_reads_as_prometheus_wants_it(tally: Tally) -> None:
    """Buckets never fall; causes with quotes and line feeds come through."""
    tally.causes['a "cause"\nof two lines\\'] = 1
    found = samples(tally)
    assert ('a "cause"\nof two lines\\',) in found["busyhour_failures_total"]
    for name, _, _ in LATENCIES.values():
        counts = list(found[f"busyhour_{name}_seconds_bucket"].values())
        assert counts == sorted(counts)
