"""What the Python tests share: their command line, and calls of the binary under test."""

import argparse
import importlib.util
import pathlib
import subprocess
import sys
import unittest

GRAPHS = pathlib.Path(__file__).resolve().parent.parent / "graphs"

arguments = argparse.Namespace(flashfuse="")


def main(*packages: str, prepare=lambda: None, parser: argparse.ArgumentParser | None = None) -> None:
    """Reads the command line and runs the tests of the calling script, unless one of the packages can't be imported.

    `prepare` is called before the tests are looked for; `parser` holds options besides `--flashfuse`.
    """
    parser = parser or argparse.ArgumentParser()
    parser.description = sys.modules["__main__"].__doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--flashfuse", required=True, type=lambda path: pathlib.Path(path).resolve(), help="the binary")
    _, further = parser.parse_known_args(namespace=arguments)
    if missing := without(packages):
        print(f"skipped: {missing}")
        return
    prepare()
    unittest.main(argv=[sys.argv[0], *further], testRunner=unittest.TextTestRunner(sys.stdout, verbosity=2))


def without(packages: tuple[str, ...]) -> str:
    """Says which of the packages can't be imported; empty where all can."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return f"the Python package {' and '.join(missing)} is missing" if missing else ""


def needs(*packages: str):
    """Skips a test where one of the packages can't be imported."""
    missing = without(packages)
    return unittest.skipIf(missing, missing)


def flashfuse(*words) -> str:
    """Runs a subcommand, which must succeed, and returns what it prints."""
    done = subprocess.run([arguments.flashfuse, *map(str, words)], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise AssertionError(f"flashfuse {' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def run(model: pathlib.Path, inputs: dict, *flags: str) -> dict:
    """Runs a model on inputs by name and returns its outputs; the files are written beside it."""
    import numpy

    given, results = model.with_name("inputs.npz"), model.with_name("outputs.npz")
    numpy.savez(given, **inputs)
    flashfuse("run", model, "--inputs", given, "--outputs", results, *flags)
    with numpy.load(results) as archive:
        return dict(archive)


def case(random, name: str) -> str:
    """Returns `name`, the key of a test case, after beginning the numbers that `random` gives anew, as they follow from that name.

    A key is evaluated before its value, so that no case's numbers depend on the cases before it.
    """
    import numpy

    random.bit_generator.state = numpy.random.default_rng(list(name.encode())).bit_generator.state
    return name


def add_tests(case: type[unittest.TestCase], arguments_by_name: dict) -> None:
    """Gives `case` a test for each name, which calls its `compare` with the arguments."""
    for name, values in arguments_by_name.items():
        setattr(case, f"test {name}", lambda self, values=values: self.compare(*values))
