"""Pooling as onnxruntime can run it: what JAX calls pooling over four axes is pooling over two, of an image."""

from typing import Any

__all__ = ["pool_over_images"]

SPLIT_AXES = 4  # rows, height, width and channels, each of which JAX gives a window
FIRST, LAST = [0, 3, 1, 2], [0, 2, 3, 1]  # channels first, and channels last again


def pool_over_images(graph: Any) -> None:
    """Let each max pooling of an ONNX graph over (1, height, width, 1) be one over (height, width), in place.

    Args:
        graph: An `onnx.GraphProto`. Between two unsqueezings and a squeezing, such a pooling takes the six axes
            (1, 1, b, h, w, c); onnxruntime takes at most five.
    """
    import onnx

    nodes = {output: node for node in graph.node for output in node.output}
    for pool in [node for node in graph.node if node.op_type == "MaxPool"]:
        settings = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in pool.attribute}
        kernel = list(settings["kernel_shape"])
        readers = [node for node in graph.node if pool.output[0] in node.input]
        inner: Any = nodes.get(pool.input[0])
        outer: Any = nodes.get(inner.input[0]) if inner is not None else None
        around = [outer, inner, *readers]
        if len(kernel) != SPLIT_AXES or kernel[0] != 1 or kernel[3] != 1:
            continue
        if [node and node.op_type for node in around] != ["Unsqueeze", "Unsqueeze", "Squeeze"]:
            continue
        name = pool.output[0]
        two: dict[str, Any] = {key: _of_image(value) for key, value in settings.items()}
        make = onnx.helper.make_node
        fresh = [
            make("Transpose", [outer.input[0]], [f"{name}_first"], perm=FIRST),
            make("MaxPool", [f"{name}_first"], [f"{name}_pooled"], **two),
            make("Transpose", [f"{name}_pooled"], [readers[0].output[0]], perm=LAST),
        ]
        place = list(graph.node).index(outer)
        for node in (outer, inner, pool, readers[0]):
            graph.node.remove(node)
        for node in reversed(fresh):
            graph.node.insert(place, node)


def _of_image(value: Any) -> Any:
    """Of a setting of four axes, once each or at both ends: what is said of height and width."""
    if not isinstance(value, list | tuple):
        return value
    return [*value[1:3], *value[5:7]] if len(value) == 2 * SPLIT_AXES else list(value[1:3])
