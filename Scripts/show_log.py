"""Prints a decision log that `flashfuse fuse --log` wrote: what the passes did, and the first decision in full."""

import json
import sys
import textwrap

WIDTH = 78
INDENT = 13


def print_field(name: str, value) -> None:
    """Prints a field in lines of the page's width; the elements of long lists are left out but for three."""
    if isinstance(value, list) and len(value) > 3:
        text = f"{json.dumps(value[:3])[:-1]}, … {len(value) - 3} more]"
    else:
        text = json.dumps(value)
    print(textwrap.fill(text, WIDTH, initial_indent=f"  {name:{INDENT - 2}}", subsequent_indent=" " * INDENT))


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        log = json.load(file)
    for each in log["passes"]:
        if each["matched"]:
            print(f"  {each['name']}: {each['matched']} matched, {each['fused']} fused")
    decisions = log["decisions"]
    for name in ("pass", "verdict", "anchor", "nodes", "result", "attention", "cost", "reason"):
        if decisions and name in decisions[0]:
            print_field(name, decisions[0][name])
    if len(decisions) > 1:
        print(f"  … and {len(decisions) - 1} more")


if __name__ == "__main__":
    main()
