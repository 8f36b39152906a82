"""Exports tiny transformers with random weights as ONNX and OpenVINO IR, each with inputs and PyTorch's outputs in an .npz.

The entries of NAME.npz go by the names of the graph's inputs and outputs. Every file is read back by OpenVINO and its
outputs are compared with PyTorch's, with the arrays of every .npz that belongs to it.
"""

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Callable

import numpy
import openvino
import torch
import transformers

VOCABULARY = 128
LOWEST = torch.finfo(torch.float32).min


def causal_mask(attention_mask: torch.Tensor) -> torch.Tensor:
    """Returns the additive mask [batch, 1, length, length] that hides padding and later positions."""
    length = attention_mask.shape[1]
    positions = torch.arange(length)
    visible = (positions[None, :] <= positions[:, None])[None, None] & attention_mask.bool()[:, None, None, :]
    return torch.where(visible, 0.0, LOWEST)


class LanguageModel(torch.nn.Module):
    """A decoder without a cache; masks are built here because those of transformers can't be traced."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids, attention_mask=causal_mask(attention_mask), use_cache=False).logits


class Encoder(torch.nn.Module):
    """An encoder with one input of pixels, or of tokens and their mask."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, first, attention_mask=None):
        further = {} if attention_mask is None else {"attention_mask": attention_mask}
        return self.model(first, **further).last_hidden_state


class Classifier(torch.nn.Module):
    """Convolutions, a multilayer perceptron and a softmax over classes: nothing here is attention."""

    def __init__(self):
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=4, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten()
        )
        self.classes = torch.nn.Sequential(torch.nn.Linear(8 * 4 * 4, 32), torch.nn.GELU(), torch.nn.Linear(32, 10))

    def forward(self, pixel_values):
        return self.classes(self.features(pixel_values)).softmax(dim=-1)


def bert():
    return Encoder(transformers.BertModel(transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        max_position_embeddings=512, attn_implementation="eager")))


def vit(implementation="eager"):
    return Encoder(transformers.ViTModel(transformers.ViTConfig(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, image_size=32,
        patch_size=8, attn_implementation=implementation), add_pooling_layer=False))


def gpt2():
    return LanguageModel(transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=48, n_inner=96, n_layer=2, n_head=4, n_positions=64,
        attn_implementation="eager", bos_token_id=0, eos_token_id=0)))


def llama():
    return LanguageModel(transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=96, max_position_embeddings=512, attn_implementation="eager",
        bos_token_id=0, eos_token_id=0)))


def tokens(batch: int, length: int, padding: int) -> dict[str, torch.Tensor]:
    """Returns token numbers and a mask that hides the last `padding` tokens of the last sequence."""
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[-1, length - padding:] = 0
    return {"input_ids": torch.randint(1, VOCABULARY, (batch, length)), "attention_mask": mask}


def pixels(batch: int) -> dict[str, torch.Tensor]:
    return {"pixel_values": torch.randn(batch, 3, 32, 32)}


@dataclasses.dataclass
class Graph:
    """A file to make: `opset` 0 stands for OpenVINO IR; `dynamo` takes torch.export instead of tracing."""

    make: Callable[[], torch.nn.Module]
    inputs: Callable[[], dict[str, torch.Tensor]]
    output: str
    opset: int = 17
    dynamo: bool = False
    # Further .npz files: NAME-SUFFIX.npz with these inputs.
    further_inputs: dict[str, Callable[[], dict[str, torch.Tensor]]] = dataclasses.field(default_factory=dict)


GRAPHS = {
    "bert": Graph(bert, lambda: tokens(2, 40, 9), "last_hidden_state", opset=0,
                  further_inputs={"long": lambda: tokens(1, 512, 60)}),
    "gpt2": Graph(gpt2, lambda: tokens(2, 24, 5), "logits"),
    "gpt2-opset23": Graph(gpt2, lambda: tokens(2, 24, 5), "logits", opset=23, dynamo=True),
    "llama": Graph(llama, lambda: tokens(2, 24, 5), "logits", further_inputs={"long": lambda: tokens(1, 320, 40)}),
    "vit": Graph(vit, lambda: pixels(2), "last_hidden_state"),
    "vit-attention": Graph(lambda: vit("sdpa"), lambda: pixels(2), "last_hidden_state", opset=23, dynamo=True),
    "classifier": Graph(Classifier, lambda: pixels(2), "probabilities"),
    "classifier-ir": Graph(Classifier, lambda: pixels(2), "probabilities", opset=0),
}


