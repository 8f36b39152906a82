"""Runs models of one OpenVINO operation each on OpenVINO and on flashfuse, which must agree.

    python Tests/openvino_operations.py --flashfuse .build/debug/flashfuse

Skipped, saying so, where the Python package openvino is missing (Scripts/requirements.txt names it).
"""

import pathlib
import tempfile
import unittest

import command
import numpy

TOLERANCE = 1e-4

random = numpy.random.default_rng(7)


def floats(*shape: int) -> numpy.ndarray:
    return random.normal(size=shape).astype(numpy.float32)


def integers(low: int, high: int, *shape: int) -> numpy.ndarray:
    return random.integers(low, high, size=shape, dtype=numpy.int32)


def boxes(count: int) -> numpy.ndarray:
    """Returns boxes within [0, 12] as left, top, right, bottom."""
    corners = random.uniform(0, 8, size=(count, 2))
    return numpy.concatenate([corners, corners + random.uniform(1, 4, size=(count, 2))], axis=1).astype(numpy.float32)


def recurrent(gates: int, directions: int | None, biases: int | None = None) -> list[numpy.ndarray]:
    """Returns weights, recurrent weights and biases of 3 units over 4 features."""
    lead = () if directions is None else (directions,)
    return [floats(*lead, gates * 3, 4), floats(*lead, gates * 3, 3), floats(*lead, (biases or gates) * 3)]


