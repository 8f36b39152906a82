"""Makes a decoder of very many nodes, to see that reading, fusing and writing take time in proportion.

    python Scripts/make_large_decoder.py NODES OUT.onnx|OUT.xml

Layers are as exporters write them (normalisation spelled out, rotation, shared key heads, shapes computed), but tiny. Needs onnx,
for an IR also openvino (Scripts/requirements.txt names the packages).
"""

import argparse
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

HEADS, KEY_HEADS, SIZE, WIDE = 4, 2, 8, 64
HIDDEN = HEADS * SIZE


class Decoder:
    def __init__(self, count: int):
        self.nodes, self.initializers, self.known = [], [], set()
        self.random = numpy.random.default_rng(0)
        hidden, layer = "x", 0
        while len(self.nodes) < count:
            hidden = self.layer(f"/layers.{layer}", hidden)
            layer += 1
        self.result, self.layers = hidden, layer

    def model(self) -> onnx.ModelProto:
        sizes = {
            "x": ["batch", "length", HIDDEN], "cos": [1, 1, "length", SIZE], "sin": [1, 1, "length", SIZE],
            "mask": ["batch", 1, "length", "length"],
        }
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in sizes.items()]
        output = helper.make_tensor_value_info(self.result, TensorProto.FLOAT, ["batch", "length", HIDDEN])
        graph = helper.make_graph(self.nodes, "decoder", inputs, [output], self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)

    def constant(self, name: str, values) -> str:
        if name not in self.known:
            self.known.add(name)
            self.initializers.append(numpy_helper.from_array(numpy.asarray(values), name))
        return name

    def weight(self, name: str, *shape: int) -> str:
        values = self.random.standard_normal(shape) * shape[0] ** -0.5
        return self.constant(name, values.astype(numpy.float32))

    def op(self, kind: str, inputs: list[str], name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}_output"], name=name, **attributes))
        return f"{name}_output"

    def layer(self, path: str, x: str) -> str:
        number = lambda name, value: self.constant(name, numpy.float32(value))
        square = self.op("Pow", [x, number("two", 2)], f"{path}/norm/Pow")
        mean = self.op("ReduceMean", [square], f"{path}/norm/ReduceMean", axes=[-1], keepdims=1)
        root = self.op("Sqrt", [self.op("Add", [mean, number("epsilon", 1e-6)], f"{path}/norm/Add")], f"{path}/norm/Sqrt")
        normal = self.op("Div", [x, root], f"{path}/norm/Div")
        normal = self.op("Mul", [normal, self.weight(f"{path}.norm.weight", HIDDEN)], f"{path}/norm/Mul")
        q = self.rotated(self.heads(normal, HEADS, f"{path}/q"), f"{path}/q")
        k = self.repeated(self.rotated(self.heads(normal, KEY_HEADS, f"{path}/k"), f"{path}/k"), f"{path}/k")
        v = self.repeated(self.heads(normal, KEY_HEADS, f"{path}/v"), f"{path}/v")
        k = self.op("Transpose", [k], f"{path}/Transpose", perm=[0, 1, 3, 2])
        scores = self.op("Div", [self.op("MatMul", [q, k], f"{path}/MatMul"), number("root", SIZE**0.5)], f"{path}/Div")
        scores = self.op("Add", [scores, "mask"], f"{path}/Add")
        weights = self.op("Softmax", [scores], f"{path}/Softmax", axis=-1)
        merged = self.op("Transpose", [self.op("MatMul", [weights, v], f"{path}/MatMul_1")], f"{path}/Transpose_1",
                         perm=[0, 2, 1, 3])
        merged = self.op("Reshape", [merged, self.constant("merge", [0, 0, HIDDEN])], f"{path}/Reshape")
        x = self.op("Add", [x, self.product(merged, f"{path}/o", HIDDEN, HIDDEN)], f"{path}/Add_1")
        gate = self.product(x, f"{path}/gate", HIDDEN, WIDE)
        gate = self.op("Mul", [gate, self.op("Sigmoid", [gate], f"{path}/Sigmoid")], f"{path}/Mul")
        gate = self.op("Mul", [gate, self.product(x, f"{path}/up", HIDDEN, WIDE)], f"{path}/Mul_1")
        return self.op("Add", [x, self.product(gate, f"{path}/down", WIDE, HIDDEN)], f"{path}/Add_2")

    def product(self, x: str, path: str, *shape: int) -> str:
        return self.op("MatMul", [x, self.weight(f"{path}.weight", *shape)], f"{path}/MatMul")

    def heads(self, x: str, count: int, path: str) -> str:
        """Projects and splits off the heads, with sizes read from the shape."""
        x = self.product(x, path, HIDDEN, count * SIZE)
        shape = self.op("Shape", [x], f"{path}/Shape")
        parts = []
        for axis in range(2):
            index = self.constant(f"index{axis}", numpy.int64(axis))
            size = self.op("Gather", [shape, index], f"{path}/Gather_{axis}")
            parts.append(self.op("Unsqueeze", [size, self.constant("first", [0])], f"{path}/Unsqueeze_{axis}"))
        parts += [self.constant(f"heads{count}", [count]), self.constant("size", [SIZE])]
        x = self.op("Reshape", [x, self.op("Concat", parts, f"{path}/Concat", axis=0)], f"{path}/Reshape")
        return self.op("Transpose", [x], f"{path}/Transpose", perm=[0, 2, 1, 3])

    def rotated(self, x: str, path: str) -> str:
        bounds = {"start": [0], "half": [SIZE // 2], "end": [2**31 - 1], "last": [3]}
        start, half, end, last = (self.constant(name, value) for name, value in bounds.items())
        low = self.op("Slice", [x, start, half, last], f"{path}/Slice")
        high = self.op("Slice", [x, half, end, last], f"{path}/Slice_1")
        turned = self.op("Concat", [self.op("Neg", [high], f"{path}/Neg"), low], f"{path}/Concat_1", axis=-1)
        straight = self.op("Mul", [x, "cos"], f"{path}/Mul")
        return self.op("Add", [straight, self.op("Mul", [turned, "sin"], f"{path}/Mul_1")], f"{path}/Add")

    def repeated(self, x: str, path: str) -> str:
        x = self.op("Unsqueeze", [x, self.constant("group", [2])], f"{path}/Unsqueeze_2")
        x = self.op("Expand", [x, self.constant("times", [1, 1, HEADS // KEY_HEADS, 1, 1])], f"{path}/Expand")
        return self.op("Reshape", [x, self.constant("all", [0, HEADS, -1, SIZE])], f"{path}/Reshape_1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nodes", type=int)
    parser.add_argument("output", type=pathlib.Path)
    options = parser.parse_args()
    decoder = Decoder(options.nodes)
    if options.output.suffix == ".xml":
        import openvino

        model = openvino.Core().read_model(decoder.model().SerializeToString())
        openvino.save_model(model, options.output, compress_to_fp16=False)
        print(f"{len(model.get_ops())} layers, {decoder.layers} attentions")
    else:
        onnx.save(decoder.model(), options.output)
        print(f"{len(decoder.nodes)} nodes, {decoder.layers} attentions")


if __name__ == "__main__":
    main()
