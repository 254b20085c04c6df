"""The estimator that the settings name: of scikit-learn or of one's own, made and seeded."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from sklearn.base import is_classifier, is_regressor

from amlkit.tabular.table import TableError, shorten

AUTO = {
    "classification": "sklearn.ensemble.HistGradientBoostingClassifier",
    "regression": "sklearn.ensemble.HistGradientBoostingRegressor",
}


# Measured over the tables of benchmarks/tables.py. Without the penalty a leaf of a rare class grows
# beyond all bounds.
BOOSTING = {
    "max_leaf_nodes": 16,
    "min_samples_leaf": 10,
    "max_features": 0.5,
    "l2_regularization": 3.0,
}
LINEAR = {
    "classification": ("sklearn.linear_model.LogisticRegression", {"max_iter": 500}),
    "regression": ("sklearn.linear_model.Ridge", {}),
}


def make_estimators(path: str, parameters: Mapping[str, Any], task: str, seed: int) -> list[Any]:
    """The estimators of which `amlkit.tabular.auto.fit_best` takes the better; one, if it is named.

    "auto" is boosting and a linear model; with parameters, which are boosting's, it alone.
    """
    boosting = make_estimator(path, parameters, task, seed)
    if path != "auto" or parameters:
        return [boosting]
    return [boosting, make_estimator(*LINEAR[task], task, seed)]


def make_estimator(path: str, parameters: Mapping[str, Any], task: str, seed: int) -> Any:
    """The estimator at a dotted path ("auto": boosting with safe defaults), unfitted.

    The path names a class, or a function that returns an estimator; it is called with `parameters`.
    Each `random_state` that is left open is set to `seed`, those of inner estimators too.
    Raises TableError, one line, if it does not exist, does not suit the task or takes no such
    parameter.
    """
    if path == "auto":
        path, parameters = AUTO[task], {**BOOSTING, **parameters}
    estimator = make_named(path, parameters)
    if not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        raise TableError(f"training.estimator: {path} has no fit and predict")
    if hasattr(estimator, "__sklearn_tags__"):
        wrong = is_regressor if task == "classification" else is_classifier
        if wrong(estimator):
            raise TableError(
                f"training.estimator: {path} is not for {task}; "
                f"try {AUTO[task]}, or set training.task"
            )
    return _seeded(estimator, seed)


def make_named(path: str, parameters: Mapping[str, Any]) -> Any:
    """What the dotted path of a class or function makes of `parameters`; TableError as above."""
    factory = _find(path)
    _refuse_wrapper(factory, path, parameters)
    return _make(factory, path, parameters)


def names_problem(estimator: Any, names: Iterable[str]) -> str:
    """Which of the names of `training.search` is no parameter of an estimator; "" if all are."""
    kind, known = type(estimator).__name__, sorted(estimator.get_params(deep=True))
    for name in names:
        if name not in known:
            return _takes_no(f"training.search: {kind}", name, known)
    return ""


def _takes_no(what: str, name: str, valid: Sequence[str]) -> str:
    """That something has no such parameter, with the nearest and all that it has."""
    near = get_close_matches(str(name), valid, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{what} takes no {shorten(name, 60)!r}; {hint}Valid: {', '.join(valid)}"


def _find(path: str) -> Any:
    """The class or function at a dotted path."""
    module_name, _, name = path.rpartition(".")
    if not module_name:
        raise TableError(
            f"training.estimator: {path!r} needs its module in front, "
            "such as sklearn.ensemble.RandomForestClassifier"
        )
    try:
        module = import_module(module_name)
        found = getattr(module, name, None)  # scikit-learn's experimental ones are to be enabled
    except ImportError as error:
        raise TableError(
            f"training.estimator: {path!r} cannot be imported: {shorten(error, 200)}; write the "
            "full path, such as sklearn.ensemble.RandomForestClassifier, and put its package into "
            "the lock"
        ) from error
    if not callable(found):
        near = get_close_matches(name, [n for n in dir(module) if not n.startswith("_")], n=3)
        hint = f"; did you mean {' or '.join(f'{module_name}.{n}' for n in near)}?" if near else ""
        raise TableError(f"training.estimator: no {name!r} in {module_name}{hint}")
    return found


def _refuse_wrapper(factory: Any, path: str, parameters: Mapping[str, Any]) -> None:
    """A search, a vote or a pipeline is made of estimators, which are no values of config.yml."""
    if not inspect.isclass(factory):
        return
    for name, parameter in inspect.signature(factory).parameters.items():
        if name not in ("estimator", "estimators", "base_estimator", "steps"):
            continue
        given = parameters.get(name, parameter.default)
        if given is parameter.empty or isinstance(given, str | list | dict):
            raise TableError(
                f"training.estimator: {path} is made of another estimator ({name}), which "
                "config.yml cannot hold; write a function in your package that returns the whole "
                "estimator, and name that function here, such as my_package.search.search"
            )


def _make(factory: Any, path: str, parameters: Mapping[str, Any]) -> Any:
    signature = inspect.signature(factory).parameters.values()
    valid = sorted(p.name for p in signature if p.kind is not inspect.Parameter.VAR_KEYWORD)
    takes_any = len(valid) < len(signature)
    own = {key: value for key, value in parameters.items() if "__" not in key}
    inner = {key: value for key, value in parameters.items() if "__" in key}
    for name in own:
        if name not in valid and not takes_any:
            raise TableError(_takes_no(f"training.parameters: {path}", name, valid))
    try:
        estimator = factory(**own)
        return estimator.set_params(**inner) if inner else estimator
    except (TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise TableError(f"training.parameters: {path} cannot be made: {reason}") from error


def _seeded(estimator: Any, seed: int) -> Any:
    if not hasattr(estimator, "get_params"):
        return estimator
    open_seeds = {
        name: seed
        for name, value in estimator.get_params(deep=True).items()
        if name.split("__")[-1] == "random_state" and value is None
    }
    return estimator.set_params(**open_seeds) if open_seeds else estimator


def plain_parameters(model: Any) -> dict[str, Any]:
    """The estimator's parameters for the record; what JSON does not know is put in words."""
    if not hasattr(model, "get_params"):
        return {}
    return {name: plain_value(value) for name, value in sorted(model.get_params().items())}


def training_record(
    model: Any, task: str, said: Mapping[str, Any], seconds: Mapping[str, float]
) -> dict[str, Any]:
    """How a model was made, for metrics.json: `said` is what was of its rows."""
    estimator = model[-1] if hasattr(model, "steps") else model
    made = {
        "task": task,
        "why": said["why"],
        "estimator": class_path(estimator),
        "parameters": plain_parameters(estimator),
        "notes": said["notes"],
        "seconds": seconds,
    }
    if hasattr(estimator, "best_params_"):  # a search of scikit-learn's
        made["best_parameters"] = plain_value(estimator.best_params_)
    return made


def class_path(model: Any) -> str:
    """The dotted path of an object's class, short where its package has it: for the record."""
    kind = type(model)
    parts = kind.__module__.split(".")
    for length in range(1, len(parts)):
        module = ".".join(parts[:length])
        if getattr(sys.modules.get(module), kind.__qualname__, None) is kind:
            return f"{module}.{kind.__qualname__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def plain_value(value: Any) -> Any:
    """A value as JSON has it; in words where it has none."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return str(value)
