"""Puts a load on the pool of a Python snippet: `python load.py SNIPPET`. Prints what failed, as JSON."""

import json
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

CLIENTS, EACH, IN_VAIN = 8, 25, 9


def main() -> None:
    names: dict[str, Any] = {"statement": "SELECT 1/0"}
    text = Path(sys.argv[1]).read_text("utf-8").replace('"SELECT 1"', "statement")
    exec(compile(text, sys.argv[1], "exec"), names)
    refused, failed = Counter[str](), Counter[str]()
    _work(names, IN_VAIN, refused)  # more often than the pool has connections: each has to come back
    names["statement"] = "SELECT 1"
    threads = [threading.Thread(target=_work, args=(names, EACH, failed)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump({"refused": sum(refused.values()), "failed": failed}, sys.stdout)


def _work(names: dict[str, Any], times: int, errors: Counter[str]) -> None:
    for _ in range(times):
        try:
            names["work"]()
        except Exception as error:
            errors[f"{type(error).__name__}: {error}"] += 1


main()
