"""What a person would write to score a large table: a loop of pandas over its chunks.

Run by the rendered repository's interpreter: `plain_batch.py TABLE MODEL OUT`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

table, model, out = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
schema = json.loads((model / "schema.json").read_text(encoding="utf-8"))
dates = [column["name"] for column in schema["columns"] if column["type"] == "date"]
pipeline = joblib.load(model / "model.joblib")
writer = None
for chunk in pd.read_csv(table, parse_dates=dates, chunksize=50_000):
    rows = chunk[schema["features"]]
    scored = pd.DataFrame({"prediction": pipeline.predict(rows)})
    for place, share in enumerate(pipeline.predict_proba(rows).T):
        scored[f"probability_{pipeline.classes_[place]}"] = share
    part = pa.Table.from_pandas(scored)
    writer = writer or pq.ParquetWriter(out, part.schema)
    writer.write_table(part)
if writer:
    writer.close()
