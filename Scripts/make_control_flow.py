"""Makes control-flow.onnx and control-flow-ir.xml: attention in branches and loops, with inputs and outputs in an .npz.

The outputs are those of ONNX Runtime and OpenVINO for the files as they are.
"""

import argparse
import pathlib

import numpy
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper
from openvino import opset13 as operations

RANDOM = numpy.random.default_rng(7)
HEADS, SIZE = 2, 8
FEATURES = HEADS * SIZE


def weights() -> numpy.ndarray:
    return RANDOM.standard_normal((FEATURES, FEATURES)).astype(numpy.float32) / numpy.float32(FEATURES**0.5)


def attention_nodes(prefix: str, source: str, result: str) -> list[onnx.NodeProto]:
    """Returns attention of `source` [batch, length, features] with itself; weights and shapes come from around."""
    name = lambda part: f"{prefix}_{part}"
    nodes = []
    for part in "qkv":
        nodes += [
            helper.make_node("MatMul", [source, f"w{part}"], [name(part)]),
            helper.make_node("Reshape", [name(part), "split"], [name(f"{part}4")]),
            helper.make_node("Transpose", [name(f"{part}4")], [name(f"{part}h")],
                             perm=[0, 2, 3, 1] if part == "k" else [0, 2, 1, 3]),
        ]
    return nodes + [
        helper.make_node("MatMul", [name("qh"), name("kh")], [name("scores")]),
        helper.make_node("Mul", [name("scores"), "scale"], [name("scaled")]),
        helper.make_node("Softmax", [name("scaled")], [name("weights")], name="softmax", axis=-1),
        helper.make_node("MatMul", [name("weights"), name("vh")], [name("context")]),
        helper.make_node("Transpose", [name("context")], [name("merged")], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", [name("merged"), "merge"], [result]),
    ]


def onnx_model() -> onnx.ModelProto:
    """`rounds` times: attention, and every other time one more, or a Tanh; plus attention in a function."""
    value = lambda name, kind, shape: helper.make_tensor_value_info(name, kind, shape)
    hidden = lambda name: value(name, TensorProto.FLOAT, None)
    then_branch = helper.make_graph(attention_nodes("again", "once", "twice"), "then", [], [hidden("twice")])
    else_branch = helper.make_graph([helper.make_node("Tanh", ["once"], ["bent"])], "else", [], [hidden("bent")])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            *attention_nodes("first", "x", "once"),
            helper.make_node("Mod", ["round", "two"], ["parity"]),
            helper.make_node("Equal", ["parity", "zero"], ["is_even"]),
            helper.make_node("If", ["is_even"], ["y"], name="choice", then_branch=then_branch,
                             else_branch=else_branch),
            helper.make_node("ReduceMean", ["y"], ["mean"], axes=[1], keepdims=0),
        ],
        "body", [value("round", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), hidden("x")],
        [value("go_on", TensorProto.BOOL, []), hidden("y"), hidden("mean")])
    function = helper.make_function(
        "local", "Attend", ["x", "wq", "wk", "wv", "split", "merge", "scale"], ["y"],
        attention_nodes("f", "x", "y"), [helper.make_opsetid("", 17)])
    arguments = ["wq", "wk", "wv", "split", "merge", "scale"]
    graph = helper.make_graph(
        [
            helper.make_node("Loop", ["rounds", "", "input"], ["last", "means"], name="loop", body=body),
            helper.make_node("Attend", ["last", *arguments], ["attended"], name="call", domain="local"),
            helper.make_node("Attend", ["attended", *arguments], ["output"], name="second_call", domain="local"),
        ],
        "control-flow",
        [value("input", TensorProto.FLOAT, ["batch", "length", FEATURES]), value("rounds", TensorProto.INT64, [])],
        [value("output", TensorProto.FLOAT, ["batch", "length", FEATURES]),
         value("means", TensorProto.FLOAT, [None, "batch", FEATURES])],
        [numpy_helper.from_array(weights(), f"w{part}") for part in "qkv"]
        + [numpy_helper.from_array(numpy.array(SIZE**-0.5, numpy.float32), "scale"),
           numpy_helper.from_array(numpy.array([0, 0, HEADS, SIZE]), "split"),
           numpy_helper.from_array(numpy.array([0, 0, FEATURES]), "merge"),
           numpy_helper.from_array(numpy.array(2), "two"), numpy_helper.from_array(numpy.array(0), "zero")])
    model = helper.make_model(graph, functions=[function], ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("local", 1)])
    onnx.checker.check_model(model)
    return model


