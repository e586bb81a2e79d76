"""What a benchmark measured, printed, and kept where the documentation takes its numbers from.

BRIDGEX_BENCHMARKS=docs/benchmarks.csv pytest -s -n 0 tests/benchmarks/bench_*.py
"""

import os
from datetime import date
from pathlib import Path

import pandas as pd
import torch


def record(measure: str, value: float) -> None:
    """Print a measure; with BRIDGEX_BENCHMARKS set, replace its row in that table, with the command that measures it again."""
    print(f"\n{measure}: {value:.4g}")
    if path := os.environ.get("BRIDGEX_BENCHMARKS"):
        old = pd.read_csv(path) if Path(path).exists() else pd.DataFrame()
        command = f"pytest -s -n 0 {os.environ['PYTEST_CURRENT_TEST'].rsplit(' ', 1)[0].split('[')[0]}"
        row = {"measure": measure, "value": float(f"{value:.4g}"), "threads": torch.get_num_threads()}
        row |= {"command": command, "date": date.today().isoformat()}
        kept = old[old.measure != measure] if len(old) else old
        table = pd.concat([kept, pd.DataFrame([row])], ignore_index=True).sort_values("measure")
        table.to_csv(path, index=False, lineterminator="\n")
