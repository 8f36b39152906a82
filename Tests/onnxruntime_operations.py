"""Runs models of one operator of ONNX Runtime's own each on ONNX Runtime and on flashfuse, which must agree.

    python Tests/onnxruntime_operations.py --flashfuse .build/debug/flashfuse

Skipped, saying so, where the Python packages onnx and onnxruntime are missing (Scripts/requirements.txt names them).
"""

import functools
import pathlib
import tempfile
import unittest

import command
import numpy

random = numpy.random.default_rng(7)
case = functools.partial(command.case, random)


def floats(*shape: int) -> numpy.ndarray:
    return random.normal(size=shape).astype(numpy.float32)


def integers(low: int, high: int, *shape: int, dtype=numpy.int64) -> numpy.ndarray:
    return random.integers(low, high, size=shape, dtype=dtype)


def narrow(name: str) -> numpy.dtype:
    """Returns a type that NumPy itself lacks."""
    import ml_dtypes

    return numpy.dtype(getattr(ml_dtypes, name))


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
        case("BiasGelu"): ("BiasGelu", [hidden, *constants(floats(8))], {}),
        case("FastGelu"): ("FastGelu", [hidden, *constants(floats(8))], {}),
        case("QuickGelu"): ("QuickGelu", [hidden], {"alpha": 1.5}),
        case("Gelu"): ("Gelu", [hidden], {}),
        case("SkipLayerNormalization"): (
            "SkipLayerNormalization", [hidden, floats(2, 5, 8), *constants(floats(8), floats(8), floats(8))], {"epsilon": 1e-3}, 4
        ),
        case("SkipLayerNormalization shared skip"): ("SkipLayerNormalization", [hidden, floats(5, 8), *constants(floats(8))], {}),
        case("SkipSimplifiedLayerNormalization"): (
            "SkipSimplifiedLayerNormalization", [hidden, floats(2, 5, 8), *constants(floats(8), floats(8))], {}, 4
        ),
        case("SimplifiedLayerNormalization"): (":SimplifiedLayerNormalization", [hidden, *constants(floats(8))], {"epsilon": 1e-3}),
        case("EmbedLayerNormalization"): ("EmbedLayerNormalization", [*words, *tables, mask], {}, 3),
        case("EmbedLayerNormalization positions"): (
            "EmbedLayerNormalization",
            [words[0], None, *tables[:2], None, *tables[3:], None, integers(0, 7, 2, 5, dtype=numpy.int32)],
            {"epsilon": 1e-2}, 2,
        ),
        case("FusedMatMul"): ("FusedMatMul", [floats(2, 3, 4), floats(2, 5, 4)], {"transB": 1, "alpha": 0.3}),
        case("FusedMatMul left"): ("FusedMatMul", [floats(2, 4, 3), floats(2, 4, 5)], {"transA": 1}),
        case("FusedMatMul batch"): (
            "FusedMatMul", [floats(3, 2, 5, 4), floats(6, 2, 5, 4)], {"transBatchA": 1, "transBatchB": 1, "transB": 1}
        ),
        case("FusedGemm"): (
            "FusedGemm",
            [floats(3, 4), *constants(floats(5, 4), floats(5))],
            {"transB": 1, "activation": "LeakyRelu", "activation_alpha": 0.2, "alpha": 0.5},
        ),
        case("FusedConv Relu"): (
            "FusedConv", [image, *constants(filters, floats(3))], {"activation": "Relu", "pads": [1, 1, 1, 1], "strides": [2, 1]}
        ),
        case("FusedConv Clip"): (
            "FusedConv", [image, *constants(filters)], {"activation": "Clip", "activation_params": [-1.0, 1.5]}
        ),
        case("FusedConv addend"): (
            "FusedConv", [image, *constants(filters, floats(3)), floats(2, 3, 4, 4)], {"activation": "Relu"}
        ),
        case("RotaryEmbedding"): ("RotaryEmbedding", [floats(2, 5, 16), integers(0, 16, 2, 5), *caches], {}),
        case("RotaryEmbedding heads"): (
            "RotaryEmbedding", [floats(2, 3, 5, 8), integers(0, 16, 2, 5), *caches], {"interleaved": 1}
        ),
        case("RotaryEmbedding from a position"): (
            "RotaryEmbedding", [floats(2, 5, 16), numpy.array([7], numpy.int64), *caches], {"num_heads": 2}
        ),
        case("RotaryEmbedding partly"): (
            "RotaryEmbedding",
            [floats(2, 5, 24), integers(0, 16, 2, 5), *caches],
            {"num_heads": 2, "rotary_embedding_dim": 8},
        ),
        case("MatMulNBits"): (
            "MatMulNBits", [floats(2, 3, 40), *constants(packed, scales)], {"K": 40, "N": 6, "bits": 4, "block_size": 16}
        ),
        case("MatMulNBits zero points"): (
            "MatMulNBits",
            [floats(3, 48), *constants(packed, scales, integers(0, 256, 6, 2, dtype=numpy.uint8)), None, *constants(floats(6))],
            {"K": 48, "N": 6, "bits": 4, "block_size": 16},
        ),
        case("MatMulNBits bytes"): (
            "MatMulNBits",
            [floats(3, 48), *constants(integers(0, 256, 6, 3, 16, dtype=numpy.uint8), scales)],
            {"K": 48, "N": 6, "bits": 8, "block_size": 16},
        ),
        case("GatherBlockQuantized"): (
            "GatherBlockQuantized",
            [*constants(rows), integers(0, 10, 2, 3), *constants(row_scales)],
            {"bits": 4, "block_size": 16, "gather_axis": 0, "quantize_axis": 1},
        ),
        case("GatherBlockQuantized zero points"): (
            "GatherBlockQuantized",
            [*constants(rows), integers(0, 10, 4), *constants(row_scales, integers(0, 256, 10, 2, dtype=numpy.uint8))],
            {"bits": 4, "block_size": 16, "gather_axis": 0, "quantize_axis": 1},
        ),
        case("DynamicQuantizeMatMul"): (
            "DynamicQuantizeMatMul",
            [floats(2, 3, 8), *constants(integers(-128, 128, 8, 4, dtype=byte), numpy.float32(0.02), byte(3), floats(4))],
            {},
        ),
        case("DynamicQuantizeMatMul columns"): (
            "DynamicQuantizeMatMul",
            [floats(3, 8), *constants(integers(-128, 128, 8, 4, dtype=byte), numpy.abs(floats(4)), byte([3, 0, -1, 2]))],
            {},
        ),
        case("MatMulIntegerToFloat"): (
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
        case("QLinearAdd"): ("QLinearAdd", [*quantised(2, 3, 4), *quantised(3, 1), *step(0.1)], {}, 1, 1),
        case("QLinearMul"): ("QLinearMul", [*quantised(2, 3, 4), *quantised(3, 4), *step(0.2)], {}, 1, 1),
        case("QLinearSigmoid"): ("QLinearSigmoid", [*quantised(2, 30), *step(1 / 256, 0)], {}, 1, 1),
        case("QLinearLeakyRelu"): ("QLinearLeakyRelu", [*quantised(2, 30), *step(0.05)], {"alpha": 0.3}, 1, 1),
        case("QLinearSoftmax"): ("QLinearSoftmax", [*quantised(2, 3, 5), *step(1 / 256, 0)], {"axis": -1, "opset": 13}, 1, 1),
        case("QLinearSoftmax flat"): ("QLinearSoftmax", [*quantised(2, 3, 5), *step(1 / 256, 0)], {"axis": 1, "opset": 11}, 1, 1),
        case("QLinearAveragePool"): (
            "QLinearAveragePool",
            [*quantised(1, 3, 6, 6), *step(0.04)],
            {"kernel_shape": [2, 3], "pads": [0, 1, 1, 0], "strides": [2, 1]}, 1, 1,
        ),
        case("QLinearGlobalAveragePool"): ("QLinearGlobalAveragePool", [*quantised(2, 3, 5, 5), *step(level)], {}, 1, 1),
        case("QLinearGlobalAveragePool channels last"): (
            "QLinearGlobalAveragePool", [*quantised(2, 5, 5, 3), *step(level)], {"channels_last": 1}, 1, 1
        ),
        case("QLinearConcat"): (
            "QLinearConcat", [*step(0.06), *quantised(2, 3), *quantised(2, 4, scale=0.08)], {"axis": 1}, 1, 1
        ),
        case("QLinearWhere"): (
            "QLinearWhere",
            [random.integers(0, 2, size=(2, 5)).astype(bool), *quantised(2, 5), *quantised(2, 5, scale=0.07), *step(0.06)], {}, 1, 1,
        ),
        case("QLinearConv channels last"): (
            "QLinearConv",
            [
                *quantised(1, 6, 6, 4),
                *constants(integers(-100, 100, 3, 4, 3, 3, dtype=byte), numpy.abs(floats(3)) * 0.02, byte([0, 0, 0])),
                *step(0.5), *constants(integers(-500, 500, 3, dtype=numpy.int32)),
            ],
            {"channels_last": 1, "pads": [1, 0, 1, 0]}, 1, 1,
        ),
        case("QGemm"): (
            "QGemm",
            [
                *quantised(3, 8),
                *constants(integers(0, 256, 5, 8, dtype=numpy.uint8), numpy.float32(0.03), numpy.uint8(128)),
                *constants(integers(-900, 900, 5, dtype=numpy.int32)), *step(0.3),
            ],
            {"transB": 1}, 1, 1,
        ),
        case("QGemm to floats"): (
            "QGemm",
            [
                *quantised(3, 8),
                *constants(integers(-128, 128, 8, 5, dtype=byte), numpy.abs(floats(5)), byte([0] * 5)),
                *constants(integers(-900, 900, 5, dtype=numpy.int32)),
            ],
            {"alpha": 1.0},
        ),
        case("QuantizeLinear"): (
            "QuantizeLinear", [floats(3, 4), *constants(numpy.abs(floats(4)), integers(0, 9, 4, dtype=numpy.uint8))], {"axis": 1}, 1, 0
        ),
        case("DequantizeLinear"): (
            "DequantizeLinear",
            [integers(0, 256, 3, 4, dtype=numpy.uint8), *constants(numpy.abs(floats(3)), integers(0, 9, 3, dtype=numpy.uint8))],
            {"axis": 0},
        ),
        **{
            case(f"DequantizeLinear in blocks, {name}"): (
                ":DequantizeLinear",
                constants(integers(low, high, 6, 4).astype(narrow(name)), numpy.abs(floats(6, 2)), integers(low, high, 6, 2).astype(narrow(name))),
                {"axis": 1, "block_size": 2},
            )
            for name, low, high in [("int4", -8, 8), ("uint4", 0, 16)]
        },
        **{
            case(f"GatherBlockQuantized {name}"): (
                "GatherBlockQuantized",
                [Constant(integers(low, high, 10, 32).astype(narrow(name))), integers(0, 10, 2, 3), *constants(floats(10, 2))],
                {"block_size": 16, "quantize_axis": 1},
            )
            for name, low, high in [("int4", -8, 8), ("uint4", 0, 16)]
        },
        case("Trilu"): ("Trilu", [floats(3, 4), *constants(numpy.int64(1))], {"upper": 0}),
        case("ExpandDims"): ("ExpandDims", [floats(3, 4), *constants(numpy.int32(-1))], {}),
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
            graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
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
