"""Compares the model of bytes moved with the last-level misses that cachegrind counts."""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

LINE = 64
LIMIT = 0.15
DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "bytes-moved.md"

# Heads, queries, keys, head size: keys and values are larger than the cache, so that they are read again for every query tile.
SHAPES = [(1, 576, 2304, 64), (2, 576, 2304, 64), (1, 576, 1536, 128)]
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def plan(flashfuse: str, shape: tuple) -> dict:
    """Returns what `flashfuse plan` prints for the processor at hand."""
    heads, queries, _, size = shape
    command = [flashfuse, "plan", "--shape", f"1,{heads},{queries},{size}", "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def attention_graph(shape: tuple) -> dict:
    """Returns the graph JSON of one attention as exporters write it: two products, and scale, mask and softmax between them."""
    heads, queries, keys, size = shape
    port = lambda name, *sizes: {"name": name, "type": "f32", "shape": list(sizes)}
    node = lambda op, inputs, output, **attributes: {
        "op": op, "inputs": inputs, "outputs": [output], "attributes": attributes,
    }
    return {
        "flashfuse": 1, "name": "attention",
        "inputs": [
            port("query", 1, heads, queries, size), port("key", 1, heads, size, keys), port("value", 1, heads, keys, size),
            port("mask", 1, 1, 1, keys),
        ],
        "weights": [{"name": "scale", "type": "f32", "data": size ** -0.5}],
        "nodes": [
            node("MatMul", ["query", "key"], "products"), node("Mul", ["products", "scale"], "scaled"),
            node("Add", ["scaled", "mask"], "scores"), node("Softmax", ["scores"], "weights", axis=-1),
            node("MatMul", ["weights", "value"], "output"),
        ],
        "outputs": ["output"],
    }


def misses(command: list[str], cache: int, repeats: int) -> int:
    """Returns the last-level misses of data of a benchmark that runs `repeats` times."""
    words = ["valgrind", "--tool=cachegrind", "--cache-sim=yes", "--cachegrind-out-file=/dev/null", f"--LL={cache},16,{LINE}"]
    done = subprocess.run([*words, *command, "--repeat", str(repeats)], capture_output=True, text=True)
    found = re.search(r"LLd misses:\s+([\d,]+)", done.stderr)
    if done.returncode or not found:
        sys.exit(f"cachegrind failed on {' '.join(command)}:\n{done.stderr[-1000:]}")
    return int(found[1].replace(",", ""))


def bytes_of_one_run(command: list[str], cache: int) -> int:
    """The difference of two counts leaves out what happens before the first run."""
    return (misses(command, cache, 2) - misses(command, cache, 1)) * LINE


def modelled(flashfuse: str, model: pathlib.Path, folder: str) -> dict:
    """Returns the bytes that `flashfuse profile` gives for the steps of a model, native and fused, each with how many of them
    are written over what the step has just read."""
    command = [flashfuse, "profile", str(model), "--output-dir", folder, "--repeat", "1", "--threads", "1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    figures = {}
    for name, trace in (("native", "native_attention"), ("fused", "flash_attention")):
        events = json.loads((pathlib.Path(folder) / f"{trace}.json").read_text())["traceEvents"]
        steps = [event["args"] for event in events if event["ph"] == "X" and event["cat"] != "thread"]
        figures[name] = [sum(step.get(key, 0) for step in steps) for key in ("bytes", "overwritten_bytes")]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flashfuse", required=True)
    parser.add_argument("--write", action="store_true", help="put the table into docs/bytes-moved.md")
    arguments = parser.parse_args()
    # Simulated caches have a power of two of lines.
    cache = 1 << (plan(arguments.flashfuse, SHAPES[0])["fast_memory_bytes"].bit_length() - 1)
    rows = [
        "| heads × queries × keys × head size | attention | model | written in place | fetched, by the model | cachegrind | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    worst = 0.0
    for shape in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "attention.json"
            path.write_text(json.dumps(attention_graph(shape)))
            model = modelled(arguments.flashfuse, path, folder)
            for name, flags in (("native", ["--no-fuse"]), ("fused", [])):
                command = [arguments.flashfuse, "bench", "model", str(path), "--threads", "1", *flags]
                counted = bytes_of_one_run(command, cache)
                moved, overwritten = model[name]
                difference = (moved - overwritten) / counted - 1
                worst = max(worst, abs(difference))
                sizes = " × ".join(map(str, shape))
                figures = " | ".join(f"{each / 1e6:.1f} MB" for each in (moved, overwritten, moved - overwritten, counted))
                rows.append(f"| {sizes} | {name} | {figures} | {100 * difference:+.0f} % |")
                print(rows[-1], flush=True)
    if arguments.write:
        text = DOCUMENT.read_text()
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        DOCUMENT.write_text("\n".join([head + BEGIN, *rows, END + tail]))
    print(f"a cache of {cache >> 10} KiB; the largest difference is {100 * worst:.0f} %, the limit {100 * LIMIT:.0f} %")
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()
