"""The gate: what it lets through, what it refuses, and whether it says why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from amlkit import champion as champions
from amlkit import checks, gate
from amlkit.records import Model
from amlkit.settings import Bound, Gate, GateRules

RULES = Gate(
    rules={
        "classification": GateRules("roc_auc", {"roc_auc": 0.6}),
        "regression": GateRules("rmse", {"rmse": 10.0}),
    },
    tolerance=0.01,
)


# What a run says that compared its model with a baseline, surely better than that.
JUDGED: dict[str, Any] = {
    "intervals": {"roc_auc": [0.6, 0.95]},
    "baseline": {
        "name": "class priors",
        "metrics": {"roc_auc": 0.5},
        "difference": {"roc_auc": [0.1, 0.45]},
    },
}


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
    document = run({"roc_auc": 0.9}, **JUDGED)
    first = gate.decide(document, RULES, None)
    assert [(c.kind, c.passed) for c in first.checks] == [("threshold", True), ("baseline", True)]
    assert first.notes == ("there was no champion",)
    words = [check.words for check in first.checks]
    assert first.reason == "registered: " + "; ".join([*words, *first.notes])

    other = {"version": "3", "metrics": {"roc_auc": 0.8}, "difference": {"roc_auc": [-0.2, -0.05]}}
    worse = run({"roc_auc": 0.7}, **JUDGED, champion=other)
    refused = gate.decide(worse, RULES, champion())
    assert [(c.kind, c.passed) for c in refused.checks] == [
        ("threshold", True), ("baseline", True), ("champion", False),
    ]  # fmt: skip
    assert refused.notes == ()
    assert refused.reason == "not registered: " + refused.checks[2].words
    assert (refused.checks[2].least, refused.checks[2].most) == (pytest.approx(0.79), None)
    assert refused.checks[2].difference == (-0.2, -0.05)

    replaced = gate.decide(worse, RULES, champion(), replace_champion=True)
    assert [c.kind for c in replaced.checks] == ["threshold", "baseline"]
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
    assert known["checks"][1]["difference"] is None
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
    # The threshold was raised since: the decision of then stays, and it is said what misses now.
    strict = Gate(rules={"classification": GateRules("roc_auc", {"roc_auc": 0.9})})
    now = gate.registered_earlier(document, strict, champion("4"))
    assert now.registered
    other = "version 4 was registered under other"
    missed = "roc_auc 0.7 misses the threshold >= 0.9"
    assert now.reason == f"{other} thresholds; today's gate would refuse it: {missed}"
    assert now.to_dict()["registered"] and now.refused_now and not decision.refused_now
    gone = gate.registered_earlier(document, Gate(rules={}), champion("4"))
    assert gone.registered
    assert gone.checks == ()
    assert gone.reason.startswith(f"{other} rules; today's gate would refuse it: no rules fit")


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


def test_a_champion_that_could_not_be_asked_counts_by_its_own_run_on_the_same_rows() -> None:
    """A model that nobody can fit anew, on a table in folds."""
    error = {"version": "3", "error": "it learned from all rows, and it cannot be fitted anew"}
    document = run({"roc_auc": 0.7}, champion=error, holdout="abc")
    same = champion("3", holdout="abc", metrics=json.dumps({"roc_auc": 0.8}))
    decision = gate.decide(document, RULES, same)
    why = "its stored value; it learned from all rows, and it cannot be fitted anew"
    assert not decision.registered
    assert f"lower than the champion, version 3 (0.8; {why})" in decision.reason
    assert decision.to_dict()["champion"]["stored"] in why
    other = champion("3", holdout="xyz", metrics=json.dumps({"roc_auc": 0.8}))
    assert "cannot be fitted anew" in gate.decide(document, RULES, other).reason


BETTER, UNCLEAR, WORSE = [0.02, 0.1], [-0.04, 0.03], [-0.2, -0.01]


def against_baseline(metric: str, ends: list[float] | None, gate_: Gate = RULES) -> gate.Decision:
    """The decision on a model that is above its baseline by `ends` in one metric."""
    ours, theirs = {"roc_auc": 0.7, "log_loss": 0.6}, {"roc_auc": 0.5, "log_loss": 0.65}
    difference = {"roc_auc": [0.1, 0.3], "log_loss": [-0.1, -0.01]} | (
        {metric: ends} if ends else {}
    )
    baseline = {"name": "class priors", "metrics": theirs, "difference": difference}
    return gate.decide(run(ours, intervals={"roc_auc": [0, 1]}, baseline=baseline), gate_, None)


@pytest.mark.parametrize(
    ("metric", "ends", "registered", "words"),
    [
        (
            "roc_auc",
            BETTER,
            True,
            "roc_auc 0.7 is better than class priors (0.5; difference +0.02 to",
        ),
        (
            "roc_auc",
            UNCLEAR,
            False,
            "class priors (0.5; difference -0.04 to +0.03), no better than chan",
        ),
        (
            "roc_auc",
            WORSE,
            False,
            "is worse than class priors (0.5; difference -0.2 to -0.01), but it",
        ),
        # Of the loss, less is better; and it need only not be worse.
        (
            "log_loss",
            WORSE,
            True,
            "log_loss 0.6 is better than class priors (0.65; difference -0.2",
        ),
        ("log_loss", UNCLEAR, True, "log_loss 0.6 shows no clear difference from class priors ("),
        (
            "log_loss",
            BETTER,
            False,
            "log_loss 0.6 is worse than class priors (0.65; difference +0.02 t",
        ),
    ],
)
def test_better_than_the_baseline_and_no_worse_in_its_loss(
    metric: str, ends: list[float], registered: bool, words: str
) -> None:
    decision = against_baseline(metric, ends)
    assert decision.registered is registered
    assert words in decision.reason
    off = Gate(rules=RULES.rules, better_than_chance=False)
    assert against_baseline(metric, ends, off).registered


def test_without_intervals_the_numbers_decide() -> None:
    def decide(auc: float, loss: float) -> gate.Decision:
        baseline = {"name": "mine", "metrics": {"roc_auc": 0.65, "log_loss": 0.6}}
        return gate.decide(run({"roc_auc": auc, "log_loss": loss}, baseline=baseline), RULES, None)

    assert decide(0.66, 0.6).registered
    assert (
        "roc_auc 0.66 is higher than mine (0.65); log_loss 0.6 is equal" in decide(0.66, 0.6).reason
    )
    assert "roc_auc 0.65 is equal to mine (0.65), but it must be better" in decide(0.65, 0.6).reason
    assert "log_loss 0.61 is higher than mine (0.6)" in decide(0.66, 0.61).reason
    assert not decide(0.65, 0.6).registered and not decide(0.66, 0.61).registered


def test_what_the_run_wrote_no_rows_for_is_said() -> None:
    def notes(better_than_chance: bool = True, **more: Any) -> tuple[str, ...]:
        settings = Gate(rules=RULES.rules, better_than_chance=better_than_chance)
        return gate.decide(run({"roc_auc": 0.9}, **more), settings, None).notes

    first = "there was no champion"
    assert notes() == ("no baseline and no intervals: the run wrote none", first)
    assert notes(better_than_chance=False) == ("no intervals: the run wrote none", first)
    assert notes(**JUDGED) == (first,)
    other = {"name": "mean", "metrics": {"rmse": 1.0}}
    lacking = "no baseline of roc_auc and no interval of roc_auc: the run wrote none"
    assert notes(baseline=other, intervals={"rmse": [0, 1]}) == (lacking, first)
    refused = gate.decide(run({"roc_auc": 0.5}), RULES, None)
    assert refused.reason.endswith("; no baseline and no intervals: the run wrote none")


def test_numbers_are_worded_without_powers_of_ten() -> None:
    words = checks.champion("rmse", 10234.6, 11500.0, "3", (-1234.5, 0.000012), 0.0).words
    assert "rmse 10,235 shows no clear difference from the champion, version 3" in words
    assert "(11,500; difference -1,200 to +0.000012)" in words


@pytest.mark.parametrize(
    ("value", "ends", "registered", "words"),
    [
        (0.75, [0.01, 0.09], True, "is better than the champion, version 3 (0.7; difference +0.01"),
        (0.71, [-0.02, 0.04], True, "no clear difference from the champion, version 3 (0.7; diff"),
        (0.695, [-0.03, 0.02], True, "(0.7; difference -0.03 to +0.02), within the tolerance 0.01"),
        (0.695, [-0.008, -0.001], True, "is worse than the champion, version 3 (0.7; difference -"),
        (0.66, [-0.09, -0.01], False, "(0.7; difference -0.09 to -0.01), by more than the tolera"),
        (0.66, [-0.09, 0.02], False, "(0.7; difference -0.09 to +0.02), but is lower "
                                     "by more than the tolerance 0.01: in doubt the champion "),
    ],
)  # fmt: skip
def test_against_the_champion_the_tolerance_decides_and_the_interval_words_it(
    value: float, ends: list[float], registered: bool, words: str
) -> None:
    score = {"version": "3", "metrics": {"roc_auc": 0.7}, "difference": {"roc_auc": ends}}
    decision = gate.decide(run({"roc_auc": value}, champion=score), RULES, champion())
    assert decision.registered is registered
    assert words in decision.reason
    assert json.loads(json.dumps(decision.to_dict()))["champion"] == score
    assert ("better" in decision.reason) == (ends[0] > 0)
    assert ("worse" in decision.reason) == (ends[1] < 0)


def test_a_difference_that_no_draw_shows_is_none() -> None:
    same = checks.champion("roc_auc", 0.7, 0.7, "3", (0.0, 0.0), 0.01)
    assert same.words == "roc_auc 0.7 is equal to the champion, version 3 (0.7)" and same.passed
    unsure = checks.champion("roc_auc", 0.7, 0.7, "3", (-0.1, 0.1), 0.01)
    assert "shows no clear difference" in unsure.words


def test_a_baseline_says_what_it_does() -> None:
    better = checks.baseline("r2", 0.5, 0.0, "mean", (0.1, 0.9), better=True)
    assert better.words.startswith("r2 0.5 is better than always predicting the mean (0;")
    none = checks.baseline("r2", None, 0.0, "last value", None, better=True)
    assert none.words == "r2 was not measured, but always predicting the last value has 0"
    assert "than mine (0)" in checks.baseline("r2", 0.5, 0.0, "mine", None, better=True).words


def test_of_an_error_the_lower_is_the_better_and_the_higher_the_worse() -> None:
    def decide(value: float, ends: list[float]) -> gate.Decision:
        score = {"version": "3", "metrics": {"rmse": 5.0}, "difference": {"rmse": ends}}
        return gate.decide(
            run({"rmse": value}, task="regression", champion=score), RULES, champion()
        )

    assert (
        "is better than the champion, version 3 (5; difference -2 to -0.5)"
        in decide(4.0, [-2, -0.5]).reason
    )
    assert (
        "worse than the champion, version 3 (5; difference +0.1 to +2), by more"
        in decide(6.0, [0.1, 2]).reason
    )
    assert "but is higher by more than the tolerance 0.01" in decide(6.0, [-0.1, 2]).reason


def test_shuffled_labels_of_an_earlier_run_are_a_baseline() -> None:
    document = run({"roc_auc": 0.65}, chance={"roc_auc": 0.68})
    decision = gate.decide(document, RULES, None)
    assert not decision.registered
    assert "roc_auc 0.65 is lower than shuffled labels (0.68)" in decision.reason
    off = Gate(rules=RULES.rules, better_than_chance=False)
    assert gate.decide(document, off, None).registered


def test_metric_that_was_not_measured_is_refused() -> None:
    decision = gate.decide(run({"accuracy": 0.9}), RULES, None)
    assert not decision.registered
    assert "roc_auc was not measured" in decision.reason


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 10**400])
def test_what_is_no_finite_number_was_not_measured(value: float) -> None:
    """Wherever it stands: it decides nothing, and what is said of it is JSON."""
    metrics = {"roc_auc": value, "accuracy": 0.9}
    document = run(metrics, champion={"version": "3", "metrics": {"roc_auc": 0.1}})
    decision = gate.decide(document, RULES, champion())
    assert not decision.registered
    assert "roc_auc was not measured" in decision.reason
    assert document["metrics"] == {"accuracy": 0.9}
    parts = {
        "intervals": {"roc_auc": [0.1, value]},
        "baseline": {"metrics": metrics, "difference": {"roc_auc": [value, 1.0]}},
        "champion": {"version": "3", "metrics": metrics, "difference": {"roc_auc": [value, 1.0]}},
    }
    document = run({"roc_auc": 0.9}, **parts)
    decision = gate.decide(document, RULES, champion())
    assert "it has no roc_auc" in decision.reason
    assert json.dumps([document, decision.to_dict()], allow_nan=False)
    elsewhere = champion("4", holdout="abc", metrics=json.dumps({"roc_auc": value}))
    decision = gate.decide(run({"roc_auc": 0.9}, holdout="abc"), RULES, elsewhere)
    assert json.dumps(decision.to_dict(), allow_nan=False)
    assert not decision.registered


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
    nothing = dict.fromkeys(["chance", "champion", "baseline", "intervals", "task"])
    document = gate.normalise({"metrics": {"roc_auc": 0.9}, **nothing})
    assert gate.decide(document, RULES, None).registered


@pytest.mark.parametrize(
    "more",
    [
        {"chance": 0.5},
        {"chance": {"roc_auc": "low"}},
        {"champion": "3"},
        {"champion": [1]},
        {"champion": {"metrics": 1}},
        {"champion": {"metrics": {"roc_auc": "high"}}},
        {"baseline": 0.5},
        {"baseline": {"metrics": {}, "difference": {"roc_auc": 0.1}}},
        {"baseline": {"difference": [0.1, 0.2]}},
        {"intervals": [0.1, 0.2]},
        {"intervals": {"roc_auc": [0.1]}},
        {"intervals": {"roc_auc": [0.1, "0.2"]}},
    ],
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
