"""Small ONNX models for tests, from ONNX's own text form."""

import numpy as np


def save_model(path, body, *, feed="float[1,1,2,3] x", out="float[N,M] y", arrays=None, opset=17, extra=""):
    """Write a model whose graph is `body`, with stored `arrays` by name; return its path."""
    import onnx

    domains = f'"" : {opset}' + (', "com.microsoft" : 1' if extra else "")
    text = f"<ir_version: 8, opset_import: [{domains}]> g ({feed}) => ({out}) {{ {body} }}"
    model = onnx.parser.parse_model(text)
    for name, values in (arrays or {}).items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(values), name))
    onnx.save(model, path)
    return path
