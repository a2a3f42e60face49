"""Writes the node tests of the installed onnx package for LSTM, GRU and RNN, each as a folder with model.onnx and
test_data_set_0/{input,output}_N.pb:

    pip install onnx
    python tools/onnx_node_tests.py FOLDER

Versions that hold the tests as files have them copied; newer ones compute them.
"""

import pathlib
import shutil
import sys
import warnings

import onnx
from onnx import numpy_helper

OPERATORS = ("LSTM", "GRU", "RNN")


def stored():
    """Those that the package holds as files."""
    node = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"
    for model in sorted(node.glob("*/model.onnx")):
        if any(n.op_type in OPERATORS for n in onnx.load(model).graph.node):
            yield model.parent


def computed():
    # It computes those of all operators, some of which overflow on purpose.
    warnings.simplefilter("ignore")
    from onnx.backend.test.case.node import collect_testcases

    for case in collect_testcases():
        if any(node.op_type in OPERATORS for node in case.model.graph.node):
            yield case


def write(case, folder):
    (folder / case.name).mkdir(parents=True)
    (folder / case.name / "model.onnx").write_bytes(case.model.SerializeToString())
    for n, arrays in enumerate(case.data_sets):
        data_set = folder / case.name / f"test_data_set_{n}"
        data_set.mkdir()
        graph = case.model.graph
        for kind, values, arrays in zip(("input", "output"), (graph.input, graph.output), arrays):
            assert len(values) == len(arrays), case.name
            for k, (value, array) in enumerate(zip(values, arrays)):
                tensor = numpy_helper.from_array(array, value.name)
                (data_set / f"{kind}_{k}.pb").write_bytes(tensor.SerializeToString())


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for case in stored():
        shutil.copytree(case, folder / case.name)
        names.append(case.name)
    if not names:
        for case in computed():
            write(case, folder)
            names.append(case.name)
    print(f"onnx {onnx.__version__}: {len(names)} node tests of LSTM, GRU and RNN")


if __name__ == "__main__":
    main()
