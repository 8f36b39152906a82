"""Runs models that hold one of ONNX Runtime's fused attention operators on ONNX Runtime and on flashfuse, which must agree.

    python Tests/runtime_attention.py --flashfuse .build/debug/flashfuse

Skipped, saying so, where the Python packages onnx and onnxruntime are missing (Scripts/requirements.txt names them).
"""

import json
import pathlib
import tempfile
import unittest

import command
import numpy

TOLERANCE = 1e-4
BATCH, LENGTH, HEADS, SIZE, PAST = 2, 4, 2, 8, 3
KEY_HEADS, GROUPED_HEADS, GROUPED_SIZE = 2, 4, 16

random = numpy.random.default_rng(7)


def floats(*shape: int) -> numpy.ndarray:
    return random.normal(size=shape).astype(numpy.float32)


def integers(*values) -> numpy.ndarray:
    return numpy.array(values, numpy.int32)


class Case:
    """A node: its operator, its inputs by name (None is left out), how many outputs it has, its attributes."""

    def __init__(self, operator: str, inputs: dict, outputs: int = 1, rows=None, **attributes):
        self.operator, self.inputs, self.outputs, self.attributes = operator, inputs, outputs, attributes
        # Which rows of the first result mean something, as (entry, number of rows) pairs; all where it is None.
        self.rows = rows

    def model(self, symbolic: bool):
        """Returns the ONNX model; where `symbolic`, batch and lengths are names."""
        import onnx
        from onnx import helper

        given = {name: array for name, array in self.inputs.items() if array is not None}
        names = {LENGTH: "length", PAST: "past", BATCH: "batch", 1: 1}

        def shape(name, array):
            if not symbolic or name in ("w", "bias", "sinks", "cosines", "sines", "total"):
                return array.shape
            axes = {"pk": (0, 2), "pv": (0, 2), "past": (1, 3)}.get(name, (0, 1))
            if name in ("q", "k", "v", "x", "pk", "pv", "past"):
                return [
                    (names.get(size, f"{name}_{axis}") if axis in axes else size) for axis, size in enumerate(array.shape)
                ]
            if name == "mask" and array.ndim == 1:
                return [{BATCH: "batch", 2 * BATCH: "batch*2", 3 * BATCH + 2: "batch*3 + 2"}[array.size]]
            return array.shape if array.ndim < 1 or array.shape[0] != BATCH else ["batch", *array.shape[1:]]

        values = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape(name, array))
            for name, array in given.items()
        ]
        names_of_inputs = [name if array is not None else "" for name, array in self.inputs.items()]
        results = ["y", "present", "present_value"][: self.outputs]
        node = helper.make_node(
            self.operator, names_of_inputs, results, name="attention", domain="com.microsoft", **self.attributes
        )
        outputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in results]
        graph = helper.make_graph([node], "case", values, outputs)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10), given


