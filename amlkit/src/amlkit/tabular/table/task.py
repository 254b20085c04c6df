"""What to learn from a table's target: classes or numbers; and whether the classes suffice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlkit.tabular.table.schema import TableError, shorten
from amlkit.tabular.table.target_profile import CLASSES

if TYPE_CHECKING:
    from amlkit.tabular.table.profile import Profile

FEW = 10  # distinct whole numbers that are taken for classes
_OVERRIDE = "set training.task in config.yml to choose otherwise"


def infer_task(profile: Profile) -> tuple[str, str]:
    """Return "classification" or "regression", and why; TableError if it can be neither."""
    target = profile.target
    name, count = repr(target.name), target.distinct
    if target.type == "date":
        raise TableError(
            f"{profile.file}: the target {name} is a date, which cannot be predicted here; "
            "choose another column, or write it as a number such as days from a fixed day"
        )
    if target.type == "boolean":
        return "classification", f"{name} is true or false"
    if target.type == "category":
        if count is None or count > CLASSES:
            many = "too many different texts" if count is None else f"{count} different texts"
            raise TableError(
                f"{profile.file}: the target {name} holds {many}; up to {CLASSES} can be classes: "
                "choose another column, or group its values"
            )
        if count == profile.rows - target.missing:
            raise TableError(
                f"{profile.file}: the target {name} holds another text in each row, as a name or "
                "an identifier does; choose another column"
            )
        return "classification", f"{name} is text of {count} classes"
    if count == 2:
        return "classification", f"{name} holds 2 different numbers; {_OVERRIDE}"
    if target.whole and count is not None and count <= FEW:
        return "classification", f"{name} holds {count} different whole numbers; {_OVERRIDE}"
    amount = "many" if count is None else str(count)
    return "regression", f"{name} is a number of {amount} different values; {_OVERRIDE}"


def check_target(profile: Profile, task: str, min_class_rows: int) -> None:
    """Raise TableError when the target does not suit the task or a class has too few rows."""
    target = profile.target
    if task == "regression" and target.type in ("category", "date"):
        raise TableError(
            f"{profile.file}: the target {target.name!r} is a {target.type}, so regression cannot "
            "predict it; set training.task to classification, or choose another column"
        )
    if task != "classification":
        return
    if target.rarest is None:
        raise TableError(
            f"{profile.file}: the target {target.name!r} has too many different values for "
            "classification; set training.task to regression, or choose another column"
        )
    value, rows = target.rarest
    if rows < min_class_rows:
        raise TableError(
            f"{profile.file}: class {shorten(value)!r} of the target {target.name!r} has {rows} "
            f"row{'s' if rows != 1 else ''}, at least {min_class_rows} are needed: bring more of "
            "them, or merge or leave out the class (or lower training.min_class_rows)"
        )