def randomise(model: torch.nn.Module) -> None:
    """Sets weights so that every layer keeps magnitudes and softmax is neither uniform nor one-hot."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        else:
            parameter.add_(torch.randn_like(parameter) * 0.1)


def dynamic_dimensions(inputs: dict[str, torch.Tensor]) -> dict[str, dict[int, str]]:
    """Names the axes that may vary: the batch, and the length of token sequences."""
    return {name: {0: "batch"} | ({1: "sequence"} if value.dim() == 2 else {}) for name, value in inputs.items()}


def export_onnx(graph: Graph, model: torch.nn.Module, inputs: dict[str, torch.Tensor], path: pathlib.Path) -> None:
    axes = dynamic_dimensions(inputs)
    arguments = dict(input_names=list(inputs), output_names=[graph.output], opset_version=graph.opset)
    if graph.dynamo:
        dimensions = {name: torch.export.Dim(name, max=64) for name in ("batch", "sequence")}
        dynamic = tuple({axis: dimensions[name] for axis, name in each.items()} for each in axes.values())
        program = torch.onnx.export(model, tuple(inputs.values()), dynamo=True, dynamic_shapes=dynamic, verbose=False,
                                    **arguments)
        for node in program.model.graph.all_nodes():
            node.metadata_props.pop("pkg.torch.onnx.stack_trace", None)  # paths of the machine that exports
        program.save(str(path), external_data=False)
    else:
        axes[graph.output] = next(iter(axes.values()))
        torch.onnx.export(model, tuple(inputs.values()), str(path), dynamo=False, dynamic_axes=axes, **arguments)


def export_ir(graph: Graph, model: torch.nn.Module, inputs: dict[str, torch.Tensor], path: pathlib.Path) -> None:
    shapes = [tuple(-1 if axis in axes else size for axis, size in enumerate(inputs[name].shape))
              for name, axes in dynamic_dimensions(inputs).items()]
    converted = openvino.convert_model(model, example_input=tuple(inputs.values()), input=shapes)
    for port, name in zip(converted.inputs, inputs):
        port.tensor.set_names({name})
    converted.outputs[0].tensor.set_names({graph.output})
    openvino.save_model(converted, str(path), compress_to_fp16=False)


def check(path: pathlib.Path, arrays: dict[str, numpy.ndarray], output: str) -> float:
    """Returns the largest error of OpenVINO's outputs against PyTorch's."""
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    feeds = {port.any_name: arrays[port.any_name] for port in compiled.inputs}
    return float(numpy.abs(compiled(feeds)[output] - arrays[output]).max())


def make(name: str, graph: Graph, folder: pathlib.Path) -> None:
    torch.manual_seed(0)
    model = graph.make().eval()
    randomise(model)
    path = folder / f"{name}{'.onnx' if graph.opset else '.xml'}"
    inputs = graph.inputs()
    (export_onnx if graph.opset else export_ir)(graph, model, inputs, path)
    for suffix, make_inputs in {"": lambda: inputs, **graph.further_inputs}.items():
        values = make_inputs()
        with torch.no_grad():
            expected = model(*values.values())
        arrays = {key: value.numpy() for key, value in {**values, graph.output: expected}.items()}
        references = folder / f"{name}{'-' if suffix else ''}{suffix}.npz"
        numpy.savez(references, **arrays)
        error = check(path, arrays, graph.output)
        print(f"{path}, {references.name}: error in OpenVINO {error:.1e}")
        if not error < 1e-4:
            sys.exit(f"{path} does not give PyTorch's outputs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"all unless given: {', '.join(GRAPHS)}")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the folder that gets the files")
    options = parser.parse_args()
    if unknown := set(options.names) - set(GRAPHS):
        parser.error(f"no such graph: {', '.join(sorted(unknown))}")
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.names or GRAPHS:
        make(name, GRAPHS[name], options.output)


if __name__ == "__main__":
    main()
