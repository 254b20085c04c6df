"""Rows in the place of data sets that scripts read at public addresses: the columns are theirs."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path

_HOST = "azuremlexamples.blob.core.windows.net"


def iris(path: Path) -> None:
    """Fisher's irises, as scikit-learn brings them."""
    from sklearn.datasets import load_iris  # takes a second, and most who collect this do not run

    data = load_iris()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sepal_length", "sepal_width", "petal_length", "petal_width", "species"])
        for row, kind in zip(data.data, data.target, strict=True):
            writer.writerow([*row, data.target_names[kind]])


def credit_card(path: Path) -> None:
    """Drawn rows with the columns of the UCI data set "default of credit card clients"."""
    draw = random.Random(0)
    pay = [f"PAY_{month}" for month in (0, 2, 3, 4, 5, 6)]
    amounts = [f"{kind}_AMT{month}" for kind in ("BILL", "PAY") for month in range(1, 7)]
    names = ["LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", *pay, *amounts]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["", *(f"X{number}" for number in range(1, 24)), "Y"])
        writer.writerow(["ID", *names, "default payment next month"])
        for number in range(1, 301):
            behind = [draw.randint(-2, 4) for _ in pay]
            person = [draw.randrange(10, 500) * 1000, draw.randint(1, 2), draw.randint(1, 4)]
            row = [*person, draw.randint(1, 3), draw.randint(21, 70), *behind]
            row += [draw.randrange(100_000) for _ in amounts]
            writer.writerow([number, *row, int(sum(behind) + draw.gauss(0, 3) > 6)])


#: Public address → what writes the file that stands for it.
ADDRESSES: dict[str, Callable[[Path], None]] = {
    f"https://{_HOST}/datasets/iris.csv": iris,
    **{
        f"https://{_HOST}/datasets/credit_card/{name}.csv": credit_card
        for name in (
            "default_of_credit_card_clients",
            "default%20of%20credit%20card%20clients",
            "default of credit card clients",
        )
    },
}