def multi_head_cases() -> dict:
    hidden = HEADS * SIZE
    total = LENGTH + PAST
    q, k, v = (floats(BATCH, LENGTH, hidden) for _ in range(3))
    qkv = {"q": q, "k": k, "v": v}
    longer = {"q": q, "k": floats(BATCH, 6, hidden), "v": floats(BATCH, 6, HEADS * 12)}
    past = {"pk": floats(BATCH, HEADS, PAST, SIZE), "pv": floats(BATCH, HEADS, PAST, SIZE)}
    mask = integers([0, 0, 1, 1], [1, 1, 1, 1])
    lengths = integers(3, 1)
    square = (random.uniform(size=(BATCH, LENGTH, LENGTH)) > 0.4).astype(numpy.int32)
    behind = (random.uniform(size=(BATCH, total)) > 0.3).astype(numpy.int32)
    low = floats(1, 1, LENGTH, LENGTH)
    low[..., 0, 0] = -numpy.inf

    def case(*parts, outputs=1, **attributes):
        inputs = {"q": None, "k": None, "v": None, "bias": None, "mask": None, "scores": None, "pk": None, "pv": None}
        for part in parts:
            inputs.update(part)
        return Case("MultiHeadAttention", inputs, outputs, num_heads=HEADS, **attributes)

    return {
        "plain": case(qkv),
        "scale": case(qkv, scale=0.3),
        "bias": case(qkv, {"bias": floats(3 * hidden)}),
        "lengths differ": case(longer),
        "lengths differ, bias": case(longer, {"bias": floats(2 * hidden + HEADS * 12)}),
        "causal": case(qkv, unidirectional=1),
        "mask": case(qkv, {"mask": mask}),
        "mask, filter": case(qkv, {"mask": mask}, mask_filter_value=-1.0),
        "mask, infinite filter": case(qkv, {"mask": integers([0, 1, 1, 1], [1, 1, 1, 1])}, mask_filter_value=-numpy.inf),
        "mask, causal": case(qkv, {"mask": mask}, unidirectional=1),
        "mask of lengths": case(qkv, {"mask": lengths}),
        "mask of nothing": case(qkv, {"mask": integers(0, 2)}),
        "mask of lengths and sums": case(qkv, {"mask": integers(3, 1, 0, 4, 8, 0, 4, 8)}),
        "mask by query": case(qkv, {"mask": square}),
        "mask by query, causal": case(qkv, {"mask": square}, unidirectional=1),
        "scores": case(qkv, {"scores": floats(1, HEADS, LENGTH, LENGTH)}),
        "scores by entry, mask": case(qkv, {"scores": floats(BATCH, 1, LENGTH, LENGTH), "mask": mask}),
        "scores, causal": case(qkv, {"scores": low}, unidirectional=1),
        "keys with heads": case({"q": q, "k": floats(BATCH, HEADS, 5, SIZE), "v": floats(BATCH, HEADS, 5, SIZE)}),
        "past": case(qkv, past, outputs=3),
        "past, causal": case(qkv, past, outputs=3, unidirectional=1),
        "past, bias": case(qkv, past, {"bias": floats(3 * hidden)}, outputs=3),
        "past, mask": case(qkv, past, {"mask": behind}, outputs=3),
        "past, mask, causal": case(qkv, past, {"mask": behind}, outputs=3, unidirectional=1),
        "past, scores, causal": case(
            qkv, past, {"scores": floats(1, 1, LENGTH, total)}, outputs=3, unidirectional=1
        ),
        "one query, causal": case(
            {"q": floats(BATCH, 1, hidden), "k": floats(BATCH, 1, hidden), "v": floats(BATCH, 1, hidden)}, past,
            outputs=3, unidirectional=1,
        ),
    }


def projected_cases() -> dict:
    hidden = HEADS * SIZE
    total = LENGTH + PAST
    x = floats(BATCH, LENGTH, 10)
    own = {"x": x, "w": floats(10, 3 * hidden) * 0.4, "bias": floats(3 * hidden)}
    past = {"past": floats(2, BATCH, HEADS, PAST, SIZE)}
    mask = integers([0, 0, 1, 1], [1, 1, 1, 1])
    behind = (random.uniform(size=(BATCH, total)) > 0.3).astype(numpy.int32)

    def case(*parts, outputs=1, **attributes):
        inputs = {"x": None, "w": None, "bias": None, "mask": None, "past": None, "scores": None}
        for part in parts:
            inputs.update(part)
        return Case("Attention", inputs, outputs, num_heads=HEADS, **attributes)

    return {
        "plain": case(own),
        "scale": case(own, scale=0.5),
        "causal": case(own, unidirectional=1),
        "other value size": case(
            {"x": x, "w": floats(10, 2 * hidden + 6) * 0.4, "bias": floats(2 * hidden + 6)},
            qkv_hidden_sizes=[hidden, hidden, 6],
        ),
        "mask": case(own, {"mask": mask}),
        "mask, causal": case(own, {"mask": mask}, unidirectional=1),
        "mask of ends": case(own, {"mask": integers(3, 1)}),
        "mask of ends and starts": case(own, {"mask": integers(3, 4, 1, 2)}),
        "mask by query": case(own, {"mask": (random.uniform(size=(BATCH, LENGTH, LENGTH)) > 0.4).astype(numpy.int32)}),
        "mask of one column": case(own, {"mask": integers([0], [0])}),
        "mask and scores": case(own, {"mask": mask, "scores": floats(1, HEADS, LENGTH, LENGTH)}),
        "past": case(own, past, outputs=2),
        "past, causal": case(own, past, outputs=2, unidirectional=1),
        "past, mask": case(own, past, {"mask": behind}, outputs=2),
        "past, mask, causal": case(own, past, {"mask": behind}, outputs=2, unidirectional=1),
        "present without past": case(own, outputs=2),
    }