def attention(x: openvino.Node, name: str) -> openvino.Node:
    """Returns attention of `x` [batch, length, features] with itself."""
    heads = {}
    for part in "qkv":
        projected = operations.matmul(x, weights(), False, False)
        split = operations.reshape(projected, numpy.array([0, 0, HEADS, SIZE]), True)
        heads[part] = operations.transpose(split, numpy.array([0, 2, 1, 3]))
    scores = operations.matmul(heads["q"], heads["k"], False, True)
    scaled = operations.multiply(scores, numpy.float32(SIZE**-0.5))
    probabilities = operations.softmax(scaled, -1, name=name)
    context = operations.transpose(operations.matmul(probabilities, heads["v"], False, False),
                                   numpy.array([0, 2, 1, 3]))
    return operations.reshape(context, numpy.array([0, 0, FEATURES]), True)


def openvino_model() -> openvino.Model:
    """Attention in a branch, in a loop, and in what runs once for every step of a sequence."""
    shape = openvino.PartialShape([-1, -1, FEATURES])
    x = operations.parameter(shape, numpy.float32, name="input")
    flag = operations.parameter([], bool, name="flag")
    rounds = operations.parameter([], numpy.int64, name="rounds")
    for node in (x, flag, rounds):
        node.output(0).get_tensor().set_names({node.get_friendly_name()})

    then_input = operations.parameter(shape, numpy.float32)
    else_input = operations.parameter(shape, numpy.float32)
    choice = operations.if_op(flag)
    choice.set_then_body(openvino.Model([attention(then_input, "then_softmax")], [then_input]))
    choice.set_else_body(openvino.Model([operations.tanh(else_input)], [else_input]))
    choice.set_input(x.output(0), then_input, else_input)
    bodies = choice.get_function(0), choice.get_function(1)
    chosen = choice.set_output(bodies[0].results[0], bodies[1].results[0])

    state = operations.parameter(shape, numpy.float32)
    go_on = operations.constant(numpy.array(True))
    body = openvino.Model([attention(state, "loop_softmax"), go_on], [state])
    loop = operations.loop(rounds, operations.constant(numpy.array(True)))
    loop.set_function(body)
    loop.set_merged_input(state, chosen, body.results[0].output(0))
    loop.set_special_body_ports([-1, 1])
    repeated = loop.get_iter_value(body.results[0].output(0), -1)

    step = operations.parameter([-1, 1, FEATURES], numpy.float32)
    memory = operations.parameter([-1, 1, FEATURES], numpy.float32)
    around = operations.parameter(shape, numpy.float32)
    query = operations.add(step, memory)
    scores = operations.matmul(query, around, False, True)
    probabilities = operations.softmax(operations.multiply(scores, numpy.float32(FEATURES**-0.5)), -1,
                                       name="step_softmax")
    answer = operations.matmul(probabilities, around, False, False)
    step_body = openvino.Model([answer, operations.tanh(answer)], [step, memory, around])
    iterator = operations.tensor_iterator()
    iterator.set_function(step_body)
    iterator.set_sliced_input(step, repeated, 0, 1, 1, -1, 1)
    first = operations.reduce_mean(x, numpy.array([1]), True)
    iterator.set_merged_input(memory, first.output(0), step_body.results[1].output(0))
    iterator.set_invariant_input(around, x.output(0))
    steps = iterator.get_concatenated_slices(step_body.results[0].output(0), 0, 1, 1, -1, 1)
    last = iterator.get_iter_value(step_body.results[1].output(0), -1)
    results = [operations.result(each, name=name) for each, name in ((steps, "steps"), (last, "memory"))]
    for result, name in zip(results, ("steps", "memory")):
        result.input(0).get_tensor().set_names({name})
    return openvino.Model(results, [x, flag, rounds], "control-flow-ir")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    folder = parser.parse_args().output
    x = RANDOM.standard_normal((2, 5, FEATURES)).astype(numpy.float32)

    path = folder / "control-flow.onnx"
    onnx.save(onnx_model(), path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {"input": x, "rounds": numpy.array(3)}
    outputs = dict(zip(("output", "means"), session.run(["output", "means"], inputs)))
    numpy.savez_compressed(folder / "control-flow.npz", **inputs, **outputs)

    path = folder / "control-flow-ir.xml"
    openvino.save_model(openvino_model(), path, compress_to_fp16=False)
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    inputs = {"input": x, "flag": numpy.array(True), "rounds": numpy.array(2)}
    found = compiled(inputs)
    numpy.savez_compressed(folder / "control-flow-ir.npz", **inputs,
                           **{port.any_name: found[port] for port in compiled.outputs})


if __name__ == "__main__":
    main()
