"""Small ONNX models as other people's programs write them."""

import onnx
from onnx import TensorProto, helper

MEANS = (
    helper.make_node("Cast", ["input"], ["numbers"], to=TensorProto.FLOAT),
    helper.make_node("ReduceMean", ["numbers"], ["embedding"], axes=[1, 2], keepdims=0),
)
NUMBERS = (helper.make_node("Cast", ["input"], ["embedding"], to=TensorProto.FLOAT),)


def write_onnx(path, inputs=("n", 8, 8, 3), outputs=("n", 3), *, nodes=MEANS, kind=TensorProto.FLOAT, note=None):
    """The mean colour of images, by default; `inputs` is None for a model that takes nothing."""
    taken = [] if inputs is None else [helper.make_tensor_value_info("input", kind, inputs)]
    given = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, outputs)]
    graph = helper.make_graph(nodes, "model", taken, given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if note is not None:
        helper.set_model_props(model, {"keras_similarity": note})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
