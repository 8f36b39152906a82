"""Runs attention whose masks leave some rows with nothing to see, fused and not, on flashfuse and on ONNX Runtime: all must agree,
infinities and NaNs included.

    python Tests/masked_rows.py --flashfuse .build/debug/flashfuse

Skipped, saying so, where the Python packages onnx and onnxruntime are missing (Scripts/requirements.txt names them).
"""

import json
import pathlib
import tempfile
import unittest

import command
import numpy

BATCH, HEADS, QUERIES, KEYS, SIZE = 2, 2, 5, 7, 8
# Not 16 bits: at the limit of their range ONNX Runtime, which keeps 32 bits between operators, is another model.
TOLERANCES = {"float64": 1e-5, "float32": 1e-5}
OPERATORS = ("microsoft", "onnx", "function")
# Each spelling is a list of steps from the scaled product to the softmax: an operator and what else it reads.
FORMS = {
    "lowest": [("Where", "keep", None, "lowest")],
    "infinite": [("Where", "keep", None, "-inf")],
    "low": [("Where", "keep", None, "low")],
    "lowest, then a bias": [("Where", "keep", None, "lowest"), ("Add", None, "bias")],
    "infinite, then a bias": [("Where", "keep", None, "-inf"), ("Add", None, "bias")],
    "a bias, then lowest": [("Add", None, "bias"), ("Where", "keep", None, "lowest")],
    "a bias, then low": [("Add", None, "bias"), ("Where", "keep", None, "low")],
    "padding, then low": [("Add", None, "padding"), ("Where", "keep", None, "low")],
    "a table, then low": [("Add", None, "table"), ("Where", "keep", None, "low")],
    "lowest, then doubled": [("Where", "keep", None, "lowest"), ("Mul", None, "two")],
    "low, then padding": [("Where", "keep", None, "low"), ("Add", None, "padding")],
    "a bias, then low, then padding": [("Add", None, "bias"), ("Where", "keep", None, "low"), ("Add", None, "padding")],
    "a bias": [("Add", None, "bias")],
    "a bias, then raised to the lowest": [("Add", None, "bias"), ("Max", None, "lowest")],
}


def model_and_inputs(form: str, kind: str, fixed: bool):
    """Returns an ONNX model of opset 18 and its inputs: the first row of keys is wholly hidden, the second in the bias."""
    import onnx
    from onnx import helper, numpy_helper

    random = numpy.random.default_rng(len(form))
    dtype = numpy.dtype(kind)
    element = helper.np_dtype_to_tensor_dtype(dtype)
    lowest = numpy.finfo(dtype).min
    keep = random.uniform(size=(BATCH, 1, QUERIES, KEYS)) > 0.3
    keep[:, :, 0] = False
    keep[:, :, 1:, 0] = True
    bias = random.normal(size=(BATCH, 1, QUERIES, KEYS)).astype(dtype)
    bias[:, :, 1] = lowest
    bias[:, :, 2, ::2] = -numpy.inf
    inputs = {
        "q": random.normal(size=(BATCH, HEADS, QUERIES, SIZE)).astype(dtype),
        "k": random.normal(size=(BATCH, HEADS, SIZE, KEYS)).astype(dtype),
        "v": random.normal(size=(BATCH, HEADS, KEYS, SIZE)).astype(dtype),
        "keep": keep,
        "bias": bias,
        "unpadded": random.uniform(size=(BATCH, 1, 1, KEYS)) > 0.5,
    }
    numbers = {"zero": 0.0, "scale": SIZE**-0.5, "lowest": lowest, "-inf": -numpy.inf, "low": -1e4, "two": 2.0}
    numbers["table"] = random.normal(size=(HEADS, QUERIES, KEYS))
    nodes = [helper.make_node("MatMul", ["q", "k"], ["product"]), helper.make_node("Mul", ["product", "scale"], ["step0"])]
    if "padding" in form:
        nodes.append(helper.make_node("Where", ["unpadded", "zero", "lowest"], ["padding"]))
    for index, (operator, *operands) in enumerate(FORMS[form]):
        names = [f"step{index}" if each is None else each for each in operands]
        nodes.append(helper.make_node(operator, names, [f"step{index + 1}"]))
    nodes += [
        helper.make_node("Softmax", [nodes[-1].output[0]], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "v"], ["y"]),
    ]
    used = {name for node in nodes for name in node.input}
    inputs = {name: value for name, value in inputs.items() if name in used}
    axes = {BATCH: "batch", QUERIES: "queries", KEYS: "keys"}
    graph = helper.make_graph(
        nodes,
        "rows",
        [
            helper.make_tensor_value_info(
                name,
                helper.np_dtype_to_tensor_dtype(value.dtype),
                value.shape if fixed else [axes.get(size, size) for size in value.shape],
            )
            for name, value in inputs.items()
        ],
        [helper.make_tensor_value_info("y", element, None)],
        [numpy_helper.from_array(numpy.array(numbers[name], dtype), name) for name in numbers if name in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), inputs


class MaskedRows(unittest.TestCase):
    def compare(self, form: str, kind: str, fixed: bool):
        import onnx
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)

        def reference(path):
            options = onnxruntime.SessionOptions()
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            return session.run(None, inputs)[0]

        model, inputs = model_and_inputs(form, kind, fixed)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            onnx.save(model, folder / "model.onnx")
            expected = reference(folder / "model.onnx")
            check = lambda actual, what: numpy.testing.assert_allclose(
                actual, expected, rtol=TOLERANCES[kind], atol=TOLERANCES[kind], err_msg=what
            )
            for flags in ((), ("--no-fuse",)):
                check(command.run(folder / "model.onnx", inputs, *flags)["y"], f"flashfuse run {flags}")
            for operator in OPERATORS:
                fused = folder / f"{operator}.onnx"
                command.flashfuse("fuse", folder / "model.onnx", "-o", fused, "--attention-op", operator)
                log = json.loads(command.flashfuse("explain", folder / "model.onnx", "--json"))
                self.assertEqual([each["verdict"] for each in log["decisions"] if "Attention" in each["pass"]], ["fused"])
                check(reference(fused), f"--attention-op {operator}")


def add_tests() -> None:
    for form in FORMS:
        for kind in TOLERANCES:
            for sizes, fixed in (("", True), (", open sizes", False)):
                command.add_tests(MaskedRows, {f"{form}, {kind}{sizes}": (form, kind, fixed)})


if __name__ == "__main__":
    command.main("onnx", "onnxruntime", prepare=add_tests)
