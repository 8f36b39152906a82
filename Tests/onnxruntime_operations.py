"""Runs models of one operator of ONNX Runtime's own each on ONNX Runtime and on flashfuse, which must agree.

    python Tests/onnxruntime_operations.py --flashfuse .build/debug/flashfuse

Skipped, saying so, where the Python packages onnx and onnxruntime are missing (Scripts/requirements.txt names them).
"""

import pathlib
import tempfile
import unittest

import command
import numpy

random = numpy.random.default_rng(7)


def floats(*shape: int) -> numpy.ndarray:
    return random.normal(size=shape).astype(numpy.float32)


def integers(low: int, high: int, *shape: int, dtype=numpy.int64) -> numpy.ndarray:
    return random.integers(low, high, size=shape, dtype=dtype)


def quantised(*shape: int, scale: float = 0.05, dtype=numpy.uint8) -> list:
    """Returns numbers with their scale and zero point, which are constants."""
    limits = numpy.iinfo(dtype)
    point = random.integers(limits.min + 100, limits.max - 100)
    return [integers(limits.min, limits.max + 1, *shape, dtype=dtype), Constant(numpy.float32(scale)), Constant(dtype(point))]


class Constant:
    """A tensor that the model holds."""

    def __init__(self, array):
        self.array = numpy.asarray(array)


def step(scale: float, point: int = 120, dtype=numpy.uint8) -> list:
    return [Constant(numpy.float32(scale)), Constant(dtype(point))]


def constants(*arrays) -> list:
    return [Constant(array) for array in arrays]


