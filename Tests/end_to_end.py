"""Runs the flashfuse binary on the models of graphs/ and compares with other engines and with the reference outputs.

    python Tests/end_to_end.py --flashfuse .build/debug/flashfuse

Tests that need a Python package which is missing are skipped and say so (Scripts/requirements.txt names the packages).
"""

import functools
import json
import pathlib
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

from command import GRAPHS, flashfuse, main, needs

PASS = "FlashAttentionFusionPass"
ATTENTION = {"Attention", "MultiHeadAttention", "GroupQueryAttention", "FlashAttention"}
TOLERANCE = 1e-4

# Verdicts of the attention pass that each exported model must get, and no others.
EXPECTED = {
    "bert.xml": {"fused": 2},
    "gpt2.onnx": {"fused": 2},
    "gpt2-opset23.onnx": {"fused": 2},
    "llama.onnx": {"fused": 2},
    "vit.onnx": {"fused": 2},
    "vit-attention.onnx": {"already-fused": 2},
    "classifier.onnx": {"not-attention": 1},
    "classifier-ir.xml": {"not-attention": 1},
    "control-flow.onnx": {"fused": 4},
    "control-flow-ir.xml": {"fused": 3},
}
UNCHANGED = [name for name, verdicts in EXPECTED.items() if "fused" not in verdicts]


def references(model: str) -> list[pathlib.Path]:
    """Returns the .npz files with inputs and outputs of the model: NAME.npz and NAME-long.npz."""
    stem = pathlib.Path(model).stem
    return [path for path in (GRAPHS / f"{stem}.npz", GRAPHS / f"{stem}-long.npz") if path.exists()]


@functools.cache
def arrays(path: pathlib.Path) -> dict:
    import numpy

    with numpy.load(path) as archive:
        return dict(archive)


def random_inputs(model: pathlib.Path) -> list[str]:
    """Returns the arguments that give a graph JSON's inputs random values, every open size being 6."""
    # Graphs of Ascend's graph engine have none at the top; that of graphs/ leaves no size open.
    inputs = json.loads(model.read_text()).get("inputs", [])
    sizes = lambda shape: ",".join(str(size) if isinstance(size, int) else "6" for size in shape)
    return [each for port in inputs for each in ("--input", f"{port['name']}=random:{sizes(port['shape'])}")]


def largest_error(outputs: dict, expected: dict) -> float:
    """Returns the largest error over all outputs, relative to each output's largest magnitude (at least 1)."""
    import numpy

    worst = 0.0
    for name, value in outputs.items():
        if value.shape != expected[name].shape:
            raise AssertionError(f"{name}: shape {value.shape}, expected {expected[name].shape}")
        error = float(numpy.abs(value - expected[name]).max())
        worst = max(worst, error / max(1.0, float(numpy.abs(expected[name]).max())))
    return worst


def onnxruntime_outputs(model: pathlib.Path, values: dict) -> dict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {each.name: values[each.name] for each in session.get_inputs()})))


