"""The gate: what it lets through, what it refuses, and whether it says why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from amlkit import champion as champions
from amlkit import gate
from amlkit.records import Model
from amlkit.settings import Bound, Gate, GateRules

RULES = Gate(
    rules={
        "classification": GateRules("roc_auc", {"roc_auc": 0.6}),
        "regression": GateRules("rmse", {"rmse": 10.0}),
    },
    tolerance=0.01,
)


def run(metrics: dict[str, float], **more: Any) -> dict[str, Any]:
    """A run's metrics.json."""
    return gate.normalise({"task": "classification", "metrics": metrics, **more})


def champion(version: str = "3", **tags: str) -> Model:
    """A registered model."""
    return Model("m", version, "there", tags)


def test_first_model_is_registered_when_it_meets_the_thresholds() -> None:
    decision = gate.decide(run({"roc_auc": 0.7}), RULES, None)
    assert decision.registered
    assert "0.7 meets the threshold >= 0.6" in decision.reason


def test_missed_threshold_is_refused() -> None:
    decision = gate.decide(run({"roc_auc": 0.59}), RULES, None)
    assert not decision.registered
    assert "0.59 misses the threshold >= 0.6" in decision.reason


def test_of_errors_less_is_better() -> None:
    document = gate.normalise({"task": "regression", "metrics": {"rmse": 9.0}})
    assert gate.decide(document, RULES, None).registered
    worse = gate.normalise({"task": "regression", "metrics": {"rmse": 11.0}})
    assert not gate.decide(worse, RULES, None).registered


@pytest.mark.parametrize(("value", "registered"), [(0.70, True), (0.691, True), (0.689, False)])
def test_tolerance_against_the_champion(value: float, registered: bool) -> None:
    document = run({"roc_auc": value}, champion={"version": "3", "metrics": {"roc_auc": 0.7}})
    decision = gate.decide(document, RULES, champion())
    assert decision.registered is registered
    assert "version 3" in decision.reason


def test_tolerance_of_an_error_is_a_share_of_it() -> None:
    def decide(value: float) -> bool:
        score = {"version": "3", "metrics": {"rmse": 8.0}}
        document = gate.normalise(
            {"task": "regression", "metrics": {"rmse": value}, "champion": score}
        )
        return gate.decide(document, RULES, champion()).registered

    assert decide(8.07)
    assert not decide(8.09)


def test_champion_that_cannot_be_compared_refuses_unless_replaced() -> None:
    document = run({"roc_auc": 0.9}, champion={"version": "3", "error": "new column 'x'"})
    decision = gate.decide(document, RULES, champion())
    assert not decision.registered
    assert "new column 'x'" in decision.reason
    assert "--replace-champion" in decision.reason
    assert gate.decide(document, RULES, champion(), replace_champion=True).registered


def test_replacing_does_not_lift_the_thresholds() -> None:
    document = run({"roc_auc": 0.5}, champion={"version": "3", "error": "other schema"})
    assert not gate.decide(document, RULES, champion(), replace_champion=True).registered


def test_a_decision_has_checks_and_notes_and_the_reason_is_made_of_them() -> None:
    document = run({"roc_auc": 0.9}, chance={"roc_auc": 0.5})
    first = gate.decide(document, RULES, None)
    assert [(c.kind, c.passed) for c in first.checks] == [("threshold", True), ("chance", True)]
    assert first.notes == ("there was no champion",)
    words = [check.words for check in first.checks]
    assert first.reason == "registered: " + "; ".join([*words, *first.notes])

    worse = run({"roc_auc": 0.7}, champion={"version": "3", "metrics": {"roc_auc": 0.8}})
    refused = gate.decide(worse, RULES, champion())
    assert [(c.kind, c.passed) for c in refused.checks] == [
        ("threshold", True), ("champion", False),
    ]  # fmt: skip
    assert refused.notes == ()
    assert refused.reason == "not registered: " + refused.checks[1].words
    assert (refused.checks[1].least, refused.checks[1].most) == (pytest.approx(0.79), None)

    replaced = gate.decide(worse, RULES, champion(), replace_champion=True)
    assert [c.kind for c in replaced.checks] == ["threshold"]
    assert replaced.notes == ("it replaces version 3 as asked, whatever that one scored",)


def test_a_decision_is_json_with_its_reason() -> None:
    document = run({"roc_auc": 0.7}, champion={"version": "3", "metrics": {"roc_auc": 0.6}})
    decision = gate.decide(document, RULES, champion())
    known = json.loads(json.dumps(decision.to_dict()))
    assert known["reason"] == decision.reason
    assert known["registered"] is True
    assert known["notes"] == list(decision.notes)
    assert known["primary_metric"] == "roc_auc"
    assert known["champion"] == {"version": "3", "metrics": {"roc_auc": 0.6}}
    assert [check["words"] for check in known["checks"]] == [c.words for c in decision.checks]
    broken = run({"roc_auc": 0.7}, champion={"version": "3", "error": "it cannot be loaded"})
    assert gate.decide(broken, RULES, champion()).to_dict()["champion"] == {
        "version": "3", "error": "it cannot be loaded",
    }  # fmt: skip