def cases() -> dict:
    """Returns the cases by name: operator, inputs, attributes, number of outputs, tolerance. None is an input left out."""
    hidden = floats(2, 5, 8)
    image = floats(2, 4, 6, 6)
    filters = floats(3, 4, 3, 3)
    angles = floats(16, 4)
    caches = constants(numpy.cos(angles), numpy.sin(angles))
    packed = integers(0, 256, 6, 3, 8, dtype=numpy.uint8)
    scales = floats(6, 3)
    rows = integers(0, 256, 10, 32, dtype=numpy.uint8)
    row_scales = floats(10, 4)
    words = [integers(0, 10, 2, 5, dtype=numpy.int32), integers(0, 2, 2, 5, dtype=numpy.int32)]
    tables = constants(floats(10, 8), floats(7, 8), floats(2, 8), floats(8), floats(8))
    mask = Constant(numpy.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], numpy.int32))
    byte = numpy.int8
    level = 0.051
    return {
        "BiasGelu": ("BiasGelu", [hidden, *constants(floats(8))], {}),
        "FastGelu": ("FastGelu", [hidden, *constants(floats(8))], {}),
        "QuickGelu": ("QuickGelu", [hidden], {"alpha": 1.5}),
        "Gelu": ("Gelu", [hidden], {}),
        "SkipLayerNormalization": (
            "SkipLayerNormalization", [hidden, floats(2, 5, 8), *constants(floats(8), floats(8), floats(8))], {"epsilon": 1e-3}, 4
        ),
        "SkipLayerNormalization shared skip": ("SkipLayerNormalization", [hidden, floats(5, 8), *constants(floats(8))], {}),
        "SkipSimplifiedLayerNormalization": (
            "SkipSimplifiedLayerNormalization", [hidden, floats(2, 5, 8), *constants(floats(8), floats(8))], {}, 4
        ),
        "SimplifiedLayerNormalization": (":SimplifiedLayerNormalization", [hidden, *constants(floats(8))], {"epsilon": 1e-3}),
        "EmbedLayerNormalization": ("EmbedLayerNormalization", [*words, *tables, mask], {}, 3),
        "EmbedLayerNormalization positions": (
            "EmbedLayerNormalization",
            [words[0], None, *tables[:2], None, *tables[3:], None, integers(0, 7, 2, 5, dtype=numpy.int32)],
            {"epsilon": 1e-2}, 2,
        ),
        "FusedMatMul": ("FusedMatMul", [floats(2, 3, 4), floats(2, 5, 4)], {"transB": 1, "alpha": 0.3}),
        "FusedMatMul left": ("FusedMatMul", [floats(2, 4, 3), floats(2, 4, 5)], {"transA": 1}),
        "FusedMatMul batch": (
            "FusedMatMul", [floats(3, 2, 5, 4), floats(6, 2, 5, 4)], {"transBatchA": 1, "transBatchB": 1, "transB": 1}
        ),
        "FusedGemm": (
            "FusedGemm",
            [floats(3, 4), *constants(floats(5, 4), floats(5))],
            {"transB": 1, "activation": "LeakyRelu", "activation_alpha": 0.2, "alpha": 0.5},
        ),
        "FusedConv Relu": (
            "FusedConv", [image, *constants(filters, floats(3))], {"activation": "Relu", "pads": [1, 1, 1, 1], "strides": [2, 1]}
        ),
        "FusedConv Clip": (
            "FusedConv", [image, *constants(filters)], {"activation": "Clip", "activation_params": [-1.0, 1.5]}
        ),
        "FusedConv addend": (
            "FusedConv", [image, *constants(filters, floats(3)), floats(2, 3, 4, 4)], {"activation": "Relu"}
        ),
        "RotaryEmbedding": ("RotaryEmbedding", [floats(2, 5, 16), integers(0, 16, 2, 5), *caches], {}),
        "RotaryEmbedding heads": (
            "RotaryEmbedding", [floats(2, 3, 5, 8), integers(0, 16, 2, 5), *caches], {"interleaved": 1}
        ),
        "RotaryEmbedding from a position": (
            "RotaryEmbedding", [floats(2, 5, 16), numpy.array([7], numpy.int64), *caches], {"num_heads": 2}
        ),
        "RotaryEmbedding partly": (
            "RotaryEmbedding",
            [floats(2, 5, 24), integers(0, 16, 2, 5), *caches],
            {"num_heads": 2, "rotary_embedding_dim": 8},
        ),
        "MatMulNBits": (
            "MatMulNBits", [floats(2, 3, 40), *constants(packed, scales)], {"K": 40, "N": 6, "bits": 4, "block_size": 16}
        ),
        "MatMulNBits zero points": (
            "MatMulNBits",
            [floats(3, 48), *constants(packed, scales, integers(0, 256, 6, 2, dtype=numpy.uint8)), None, *constants(floats(6))],
            {"K": 48, "N": 6, "bits": 4, "block_size": 16},
        ),
        "MatMulNBits bytes": (
            "MatMulNBits",
            [floats(3, 48), *constants(integers(0, 256, 6, 3, 16, dtype=numpy.uint8), scales)],
            {"K": 48, "N": 6, "bits": 8, "block_size": 16},
        ),
        "GatherBlockQuantized": (
            "GatherBlockQuantized",
            [*constants(rows), integers(0, 10, 2, 3), *constants(row_scales)],
            {"bits": 4, "block_size": 16, "gather_axis": 0, "quantize_axis": 1},
        ),
        "GatherBlockQuantized zero points": (
            "GatherBlockQuantized",
            [*constants(rows), integers(0, 10, 4), *constants(row_scales, integers(0, 256, 10, 2, dtype=numpy.uint8))],
            {"bits": 4, "block_size": 16, "gather_axis": 0, "quantize_axis": 1},
        ),
        "DynamicQuantizeMatMul": (
            "DynamicQuantizeMatMul",
            [floats(2, 3, 8), *constants(integers(-128, 128, 8, 4, dtype=byte), numpy.float32(0.02), byte(3), floats(4))],
            {},
        ),
        "DynamicQuantizeMatMul columns": (
            "DynamicQuantizeMatMul",
            [floats(3, 8), *constants(integers(-128, 128, 8, 4, dtype=byte), numpy.abs(floats(4)), byte([3, 0, -1, 2]))],
            {},
        ),
        "MatMulIntegerToFloat": (
            "MatMulIntegerToFloat",
            [
                integers(0, 256, 3, 8, dtype=numpy.uint8),
                *constants(
                    integers(-128, 128, 8, 4, dtype=byte), numpy.float32(0.1), numpy.abs(floats(4)), numpy.uint8(9), byte([0, 1, 2, 3]),
                    floats(4),
                ),
            ],
            {},
        ),
        "QLinearAdd": ("QLinearAdd", [*quantised(2, 3, 4), *quantised(3, 1), *step(0.1)], {}, 1, 1),
        "QLinearMul": ("QLinearMul", [*quantised(2, 3, 4), *quantised(3, 4), *step(0.2)], {}, 1, 1),
        "QLinearSigmoid": ("QLinearSigmoid", [*quantised(2, 30), *step(1 / 256, 0)], {}, 1, 1),
        "QLinearLeakyRelu": ("QLinearLeakyRelu", [*quantised(2, 30), *step(0.05)], {"alpha": 0.3}, 1, 1),
        "QLinearSoftmax": ("QLinearSoftmax", [*quantised(2, 3, 5), *step(1 / 256, 0)], {"axis": -1, "opset": 13}, 1, 1),
        "QLinearSoftmax flat": ("QLinearSoftmax", [*quantised(2, 3, 5), *step(1 / 256, 0)], {"axis": 1, "opset": 11}, 1, 1),
        "QLinearAveragePool": (
            "QLinearAveragePool",
            [*quantised(1, 3, 6, 6), *step(0.04)],
            {"kernel_shape": [2, 3], "pads": [0, 1, 1, 0], "strides": [2, 1]}, 1, 1,
        ),
        "QLinearGlobalAveragePool": ("QLinearGlobalAveragePool", [*quantised(2, 3, 5, 5), *step(level)], {}, 1, 1),
        "QLinearGlobalAveragePool channels last": (
            "QLinearGlobalAveragePool", [*quantised(2, 5, 5, 3), *step(level)], {"channels_last": 1}, 1, 1
        ),
        "QLinearConcat": (
            "QLinearConcat", [*step(0.06), *quantised(2, 3), *quantised(2, 4, scale=0.08)], {"axis": 1}, 1, 1
        ),
        "QLinearWhere": (
            "QLinearWhere",
            [random.integers(0, 2, size=(2, 5)).astype(bool), *quantised(2, 5), *quantised(2, 5, scale=0.07), *step(0.06)], {}, 1, 1,
        ),
        "QLinearConv channels last": (
            "QLinearConv",
            [
                *quantised(1, 6, 6, 4),
                *constants(integers(-100, 100, 3, 4, 3, 3, dtype=byte), numpy.abs(floats(3)) * 0.02, byte([0, 0, 0])),
                *step(0.5), *constants(integers(-500, 500, 3, dtype=numpy.int32)),
            ],
            {"channels_last": 1, "pads": [1, 0, 1, 0]}, 1, 1,
        ),
        "QGemm": (
            "QGemm",
            [
                *quantised(3, 8),
                *constants(integers(0, 256, 5, 8, dtype=numpy.uint8), numpy.float32(0.03), numpy.uint8(128)),
                *constants(integers(-900, 900, 5, dtype=numpy.int32)), *step(0.3),
            ],
            {"transB": 1}, 1, 1,
        ),
        "QGemm to floats": (
            "QGemm",
            [
                *quantised(3, 8),
                *constants(integers(-128, 128, 8, 5, dtype=byte), numpy.abs(floats(5)), byte([0] * 5)),
                *constants(integers(-900, 900, 5, dtype=numpy.int32)),
            ],
            {"alpha": 1.0},
        ),
        "QuantizeLinear": (
            "QuantizeLinear", [floats(3, 4), *constants(numpy.abs(floats(4)), integers(0, 9, 4, dtype=numpy.uint8))], {"axis": 1}, 1, 0
        ),
        "DequantizeLinear": (
            "DequantizeLinear",
            [integers(0, 256, 3, 4, dtype=numpy.uint8), *constants(numpy.abs(floats(3)), integers(0, 9, 3, dtype=numpy.uint8))],
            {"axis": 0},
        ),
        "Trilu": ("Trilu", [floats(3, 4), *constants(numpy.int64(1))], {"upper": 0}),
        "ExpandDims": ("ExpandDims", [floats(3, 4), *constants(numpy.int32(-1))], {}),
    }


