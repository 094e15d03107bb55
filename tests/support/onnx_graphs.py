"""Small ONNX graphs, written node by node."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def graph_bytes(nodes, constants=None, *, opset=17, inputs=None, outputs=None, metadata=None):
    """A file of nodes (kind, inputs, outputs, attributes); inputs and outputs are shapes by name."""
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
             for name, shape in (inputs or {"x": ["B", 3, "T"]}).items()]  # fmt: skip
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (outputs or {"y": None}).items()]  # fmt: skip
    values = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    made = [helper.make_node(kind, reads, writes, **options) for kind, reads, writes, options in nodes]
    model = helper.make_model(helper.make_graph(made, "g", infos, ends, values),
                              opset_imports=[helper.make_opsetid("", opset)], ir_version=8)  # fmt: skip
    helper.set_model_props(model, metadata or {})
    return model.SerializeToString()
