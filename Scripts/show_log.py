"""Prints the decision log that `flashfuse fuse --log` wrote: what each pass did, and the first decision of each verdict."""

import json
import sys

WIDTH = 76


def shape(dimensions: list) -> str:
    return f"[{', '.join(map(str, dimensions))}]"


def shortened(text: str, width: int) -> str:
    """Returns the text, its beginning left out where it is too long (the end of a node's name tells more)."""
    return text if len(text) <= width else "…" + text[1 - width:]


def describe(decision: dict) -> None:
    print(f"  {decision['verdict']:15}{shortened(decision['anchor'], WIDTH - 17)}")
    if attention := decision.get("attention"):
        print(f"    query {shape(attention['query'])}  key {shape(attention['key'])}  value {shape(attention['value'])}")
        print(f"    {attention['heads']} heads, {attention['kv_heads']} of keys and values; scale {attention['scale']:.6g}; "
              f"causal: {attention['causal']}; mask: {attention['mask']}")
    if cost := decision.get("cost"):
        print(f"    bytes moved: {cost['bytes_unfused']:,} unfused, {cost['bytes_fused']:,} fused")
    if reason := decision.get("reason"):
        print(f"    {reason['code']}: {reason['message']}")


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        log = json.load(file)
    for each in log["passes"]:
        print(f"  {each['name']}: {each['matched']} matched, {each['fused']} fused")
    shown = {}
    for decision in log["decisions"]:
        shown.setdefault((decision["pass"], decision["verdict"]), decision)
    for decision in shown.values():
        describe(decision)


if __name__ == "__main__":
    main()