class ONNXRuntimeOperations(unittest.TestCase):
    def compare(self, operator, inputs, attributes, output_count=1, tolerance=1e-4):
        import onnx
        import onnxruntime
        from onnx import helper, numpy_helper

        arrays, initializers, names = {}, [], []
        for index, value in enumerate(inputs):
            name = "" if value is None else f"input{index}"
            names.append(name)
            if isinstance(value, Constant):
                initializers.append(numpy_helper.from_array(value.array, name))
            elif value is not None:
                arrays[name] = value
        # Statistics between the first and the last result are not computed everywhere.
        outputs = ["output0"] + [""] * (output_count - 2) * (output_count == 4)
        outputs += [f"output{index}" for index in range(len(outputs), output_count)]
        domain = "" if operator[0] == ":" else "com.microsoft"
        node = helper.make_node(operator.strip(":"), names, outputs, domain=domain, **attributes)
        graph = helper.make_graph(
            [node], "operator",
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in arrays.items()],
            [onnx.ValueInfoProto(name=name) for name in outputs if name], initializers,
        )
        model = helper.make_model(
            graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        )
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = session.run(None, arrays)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "model.onnx").write_bytes(model.SerializeToString())
            actual = command.run(folder / "model.onnx", arrays)
            for output, value in zip(session.get_outputs(), expected):
                found = actual[output.name]
                self.assertEqual(value.shape, found.shape)
                self.assertEqual(value.dtype, found.dtype)
                # Quantised results may be one step apart where the unrounded one lies halfway.
                numpy.testing.assert_allclose(
                    found.astype(numpy.float64), value.astype(numpy.float64), rtol=min(tolerance, 1e-4), atol=tolerance
                )


if __name__ == "__main__":
    command.main("onnx", "onnxruntime", prepare=lambda: command.add_tests(ONNXRuntimeOperations, cases()))