def test_what_was_registered_earlier_stays_registered() -> None:
    document = run({"roc_auc": 0.7}, champion={"version": "3", "metrics": {"roc_auc": 0.6}})
    decision = gate.registered_earlier(document, RULES, champion("4"))
    assert decision.registered
    assert decision.champion == champions.Score("3", {"roc_auc": 0.6})
    assert decision.reason == f"registered earlier: {decision.checks[0].words}"
    first = gate.registered_earlier(run({"roc_auc": 0.7}), RULES, champion("1"))
    assert first.notes == ("there was no champion",)
    # The threshold was raised since: what misses it now is no reason for what was decided then.
    strict = Gate(rules={"classification": GateRules("roc_auc", {"roc_auc": 0.9})})
    now = gate.registered_earlier(document, strict, champion("4"))
    assert now.registered
    assert now.reason == "registered earlier"
    gone = gate.registered_earlier(document, Gate(rules={}), champion("4"))
    assert gone.registered
    assert gone.checks == ()


def test_training_that_did_not_score_the_champion_is_refused() -> None:
    decision = gate.decide(run({"roc_auc": 0.9}), RULES, champion())
    assert not decision.registered
    assert "did not score it" in decision.reason


def test_model_registered_meanwhile_counts_by_its_own_run_if_held_out_rows_are_the_same() -> None:
    document = run(
        {"roc_auc": 0.7}, champion={"version": "3", "metrics": {"roc_auc": 0.6}}, holdout="abc"
    )
    better = champion("4", holdout="abc", metrics=json.dumps({"roc_auc": 0.8}))
    assert not gate.decide(document, RULES, better).registered
    weaker = champion("4", holdout="abc", metrics=json.dumps({"roc_auc": 0.65}))
    assert gate.decide(document, RULES, weaker).registered
    elsewhere = champion("4", holdout="xyz", metrics=json.dumps({"roc_auc": 0.65}))
    assert not gate.decide(document, RULES, elsewhere).registered
    assert champions.was_compared(document, weaker)
    assert not champions.was_compared(document, elsewhere)


def test_no_better_than_chance_is_refused() -> None:
    document = run({"roc_auc": 0.65}, chance={"roc_auc": 0.68})
    decision = gate.decide(document, RULES, None)
    assert not decision.registered
    assert "no better than chance" in decision.reason
    off = Gate(rules=RULES.rules, better_than_chance=False)
    assert gate.decide(document, off, None).registered


def test_metric_that_was_not_measured_is_refused() -> None:
    decision = gate.decide(run({"accuracy": 0.9}), RULES, None)
    assert not decision.registered
    assert "roc_auc was not measured" in decision.reason


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_metric_that_is_no_number_is_refused(value: float) -> None:
    document = run({"roc_auc": value}, champion={"version": "3", "metrics": {"roc_auc": 0.1}})
    assert not gate.decide(document, RULES, champion()).registered


def test_bounds_of_a_metric_of_ones_own() -> None:
    rules = Gate(rules={"cost": GateRules("cost", {"cost": Bound(min=1, max=3)})})
    for value, registered in ((2.0, True), (0.5, False), (3.5, False)):
        document = gate.normalise({"task": "cost", "metrics": {"cost": value}})
        assert gate.decide(document, rules, None).registered is registered


def test_task_without_rules_is_refused_and_names_the_rules() -> None:
    decision = gate.decide(
        gate.normalise({"task": "ranking", "metrics": {"ndcg": 1.0}}), RULES, None
    )
    assert not decision.registered
    assert "'ranking'" in decision.reason
    assert "classification (roc_auc)" in decision.reason


def test_bare_metrics_find_the_rules_by_their_primary_metric() -> None:
    assert gate.decide(gate.normalise({"roc_auc": 0.9}), RULES, None).primary_metric == "roc_auc"


@pytest.mark.parametrize(
    "document", [[], {"metrics": []}, {"metrics": {"a": "high"}}, {"a": True}, None]
)
def test_what_is_no_metrics_is_named(document: Any) -> None:
    with pytest.raises(ValueError, match=r"outputs/metrics.json must hold"):
        gate.normalise(document)


def test_what_is_null_in_metrics_is_not_there() -> None:
    document = gate.normalise({"metrics": {"roc_auc": 0.9}, "chance": None, "champion": None})
    assert gate.decide(document, RULES, None).registered


@pytest.mark.parametrize(
    "more", [{"chance": 0.5}, {"chance": {"roc_auc": "low"}}, {"champion": "3"}, {"champion": [1]}]
)
def test_what_is_not_as_the_contract_has_it_is_named(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f'"{next(iter(more))}" of outputs/metrics.json must'):
        gate.normalise({"metrics": {"roc_auc": 0.9}, **more})


@pytest.mark.parametrize(
    "name", ["rmse", "mae", "log_loss", "brier", "max_error", "median_absolute_error"]
)
def test_names_of_errors_are_known(name: str) -> None:
    assert gate.less_is_better(name)


@pytest.mark.parametrize(
    "name", ["r2", "roc_auc", "accuracy", "f1_macro", "average_precision", "neg_log_loss"]
)
def test_names_of_scores_are_known(name: str) -> None:
    assert not gate.less_is_better(name)
