"""Three tables beside the carried one, each read in another way: real ones and a generated one."""

from __future__ import annotations

import csv
import importlib.util
import json
import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path


@dataclass(frozen=True)
class Table:
    """A table in a file, and what is asked of it."""

    path: Path
    target: str
    metric: str


def cars(folder: Path) -> Table:
    """Regression: 398 cars with their fuel consumption; numbers, categories, dates, missing values.

    The "cars" of vega_datasets: E. Ramos and D. Donoho, ASA Data Exposition, 1983.
    """
    rows = [
        row
        for row in json.loads(_vega("cars.json").read_text(encoding="utf-8"))
        if row["Miles_per_Gallon"] is not None
    ]
    path = folder / "cars.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return Table(path, "Miles_per_Gallon", "r2")


def weather(folder: Path) -> Table:
    """Five classes, very unequal: 1,461 days of weather in Seattle. Dates with slashes.

    The "seattle-weather" of vega_datasets: NOAA National Climatic Data Center.
    """
    path = folder / "weather.csv"
    path.write_bytes(_vega("seattle-weather.csv").read_bytes())
    return Table(path, "weather", "roc_auc")


def subscriptions(folder: Path) -> Table:
    """Two classes: 3,000 made-up customers, written as a German spreadsheet writes them.

    Semicolons, decimal commas, day.month.year, Latin-1 and empty cells; churn depends on the plan,
    on the age of the contract, on the price where it is known, and on chance.
    """
    pick = random.Random(5)
    path = folder / "kündigungen.csv"
    with path.open("w", newline="", encoding="latin-1") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Kunde", "Tarif", "Stadt", "Vertrag seit", "Preis", "Anrufe", "gekündigt"])
        for i in range(3000):
            plan = pick.choice(["Basis", "Plus", "Für alle"])
            since = date(2018, 1, 1) + timedelta(days=pick.randrange(2500))
            price, calls = round(pick.uniform(5, 60), 2), pick.randrange(9)
            risk = (plan == "Basis") + (since.year > 2022) + price / 30 + calls / 4 - 3.2
            churned = "ja" if pick.gauss(0, 0.8) < risk else "nein"
            writer.writerow(
                [
                    f"K{i:05d}",
                    plan if pick.random() > 0.04 else "",
                    pick.choice(["Köln", "München", "Düsseldorf", "Ulm"]),
                    since.strftime("%d.%m.%Y"),
                    str(price).replace(".", ",") if pick.random() > 0.08 else "",
                    calls,
                    churned,
                ]
            )
    return Table(path, "gekündigt", "roc_auc")


def _vega(name: str) -> Path:
    """A file of vega_datasets, found without importing it (and pandas with it)."""
    spec = importlib.util.find_spec("vega_datasets")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0], "_data", name)
