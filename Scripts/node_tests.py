"""Runs the node tests that the onnx package makes: models of one operator with inputs, expected outputs and tolerances.

Every test whose values are all plain tensors is run through `flashfuse run`, once as it is and once with --no-fuse, and
passes only if both give the expected shapes, element types and values. Prints why each of the others fails, how many
fail of each operator, and "N passed, N failed" last. The exit code is 0 where at least --at-least tests pass and none
ends in a crash.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import fnmatch
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy

TIME_LIMIT = 120


@dataclasses.dataclass
class Failure:
    test: str
    operators: str
    run: str
    reason: str
    is_crash: bool = False


def is_plain(value) -> bool:
    """Returns whether a value of a test is a tensor of numbers or booleans."""
    return isinstance(value, (numpy.ndarray, numpy.generic)) and numpy.asarray(value).dtype.kind not in "OSUM"


def storable(value) -> numpy.ndarray:
    """Returns an array that an npz can hold: element types that NumPy lacks as raw bytes of the same width."""
    array = numpy.asarray(value)
    return array if array.dtype.isbuiltin == 1 else array.view(f"V{array.dtype.itemsize}")


def difference(expected, actual, test) -> str | None:
    """Returns how an output differs from what is expected, None where it is within the test's tolerances."""
    expected = numpy.asarray(expected)
    if actual.dtype.kind == "V" and actual.dtype.itemsize == expected.dtype.itemsize:
        actual = actual.view(expected.dtype)
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        return f"is {actual.dtype}{list(actual.shape)}, expected {expected.dtype}{list(expected.shape)}"
    wide = numpy.complex128 if expected.dtype.kind == "c" else numpy.float64
    # Differences of rounding around 0 have no tolerance relative to anything.
    close = numpy.isclose(
        expected.astype(wide), actual.astype(wide), rtol=test.rtol, atol=max(test.atol, 1e-7), equal_nan=True
    )
    return None if close.all() else f"differs in {(~close).sum()} of {close.size} elements"


def run_once(test, data, flags: list[str], flashfuse: pathlib.Path, folder: pathlib.Path) -> tuple[str | None, bool]:
    """Returns why one run of a test fails, None where it passes, and whether it crashed."""
    given, expected = data
    arrays = zip(test.model.graph.input, given, strict=False)
    numpy.savez(folder / "inputs.npz", **{port.name: storable(value) for port, value in arrays})
    command = [flashfuse, "run", folder / "model.onnx", "--inputs", folder / "inputs.npz"]
    command += ["--outputs", folder / "outputs.npz", *flags]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return f"no result within {TIME_LIMIT} s", True
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        return lines[-1], done.returncode < 0 or done.returncode not in (1, 64, 65, 66, 69)
    outputs = numpy.load(folder / "outputs.npz")
    for port, value in zip(test.model.graph.output, expected, strict=False):
        reason = difference(value, outputs[port.name], test) if port.name in outputs else "is missing"
        if reason:
            return f"output '{port.name}' {reason}", False
    return None, False


def failure(test, flashfuse: pathlib.Path) -> Failure | None:
    """Runs a test in every way; returns the first failure."""
    operators = "|".join(sorted({node.op_type for node in test.model.graph.node}))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "model.onnx").write_bytes(test.model.SerializeToString())
        for data in test.data_sets:
            for run, flags in (("fused", []), ("unfused", ["--no-fuse"])):
                reason, is_crash = run_once(test, data, flags, flashfuse, folder)
                if reason:
                    return Failure(test.name, operators, run, reason, is_crash)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flashfuse", required=True, type=pathlib.Path, help="the program")
    parser.add_argument("--only", default="*", metavar="GLOB", help="run only tests with such names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="tests that run at a time")
    parser.add_argument("--at-least", type=int, metavar="N", help="how many must pass (default: all)")
    options = parser.parse_args()

    warnings.filterwarnings("ignore")
    from onnx.backend.test.case import node

    tests = [
        test
        for test in node.collect_testcases(None)
        if test.data_sets
        and all(is_plain(value) for given, expected in test.data_sets for value in (*given, *expected))
        and fnmatch.fnmatch(test.name, options.only)
    ]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda test: failure(test, options.flashfuse.resolve()), tests)
        failures = [result for result in results if result]
    for one in failures:
        print(f"{one.test} ({one.run}{', crashed' if one.is_crash else ''}): {one.reason}"[:160])
    for operators, count in collections.Counter(one.operators for one in failures).most_common():
        print(f"{count:5}  {operators}"[:100])
    passed = len(tests) - len(failures)
    print(f"{passed} passed, {len(failures)} failed")
    enough = passed >= (options.at_least if options.at_least is not None else len(tests))
    sys.exit(0 if enough and not any(one.is_crash for one in failures) else 1)


if __name__ == "__main__":
    main()