def openvino_outputs(model: pathlib.Path, values: dict) -> dict:
    import openvino

    compiled = openvino.Core().compile_model(str(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled({port.any_name: values[port.any_name] for port in compiled.inputs})
    return {port.any_name: results[port] for port in compiled.outputs}


def onnx_nodes(graph, functions):
    """Yields the nodes of a graph or function, of all graphs inside, and of the functions that it calls."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else attribute.graphs):
                yield from onnx_nodes(inner, functions)
        if node.op_type not in ATTENTION and (node.domain, node.op_type) in functions:
            yield from onnx_nodes(functions[node.domain, node.op_type], functions)


def canonical(path: pathlib.Path) -> str:
    """Returns the XML with its attributes sorted and the blanks between tags left out."""
    return ElementTree.canonicalize(from_file=path, strip_text=True)


class EndToEnd(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def fuse(self, model: str, *flags: str) -> pathlib.Path:
        output = self.folder / model
        flashfuse("fuse", GRAPHS / model, "-o", output, "--log", self.folder / "log.json", *flags)
        return output

    def check_fused_file(self, model: str, *flags: str):
        """Fuses a model and compares the outputs of the file in the engine of its format with the reference outputs."""
        fused = self.fuse(model, *flags)
        run = openvino_outputs if fused.suffix == ".xml" else onnxruntime_outputs
        self.assertTrue(references(model))
        for reference in references(model):
            self.assertLess(largest_error(run(fused, arrays(reference)), arrays(reference)), TOLERANCE)
        return fused

    def test_every_exported_model_has_its_expectation(self):
        exported = {path.name for path in GRAPHS.iterdir() if path.suffix in (".xml", ".onnx")}
        self.assertEqual(exported, set(EXPECTED))

    def test_decisions(self):
        for model, expected in EXPECTED.items():
            with self.subTest(model):
                self.fuse(model)
                log = json.loads((self.folder / "log.json").read_text())
                decisions = [each for each in log["decisions"] if each["pass"] == PASS]
                verdicts = [each["verdict"] for each in decisions]
                self.assertEqual({verdict: verdicts.count(verdict) for verdict in verdicts}, expected)
                anchors = [each["anchor"] for each in decisions]
                self.assertEqual(len(anchors), len(set(anchors)))
                [counts] = [each for each in log["passes"] if each["name"] == PASS]
                self.assertEqual(counts["fused"], expected.get("fused", 0))
                self.assertEqual(json.loads(flashfuse("explain", GRAPHS / model, "--json"))["decisions"],
                                 log["decisions"])

    def test_hand_written_graphs(self):
        models = sorted(GRAPHS.glob("*.json"))
        self.assertTrue(models)
        for model in models:
            with self.subTest(model.name):
                fused = self.fuse(model.name)
                flashfuse("explain", fused)
                flashfuse("run", model, *random_inputs(model), "--compare")

    @needs("numpy")
    def test_outputs_of_flashfuse(self):
        for model in EXPECTED:
            for flags in ((), ("--no-fuse",)):
                for reference in references(model):
                    with self.subTest(model, flags=flags, reference=reference.name):
                        outputs = self.folder / "outputs.npz"
                        flashfuse("run", GRAPHS / model, "--inputs", reference, "--outputs", outputs, *flags)
                        self.assertLess(largest_error(arrays.__wrapped__(outputs), arrays(reference)), TOLERANCE)

    @needs("numpy", "openvino")
    def test_fused_ir_in_openvino(self):
        import openvino

        for model, expected in EXPECTED.items():
            if model.endswith(".xml"):
                with self.subTest(model):
                    fused = self.check_fused_file(model)
                    openvino.Core().read_model(str(fused))
                    types = [layer.get("type") for layer in ElementTree.parse(fused).iter("layer")]
                    self.assertEqual(types.count("ScaledDotProductAttention"), expected.get("fused", 0))

    @needs("numpy", "onnx", "onnxruntime")
    def test_fused_onnx_in_onnxruntime(self):
        import onnx

        for model, expected in EXPECTED.items():
            if model.endswith(".onnx"):
                for flags in ((), *(("--attention-op", each) for each in ("onnx", "microsoft", "function"))):
                    with self.subTest(model, flags=flags):
                        fused = onnx.load(self.check_fused_file(model, *flags))
                        onnx.checker.check_model(fused)
                        functions = {(each.domain, each.name): each for each in fused.functions}
                        count = sum(node.op_type in ATTENTION for node in onnx_nodes(fused.graph, functions))
                        self.assertEqual(count, expected.get("fused", 0) + expected.get("already-fused", 0))

    def attention_only(self) -> tuple[str, str]:
        """Returns options that leave no other pass on than that for attention."""
        switches = self.folder / "switches"
        switches.write_text(f"ALL:off\n{PASS}:on\n")
        return "--fusion-switch-file", str(switches)

    @needs("onnx")
    def test_onnx_without_fusions_comes_back_equal(self):
        import onnx

        for model in UNCHANGED:
            if model.endswith(".onnx"):
                with self.subTest(model):
                    self.assertEqual(onnx.load(self.fuse(model, *self.attention_only())), onnx.load(GRAPHS / model))

    def test_ir_without_fusions_comes_back_equal(self):
        for model in UNCHANGED:
            if model.endswith(".xml"):
                with self.subTest(model):
                    fused = self.fuse(model, *self.attention_only())
                    self.assertEqual(canonical(fused), canonical(GRAPHS / model))
                    weights = (GRAPHS / model).with_suffix(".bin")
                    self.assertEqual(fused.with_suffix(".bin").read_bytes(), weights.read_bytes())


if __name__ == "__main__":
    main()