def grouped_cases() -> dict:
    heads, size, past = GROUPED_HEADS, GROUPED_SIZE, 5
    angles = numpy.outer(numpy.arange(16), numpy.arange(size // 2) * 0.3)
    tables = {"cosines": numpy.cos(angles).astype(numpy.float32), "sines": numpy.sin(angles).astype(numpy.float32)}

    def tokens(length, batch=BATCH):
        return {
            "q": floats(batch, length, heads * size), "k": floats(batch, length, KEY_HEADS * size),
            "v": floats(batch, length, KEY_HEADS * size),
        }

    def cache(length=past, batch=BATCH):
        return {"pk": floats(batch, KEY_HEADS, length, size), "pv": floats(batch, KEY_HEADS, length, size)}

    def lengths(total, *each):
        return {"lengths": integers(*each), "total": numpy.array(total, numpy.int32)}

    def case(*parts, outputs=3, rows=None, **attributes):
        names = ["q", "k", "v", "pk", "pv", "lengths", "total", "cosines", "sines", "positions", "scores", "sinks"]
        inputs = dict.fromkeys(names)
        for part in parts:
            inputs.update(part)
        return Case(
            "GroupQueryAttention", inputs, outputs, rows, num_heads=heads, kv_num_heads=KEY_HEADS, **attributes
        )

    prompt = [tokens(LENGTH), lengths(LENGTH, LENGTH - 1, LENGTH - 1)]
    padded = [tokens(LENGTH), lengths(LENGTH, 1, LENGTH - 1)]
    step = [tokens(1), cache(), lengths(past + 1, past, past)]
    uneven = [tokens(1), cache(), lengths(past + 1, 3, past)]
    chunk = [tokens(LENGTH, 1), cache(batch=1), lengths(past + LENGTH, past + LENGTH - 1)]
    packed = numpy.concatenate(list(tokens(LENGTH).values()), axis=2)
    rows = [(0, 2), (1, LENGTH)]
    return {
        "prompt": case(*prompt),
        "prompt, one result": case(*prompt, outputs=1),
        "prompt, scale": case(*prompt, scale=0.1),
        "prompt, window": case(*prompt, local_window_size=2),
        "prompt, soft-cap": case(*prompt, softcap=0.5),
        "prompt, smooth": case(*prompt, smooth_softmax=1),
        "prompt, sinks": case(*prompt, {"sinks": floats(heads)}),
        "prompt, scores": case(*prompt, {"scores": floats(1, 1, LENGTH, LENGTH)}, softcap=0.5),
        "prompt, not causal": case(*prompt, causal=0),
        "prompt, packed": case({"q": packed}, lengths(LENGTH, LENGTH - 1, LENGTH - 1)),
        "prompt, rotary": case(*prompt, tables, do_rotary=1),
        "prompt, rotary interleaved": case(*prompt, tables, do_rotary=1, rotary_interleaved=1),
        "prompt, rotary, packed": case(
            {"q": packed}, lengths(LENGTH, LENGTH - 1, LENGTH - 1), tables, do_rotary=1
        ),
        "prompt, rotary, positions": case(
            *prompt, tables, {"positions": numpy.array([[2, 3, 4, 5], [1, 2, 3, 4]])}, do_rotary=1
        ),
        "prompt with a cache": case(tokens(LENGTH), cache(8), lengths(LENGTH, LENGTH - 1, LENGTH - 1), rows=None),
        "padded prompt": case(*padded, rows=rows),
        "padded prompt, not causal": case(*padded, causal=0),
        "padded prompt, window": case(*padded, local_window_size=2, rows=rows),
        "padded prompt, rotary": case(*padded, tables, do_rotary=1, rows=rows),
        "step": case(*step),
        "step, window": case(*step, local_window_size=2),
        "step, rotary": case(*step, tables, do_rotary=1),
        "step, rotary, positions": case(*step, tables, {"positions": numpy.array([[7], [9]])}, do_rotary=1),
        "uneven step": case(*uneven),
        "uneven step, rotary": case(*uneven, tables, do_rotary=1),
        "uneven step, window, sinks": case(*uneven, {"sinks": floats(heads)}, local_window_size=3),
        "step in a longer cache": case(tokens(1), cache(9), lengths(past + 1, 3, past)),
        "step in a longer cache, scores": case(
            tokens(1), cache(9), lengths(past + 1, past, past), {"scores": floats(1, 1, 1, past + 1)}
        ),
        "chunk": case(*chunk),
        "chunk, window": case(*chunk, local_window_size=3),
        "chunk, scores": case(*chunk, {"scores": floats(1, heads, LENGTH, past + LENGTH)}),
        "chunk, rotary": case(*chunk, tables, do_rotary=1),
        "chunk, rotary, positions": case(
            *chunk, tables, {"positions": numpy.array([[7, 8, 9, 10]])}, do_rotary=1
        ),
    }


class RuntimeAttention(unittest.TestCase):
    def compare(self, case: Case, symbolic: bool):
        import onnx
        import onnxruntime

        model, inputs = case.model(symbolic)
        onnxruntime.set_default_logger_severity(4)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            onnx.save(model, folder / "model.onnx")
            decisions = [
                each
                for each in json.loads(command.flashfuse("explain", folder / "model.onnx", "--json"))["decisions"]
                if each["pass"] == "FlashAttentionFusionPass"
            ]
            self.assertEqual([each["verdict"] for each in decisions], ["already-fused"])
            self.assertEqual([each["anchor"] for each in decisions], ["attention"])
            actual = command.run(folder / "model.onnx", inputs)
            for output, value in expected.items():
                self.assertEqual(value.shape, actual[output].shape, output)
                found = actual[output]
                if output == "y" and case.rows:
                    value = numpy.concatenate([value[entry, :rows] for entry, rows in case.rows])
                    found = numpy.concatenate([found[entry, :rows] for entry, rows in case.rows])
                if output != "y" and "lengths" in inputs:
                    # What is behind the valid keys means nothing.
                    value, found = (
                        numpy.concatenate([each[entry, :, : last + 1] for entry, last in enumerate(inputs["lengths"])], 1)
                        for each in (value, found)
                    )
                numpy.testing.assert_allclose(found, value, rtol=TOLERANCE, atol=TOLERANCE, err_msg=output)
            command.flashfuse("fuse", folder / "model.onnx", "-o", folder / "fused.onnx")
            self.assertEqual((folder / "fused.onnx").read_bytes(), (folder / "model.onnx").read_bytes())


def add_tests() -> None:
    kinds = {
        "MultiHeadAttention": multi_head_cases(), "Attention": projected_cases(), "GroupQueryAttention": grouped_cases()
    }
    for kind, cases in kinds.items():
        for name, case in cases.items():
            for sizes, symbolic in (("", False), (", open sizes", True)):
                command.add_tests(RuntimeAttention, {f"{kind} {name}{sizes}": (case, symbolic)})


if __name__ == "__main__":
    command.main("onnx", "onnxruntime", prepare=add_tests)