def cases() -> dict:
    """Returns the cases by name: a builder of one operation from its inputs, and those; constants are lists.

    A third entry computes what is expected where OpenVINO's own result is not that.
    """
    from openvino import opset15 as ops

    lengths = numpy.array([5, 3], numpy.int32)

    def sequence(gates, states, directions, biases=None):
        return [floats(2, 5, 4), *(floats(2, directions, 3) for _ in range(states)), lengths] + [
            weights.tolist() for weights in recurrent(gates, directions, biases)
        ]

    def cell(gates, states, biases=None):
        return [floats(2, 4), *(floats(2, 3) for _ in range(states))] + [
            weights.tolist() for weights in recurrent(gates, None, biases)
        ]

    image = floats(2, 4, 6, 6)
    table = floats(5, 3)
    bags = integers(0, 5, 6)
    scores = random.uniform(size=(1, 2, 8)).astype(numpy.float32)
    sorted_rows = numpy.sort(floats(2, 6), axis=1)
    ties = numpy.array([0.5, 1, 2, 2, 3.5], numpy.float32)
    return {
        "LSTMSequence": (lambda *x: ops.lstm_sequence(*x, 3, "forward"), sequence(4, 2, 1)),
        "LSTMSequence both": (lambda *x: ops.lstm_sequence(*x, 3, "bidirectional"), sequence(4, 2, 2)),
        "LSTMCell": (lambda *x: ops.lstm_cell(*x, 3), cell(4, 2)),
        "GRUSequence": (lambda *x: ops.gru_sequence(*x, 3, "reverse"), sequence(3, 1, 1)),
        "GRUSequence reset": (
            lambda *x: ops.gru_sequence(*x, 3, "forward", linear_before_reset=True), sequence(3, 1, 1, 4)
        ),
        "GRUCell": (lambda *x: ops.gru_cell(*x, 3), cell(3, 1)),
        "GRUCell reset": (lambda *x: ops.gru_cell(*x, 3, linear_before_reset=True), cell(3, 1, 4)),
        "RNNSequence": (lambda *x: ops.rnn_sequence(*x, 3, "bidirectional"), sequence(1, 1, 2)),
        "RNNCell": (lambda *x: ops.rnn_cell(*x, 3, ["relu"], [], []), cell(1, 1)),
        "ScaledDotProductAttention": (ops.scaled_dot_product_attention, [floats(2, 3, 4, 8), floats(2, 3, 5, 8), floats(2, 3, 5, 6)]),
        "ScaledDotProductAttention causal": (
            lambda *x: ops.scaled_dot_product_attention(*x, causal=True), [floats(2, 3, 4, 8), floats(2, 3, 5, 8), floats(2, 3, 5, 8)]
        ),
        "ScaledDotProductAttention mask": (
            ops.scaled_dot_product_attention, [floats(2, 3, 4, 8), floats(2, 1, 5, 8), floats(2, 1, 5, 8), floats(4, 5), 0.3]
        ),
        "ScaledDotProductAttention of five axes": (
            ops.scaled_dot_product_attention, [floats(2, 2, 3, 4, 8), floats(2, 2, 1, 5, 8), floats(2, 2, 1, 5, 8)]
        ),
        "DFT": (ops.dft, [floats(3, 4, 5, 2), [1, -1]]),
        "DFT sized": (ops.dft, [floats(3, 4, 5, 2), [0, 2], [4, 3]]),
        "IDFT": (ops.idft, [floats(3, 4, 5, 2), [1, 2]]),
        "RDFT": (ops.rdft, [floats(3, 4, 6), [1, -1]]),
        "RDFT sized": (ops.rdft, [floats(3, 4, 6), [2], [4]]),
        "IRDFT": (ops.irdft, [floats(3, 4, 4, 2), [1, 2]]),
        "IRDFT odd": (ops.irdft, [floats(3, 4, 4, 2), [2], [5]]),
        "STFT": (lambda *x: ops.stft(*x, True), [floats(2, 20), floats(8), 8, 3]),
        "STFT frames first": (lambda *x: ops.stft(*x, False), [floats(20), floats(8), 8, 3]),
        "Eye": (lambda *x: ops.eye(*x, "f32"), [3, 4, 1]),
        "SpaceToDepth": (lambda x: ops.space_to_depth(x, "blocks_first", 2), [image]),
        "SpaceToDepth depth first": (lambda x: ops.space_to_depth(x, "depth_first", 3), [image]),
        "SpaceToBatch": (ops.space_to_batch, [image, [1, 1, 2, 3], [0, 0, 1, 0], [0, 0, 1, 3]]),
        "BatchToSpace": (ops.batch_to_space, [floats(12, 2, 3, 4), [1, 1, 2, 3], [0, 0, 1, 0], [0, 0, 0, 2]]),
        "ShuffleChannels": (lambda x: ops.shuffle_channels(x, 1, 2), [image]),
        "ExtractImagePatches": (
            lambda x: ops.extract_image_patches(x, [3, 2], [2, 1], [1, 2], "same_upper"), [image]
        ),
        "ExtractImagePatches valid": (
            lambda x: ops.extract_image_patches(x, [3, 3], [2, 2], [1, 1], "valid"), [image]
        ),
        "ReverseSequence": (lambda *x: ops.reverse_sequence(*x, 0, 1), [floats(2, 5, 3), lengths]),
        "SliceScatter": (ops.slice_scatter, [floats(4, 6), floats(4, 2), [1], [5], [2], [1]]),
        "Bucketize": (lambda *x: ops.bucketize(*x, "i64", True), [ties, [1, 2, 3]]),
        "Bucketize left": (lambda *x: ops.bucketize(*x, "i32", False), [ties, [1, 2, 3]]),
        "SearchSorted": (ops.search_sorted, [sorted_rows, sorted_rows[:, ::2].copy()]),
        "SearchSorted right": (lambda *x: ops.search_sorted(*x, True), [sorted_rows, sorted_rows[:, ::2].copy()]),
        "SearchSorted one list": (ops.search_sorted, [ties, floats(2, 3)]),
        "EmbeddingBagPackedSum": (ops.embedding_bag_packed_sum, [table, integers(0, 5, 2, 3), floats(2, 3)]),
        "EmbeddingBagPacked mean": (lambda *x: ops.embedding_bag_packed(*x, reduction="mean"), [table, integers(0, 5, 2, 3)]),
        "EmbeddingBagOffsetsSum": (
            ops.embedding_bag_offsets_sum, [table, bags, numpy.array([0, 2, 2], numpy.int32), numpy.int32(1), floats(6)]
        ),
        "EmbeddingSegmentsSum": (
            ops.embedding_segments_sum,
            [table, bags, numpy.array([0, 0, 2, 2, 2, 3], numpy.int32), numpy.int32(5), numpy.int32(2), floats(6)],
        ),
        "EmbeddingSegmentsSum empty": (
            ops.embedding_segments_sum, [table, bags, numpy.array([0, 0, 2, 2, 2, 3], numpy.int32), numpy.int32(5)]
        ),
        "Unique": (lambda x: ops.unique(x, None, True, "i32", "i64"), [integers(0, 4, 3, 4)]),
        # OpenVINO 2026.4 keeps equal columns that don't follow each other.
        "Unique axis": (
            lambda x: ops.relu(ops.unique(x, ops.constant(1), True).output(0)),
            [integers(0, 2, 2, 6)],
            lambda x: numpy.unique(x, axis=1),
        ),
        "ROIAlign": (
            lambda *x: ops.roi_align(*x, 2, 3, 2, 0.5, "avg", "asymmetric"),
            [image, boxes(3), numpy.array([0, 1, 1], numpy.int32)],
        ),
        "ROIAlign half pixel": (
            lambda *x: ops.roi_align(*x, 2, 2, 0, 0.5, "avg", "half_pixel"),
            [image, boxes(3), numpy.array([0, 1, 1], numpy.int32)],
        ),
        "ROIAlign offset": (
            lambda *x: ops.roi_align(*x, 2, 2, 2, 0.5, "avg", "half_pixel_for_nn"),
            [image, boxes(3), numpy.array([0, 1, 1], numpy.int32)],
        ),
        "NonMaxSuppression": (
            lambda *x: ops.non_max_suppression(*x),
            [boxes(8)[None], scores, numpy.int64(3), numpy.float32(0.2), numpy.float32(0.3)],
        ),
        "NonMaxSuppression by class": (
            lambda *x: ops.non_max_suppression(*x, box_encoding="center", sort_result_descending=False),
            [boxes(8)[None], scores, numpy.int64(3), numpy.float32(0.2), numpy.float32(0.3)],
        ),
        "GatherTree": (
            ops.gather_tree,
            [
                numpy.array([[[1, 2, 3]], [[4, 5, 6]], [[7, 9, 8]]], numpy.int32),
                numpy.array([[[0, 0, 0]], [[0, 1, 1]], [[2, 1, 2]]], numpy.int32),
                numpy.array([3], numpy.int32), numpy.int32(5),
            ],
        ),
        "CTCGreedyDecoderSeqLen": (
            lambda *x: ops.ctc_greedy_decoder_seq_len(*x), [floats(2, 6, 4), numpy.array([6, 4], numpy.int32), numpy.int32(1)]
        ),
        "FakeQuantize": (
            lambda *x: ops.fake_quantize(*x, 16), [3 * floats(2, 4, 3), [[[-1.0]]], [[[2.0]]], [[[-1.5]]], [[[3.0]]]]
        ),
        "FakeQuantize channels": (
            lambda *x: ops.fake_quantize(*x, 256),
            [3 * floats(2, 3), [[-1.0, -2, -3]], [[2.0, 2, 3]], [[-1.0, -2, -3]], [[2.0, 2, 3]]],
        ),
        "NormalizeL2": (lambda *x: ops.normalize_l2(*x, 1e-2, "add"), [image, [1]]),
        "NormalizeL2 max": (lambda *x: ops.normalize_l2(*x, 3.0, "max"), [image, [2, 3]]),
        "GRN": (lambda x: ops.grn(x, 0.5), [image]),
        "LRN": (lambda *x: ops.lrn(*x, 0.5, 0.75, 2, 3), [image, [1]]),
        "Selu": (ops.selu, [image, numpy.float32(1.5).tolist(), numpy.float32(1.1).tolist()]),
        "BitwiseLeftShift": (ops.bitwise_left_shift, [integers(0, 9, 4), integers(0, 4, 4)]),
        "BitwiseRightShift": (ops.bitwise_right_shift, [integers(0, 900, 4), integers(0, 4, 4)]),
        "AdaptiveAvgPool": (ops.adaptive_avg_pool, [image, [4, 3]]),
        "AdaptiveAvgPool to one": (ops.adaptive_avg_pool, [image, [1, 1]]),
        "AdaptiveMaxPool": (lambda *x: ops.relu(ops.adaptive_max_pool(*x, "i32").output(0)), [image, [4, 6]]),
        "DeformableConvolution": (
            lambda *x: ops.deformable_convolution(
                x[0], x[1], x[2], [1, 1], [1, 1], [1, 1], [1, 1], x[3], deformable_group=2, bilinear_interpolation_pad=True
            ),
            [image, floats(2, 36, 6, 6), floats(3, 4, 3, 3), random.uniform(size=(2, 18, 6, 6)).astype(numpy.float32)],
        ),
        "GridSample": (
            lambda *x: ops.grid_sample(*x, {"align_corners": False, "mode": "bilinear", "padding_mode": "zeros"}),
            [image, random.uniform(-1.2, 1.2, size=(2, 3, 5, 2)).astype(numpy.float32)],
        ),
        "GridSample cubic": (
            lambda *x: ops.grid_sample(*x, {"align_corners": True, "mode": "bicubic", "padding_mode": "border"}),
            [image, random.uniform(-1.2, 1.2, size=(2, 3, 5, 2)).astype(numpy.float32)],
        ),
        "Interpolate": (
            lambda *x: ops.interpolate(*x[:2], "linear_onnx", "sizes", [0], [0], "align_corners", axes=x[2]),
            [image, [9, 4], [2, 3]],
        ),
        "Interpolate bicubic_pillow": (
            lambda *x: ops.interpolate(*x[:2], "bicubic_pillow", "sizes", [0], [0], "asymmetric", axes=x[2]),
            [image, [9, 4], [2, 3]],
        ),
        "Interpolate bilinear_pillow": (
            lambda *x: ops.interpolate(*x[:2], "bilinear_pillow", "sizes", [0], [0], "half_pixel", axes=x[2]),
            [image, [3, 8], [2, 3]],
        ),
        "ScatterUpdate": (ops.scatter_update, [floats(4, 3, 2), numpy.array([2, 0], numpy.int32), floats(4, 2, 2), [1]]),
        "Roll": (ops.roll, [floats(4, 3), [1, -2], [0, 1]]),
        "Round": (lambda x: ops.round(x, "half_away_from_zero"), [numpy.array([-1.5, 0.5, 2.5, 0.3], numpy.float32)]),
        "RegionYolo": (
            lambda x: ops.region_yolo(x, 4, 3, 2, True, [], 1, 3, [1.0, 2.0, 3.0, 4.0]), [floats(2, 16, 3, 4)]
        ),
        "RegionYolo masked": (
            lambda x: ops.region_yolo(x, 4, 3, 6, False, [0, 1], 1, 3, [1.0, 2.0, 3.0, 4.0]), [floats(2, 16, 3, 4)]
        ),
        "ReorgYolo": (lambda x: ops.reorg_yolo(x, [2]), [floats(1, 8, 4, 6)]),
        "CTCGreedyDecoder": (
            lambda *x: ops.ctc_greedy_decoder(*x), [floats(6, 2, 4), numpy.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], numpy.float32).T.copy()]
        ),
        "Inverse": (lambda x: ops.inverse(x), [floats(2, 3, 3)]),
        "Inverse adjoint": (lambda x: ops.inverse(x, True), [floats(3, 3)]),
        "ConvertPromoteTypes": (
            lambda *x: ops.convert_promote_types(*x, True), [floats(2, 3), integers(-4, 5, 3)]
        ),
        "Gather batch": (lambda *x: ops.gather(*x, 1), [floats(2, 3, 4, 5), integers(0, 5, 2, 3), [3]]),
        "Gather batch next": (lambda *x: ops.gather(*x, 1), [floats(2, 3, 4), integers(0, 3, 2, 2), [1]]),
        "GatherElements": (lambda *x: ops.gather_elements(*x, 1), [floats(2, 3), integers(0, 3, 2, 2)]),
        "GatherND": (lambda *x: ops.gather_nd(*x, 1), [floats(2, 3, 4), integers(0, 3, 2, 1)]),
        "Interpolate linear": (
            lambda *x: ops.interpolate(*x[:2], "linear", "sizes", [0], [0], "half_pixel", axes=x[2]), [image, [9, 4], [2, 3]]
        ),
        "Interpolate pillow": (
            lambda *x: ops.interpolate(*x[:2], "bilinear_pillow", "sizes", [0], [0], "half_pixel", axes=x[2]), [image, [4, 9], [2, 3]]
        ),
        "Interpolate bicubic pillow": (
            lambda *x: ops.interpolate(*x[:2], "bicubic_pillow", "sizes", [0], [0], "half_pixel", cube_coeff=-0.5, axes=x[2]),
            [image, [4, 9], [2, 3]],
        ),
        "Interpolate cubic": (
            lambda *x: ops.interpolate(*x[:2], "cubic", "scales", [0], [0], "half_pixel", axes=x[2]), [image, [1.5, 0.5], [2, 3]]
        ),
        "Interpolate nearest": (
            lambda *x: ops.interpolate(*x[:2], "nearest", "scales", [0], [0], "asymmetric", nearest_mode="floor", axes=x[2]),
            [image, [2.0, 2.0], [2, 3]],
        ),
        "Interpolate padded": (
            lambda *x: ops.interpolate(*x[:2], "linear_onnx", "sizes", [0, 0, 1, 0], [0, 0, 0, 2], "half_pixel", axes=x[2]),
            [image, [9, 4], [2, 3]],
        ),
        "Convolution": (lambda *x: ops.convolution(*x, [2, 1], [1, 0], [0, 1], [1, 2]), [image, floats(3, 4, 3, 2)]),
        "Convolution same": (lambda *x: ops.convolution(*x, [2, 2], [0, 0], [0, 0], [1, 1], "same_upper"), [image, floats(3, 4, 3, 2)]),
        "GroupConvolution": (lambda *x: ops.group_convolution(*x, [1, 1], [0, 0], [0, 0], [1, 1]), [image, floats(2, 3, 2, 3, 3)]),
        "ConvolutionBackpropData": (
            lambda *x: ops.convolution_backprop_data(*x, [2, 2], None, [1, 1], [1, 1], [1, 1], "explicit", [1, 0]), [image, floats(4, 3, 3, 3)]
        ),
        "GroupConvolutionBackpropData": (
            lambda *x: ops.group_convolution_backprop_data(*x, [2, 2], None, [0, 0], [1, 1], [1, 1], "explicit", [0, 1]),
            [image, floats(2, 2, 3, 3, 3)],
        ),
        "MaxPool": (
            lambda x: ops.max_pool(x, [2, 1], [1, 2], [0, 1], [1, 0], [3, 2], "ceil", "explicit"), [image]
        ),
        "AvgPool": (lambda x: ops.avg_pool(x, [2, 2], [1, 1], [1, 1], [3, 3], True, "ceil"), [image]),
        "AvgPool with pads": (lambda x: ops.avg_pool(x, [2, 2], [1, 1], [1, 1], [3, 3], False, "floor"), [image]),
        "MVN": (lambda *x: ops.mvn(*x, True, 1e-3, "outside_sqrt"), [image, [2, 3]]),
        "MVN inside": (lambda *x: ops.mvn(*x, True, 1e-3, "inside_sqrt"), [image, [1, 2, 3]]),
        "BatchNormInference": (
            lambda *x: ops.batch_norm_inference(*x[:1], *x[1:3], x[3], x[4], 1e-3),
            [image, floats(4), floats(4), floats(4), numpy.abs(floats(4))],
        ),
        "GroupNormalization": (lambda *x: ops.group_normalization(*x, 2, 1e-3), [image, floats(4), floats(4)]),
        "PRelu": (ops.prelu, [image, floats(4)]),
        "HardSigmoid": (
            lambda x: ops.hard_sigmoid(x, numpy.float32(0.3), numpy.float32(0.4)), [image]
        ),
        "Elu": (lambda x: ops.elu(x, 0.7), [image]),
        "Swish": (lambda x: ops.swish(x, numpy.float32(1.3)), [image]),
        "Mish": (ops.mish, [image]),
        "HSwish": (ops.hswish, [image]),
        "HSigmoid": (ops.hsigmoid, [image]),
        "SoftPlus": (ops.softplus, [image]),
        "SoftSign": (ops.softsign, [image]),
        "Gelu tanh": (lambda x: ops.gelu(x, "tanh"), [image]),
        "Clamp": (lambda x: ops.clamp(x, -0.5, 0.7), [image]),
        "LogSoftmax": (lambda x: ops.log_softmax(x, 1), [image]),
        "FloorMod": (ops.floor_mod, [integers(-9, 9, 6), integers(1, 4, 6)]),
        "FloorMod floats": (ops.floor_mod, [floats(6), floats(6)]),
        "Mod": (ops.mod, [integers(-9, 9, 6), integers(1, 4, 6)]),
        # Rounded down, as the operation's specification and constant folding have it; the CPU plugin cuts quotients off.
        "Divide integers": (ops.divide, [integers(-9, 9, 6), integers(1, 4, 6)], numpy.floor_divide),
        "Divide integers, folded": (
            lambda x: ops.add(x, ops.divide(ops.constant([-7, 7, -8], numpy.int32), ops.constant([2, -2, 3], numpy.int32))),
            [integers(0, 9, 3)],
        ),
        "Power": (ops.power, [numpy.abs(floats(2, 3)), floats(3)]),
        "SquaredDifference": (ops.squared_difference, [floats(2, 3), floats(3)]),
        "LogicalXor": (ops.logical_xor, [random.uniform(size=4) < 0.5, random.uniform(size=4) < 0.5]),
        "ReduceLogicalAnd": (lambda *x: ops.reduce_logical_and(*x, True), [random.uniform(size=(3, 4)) < 0.8, [1]]),
        "ReduceLogicalOr": (lambda *x: ops.reduce_logical_or(*x, False), [random.uniform(size=(3, 4)) < 0.2, [1]]),
        "ReduceL1": (lambda *x: ops.reduce_l1(*x, True), [image, [1, -1]]),
        "ReduceL2": (lambda *x: ops.reduce_l2(*x, False), [image, [1, -1]]),
        "ReduceProd": (lambda *x: ops.reduce_prod(*x, False), [image, [3]]),
        "CumSum": (lambda *x: ops.cum_sum(*x, True, True), [floats(3, 4), 1]),
        "TopK": (lambda x: ops.relu(ops.topk(x, numpy.int32(2), 1, "min", "value").output(0)), [floats(3, 5)]),
        "NonZero": (lambda x: ops.non_zero(x, "i32"), [integers(0, 2, 3, 4)]),
        "OneHot": (lambda x: ops.one_hot(x, numpy.int64(4), numpy.float32(2), numpy.float32(-1), 0), [integers(0, 4, 2, 3)]),
        "ScatterElementsUpdate": (
            lambda *x: ops.scatter_elements_update(*x, "sum", True), [floats(3, 4), integers(0, 3, 2, 4), floats(2, 4), [0]]
        ),
        "ScatterElementsUpdate mean": (
            lambda *x: ops.scatter_elements_update(*x, "mean", False), [floats(3, 4), integers(0, 3, 2, 4), floats(2, 4), [0]]
        ),
        "ScatterElementsUpdate product": (
            lambda *x: ops.scatter_elements_update(*x, "prod", False), [floats(3, 4), integers(0, 3, 2, 4), floats(2, 4), [0]]
        ),
        "ScatterElementsUpdate mean of all": (
            lambda *x: ops.scatter_elements_update(*x, "mean", True), [floats(3, 4), integers(0, 3, 2, 4), floats(2, 4), [0]]
        ),
        "ScatterNDUpdate": (ops.scatter_nd_update, [floats(4, 3), numpy.array([[2], [0]], numpy.int32), floats(2, 3)]),
        "StridedSlice": (
            lambda *x: ops.strided_slice(*x, [0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]),
            [floats(4, 6, 5), [1, 4, 2], [3, 0, 3], [1, -2, 1]],
        ),
        "Slice": (ops.slice, [floats(4, 6), [5, -1], [0, -4], [-2, -1], [1, 0]]),
        "VariadicSplit": (lambda *x: ops.variadic_split(*x), [floats(2, 7), [1], [2, -1, 1]]),
        "VariadicSplit computed": (
            lambda x, n: ops.variadic_split(x, [-1], ops.concat([n, n, [-1]], 0)), [floats(2, 7), numpy.array([2], numpy.int64)]
        ),
        "Pad reflect": (lambda *x: ops.pad(*x, "reflect"), [floats(3, 4), [1, 2], [0, 1]]),
        "Pad edge": (lambda *x: ops.pad(*x, "edge"), [floats(3, 4), [1, 2], [0, 1]]),
        "Pad symmetric": (lambda *x: ops.pad(*x, "symmetric"), [floats(3, 4), [1, 2], [0, 3]]),
        "Broadcast": (lambda *x: ops.broadcast(*x, broadcast_spec="BIDIRECTIONAL"), [floats(3, 1), [2, 1, 4]]),
        "Col2Im": (lambda *x: ops.col2im(*x, [2, 1], [1, 1], [0, 1], [1, 0]), [floats(1, 12, 12), [5, 5], [2, 3]]),
        "ScaledDotProductAttention": (
            lambda *x: ops.scaled_dot_product_attention(*x, causal=True), [floats(2, 3, 5, 8), floats(2, 3, 5, 8), floats(2, 3, 5, 8)]
        ),
        "Tile": (ops.tile, [floats(2, 3), [2, 1, 3]]),
        "Range": (lambda *x: ops.range(*x, "f32"), [numpy.float32(1), numpy.float32(6), numpy.float32(1.5)]),
    }


