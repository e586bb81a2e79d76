"""Fails where a user's type checker would not know the type of a public name; the explorers' traits have none to know."""

import json
import subprocess
import sys

command = ["basedpyright", "--verifytypes", "bridgex_nb", "--ignoreexternal", "--outputjson"]
report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
symbols = [symbol for symbol in report["typeCompleteness"]["symbols"] if symbol["isExported"]]
exempt = ("Explorer", ".widgets", ".mini", "html_table")  # traitlets; training scripts; pandas does not say what a Styler is
unknown = [
    symbol["name"] for symbol in symbols if not symbol["isTypeKnown"] and not any(part in symbol["name"] for part in exempt)
]
print(f"{len(symbols)} public names, {len(unknown)} without a known type", *unknown, sep="\n  ")
sys.exit(bool(unknown) or len(symbols) < 200)