class OpenVINOOperations(unittest.TestCase):
    def compare(self, build, inputs, definition=None):
        import openvino

        parameters, arguments, arrays = [], [], {}
        for value in inputs:
            if isinstance(value, (numpy.ndarray, numpy.generic)):
                name = f"input{len(parameters)}"
                parameter = openvino.opset15.parameter(value.shape, value.dtype, name=name)
                parameter.output(0).tensor.set_names({name})
                parameters.append(parameter)
                arguments.append(parameter)
                arrays[name] = numpy.asarray(value)
            else:
                array = numpy.asarray(value)
                narrow = numpy.float32 if array.dtype.kind == "f" else numpy.int64
                arguments.append(openvino.opset15.constant(array.astype(narrow)))
        built = build(*arguments)
        outputs = built.outputs() if hasattr(built, "outputs") else [built]
        for index, output in enumerate(outputs):
            output.tensor.set_names({f"output{index}"})
        model = openvino.Model(outputs, parameters, "operation")
        compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        expected = compiled(arrays) if definition is None else {compiled.outputs[0]: definition(*inputs)}
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
            actual = command.run(folder / "model.xml", arrays)
            for index, output in enumerate(compiled.outputs):
                self.check(expected[output], actual[f"output{index}"])

    def check(self, expected: numpy.ndarray, actual: numpy.ndarray):
        # OpenVINO gives results of unknown length as long as they can be, with -1 behind the last.
        if expected.shape != actual.shape and expected.ndim == 2 and expected.shape[1] == actual.shape[1] == 3:
            self.assertTrue((expected[len(actual):] == -1).all())
            expected = expected[: len(actual)]
        self.assertEqual(expected.shape, actual.shape)
        self.assertEqual(expected.dtype, actual.dtype)
        numpy.testing.assert_allclose(actual, expected, rtol=TOLERANCE, atol=TOLERANCE)


if __name__ == "__main__":
    command.main("openvino", prepare=lambda: command.add_tests(OpenVINOOperations, cases()))
