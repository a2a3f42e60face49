#!/usr/bin/env python3
"""Generate small Keras 3 models with inputs and outputs, and seeds for the fuzz targets.

Every variable is drawn at random, biases too: a zero bias cannot tell two gates
apart. Keras computes the outputs in float32.

    pip install keras h5py torch safetensors
    KERAS_BACKEND=torch python gen_keras_fixtures.py --out tests/fixtures/keras --seeds fuzz/seeds
"""
import argparse
import json
import os
import shutil
import zipfile
import zlib

os.environ.setdefault("KERAS_BACKEND", "torch")

import h5py
import keras
import numpy as np
from keras import layers
from safetensors.numpy import save_file

SEED = 30_011
BATCH, STEPS, FEATURES, VOCABULARY = 3, 6, 5, 11


def sequential(*parts, tokens=False):
    shape = (STEPS,) if tokens else (STEPS, FEATURES)
    return keras.Sequential([layers.Input(shape, dtype="int32" if tokens else "float32"), *parts])


def functional(*parts):
    x = y = layers.Input((None, FEATURES), name="x")
    for part in parts:
        y = part(y)
    return keras.Model(x, y)


def bidirectional_mixed():
    """Two directions that differ in what may differ."""
    forward = layers.LSTM(4, return_sequences=True)
    backward = layers.LSTM(4, return_sequences=True, go_backwards=True, activation="softsign",
                           recurrent_activation="hard_sigmoid", use_bias=False)
    return functional(layers.Bidirectional(forward, backward_layer=backward, name="both"))


MODELS = {
    # Tokens, and what a classifier of sequences has.
    "embedding_gru": lambda: sequential(
        layers.Embedding(VOCABULARY, 4), layers.GRU(5), layers.Dense(3, activation="softmax"), tokens=True),
    # The group names count per class; dropout is none at inference.
    "lstm_stack": lambda: sequential(
        layers.LSTM(6, return_sequences=True, dropout=0.2), layers.Dropout(0.5),
        layers.LSTM(4, recurrent_dropout=0.3, unit_forget_bias=False), layers.Dense(3, activation="relu"),
        layers.Dense(2, activation="log_softmax")),
    "bidirectional_gru": lambda: functional(
        layers.Bidirectional(layers.GRU(4, return_sequences=True), name="lower"),
        layers.Bidirectional(layers.GRU(3, reset_after=False), name="upper"),
        layers.Dense(2, activation="sigmoid", name="head")),
    "bidirectional_mixed": bidirectional_mixed,
    "simple_rnn_relu": lambda: sequential(
        layers.SimpleRNN(5, activation="relu", return_sequences=True),
        layers.TimeDistributed(layers.Dense(3, activation="tanh"))),
    "hard_sigmoid_no_bias": lambda: functional(
        layers.LSTM(4, return_sequences=True, recurrent_activation="hard_sigmoid", use_bias=False),
        layers.GRU(3, return_sequences=True, recurrent_activation="hard_sigmoid", activation="softsign",
                   use_bias=False, reset_after=False, unroll=False),
        layers.Dense(2, use_bias=False)),
    # Reversed twice is in the order of x again; the last one keeps its final state only.
    "go_backwards": lambda: functional(
        layers.GRU(4, return_sequences=True, go_backwards=True),
        layers.LSTM(3, return_sequences=True, go_backwards=True),
        layers.SimpleRNN(2, go_backwards=True)),
    "activation_layers": lambda: functional(
        layers.LSTM(4, return_sequences=True), layers.ReLU(), layers.SpatialDropout1D(0.1),
        layers.Dense(3), layers.Activation("tanh"), layers.Dense(4), layers.Softmax()),
}
# Also as .weights.h5, written as h5py's options say.
WEIGHTS = {
    "embedding_gru": {},
    "lstm_stack": {},
    "bidirectional_gru": {"chunks": True, "compression": "gzip", "shuffle": True},
    "simple_rnn_relu": {"libver": "latest"},
    "activation_layers": {"chunks": True, "fletcher32": True, "libver": "latest"},
}


def rewrite(path, libver=None, **options):
    """The same file, its arrays stored otherwise."""
    plain = path + ".plain"
    shutil.move(path, plain)
    with h5py.File(plain) as source, h5py.File(path, "w", libver=libver) as target:
        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                target.create_dataset(name, data=item[()], **options)
            else:
                target.require_group(name).attrs.update(item.attrs)
        source.visititems(copy)
    os.remove(plain)


def deflate(path):
    """The same archive, compressed."""
    with zipfile.ZipFile(path) as source:
        members = [(member, source.read(member)) for member in source.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in members:
            target.writestr(name, data)


def generate(name, build, out):
    keras.utils.clear_session()
    random = np.random.default_rng(SEED + zlib.crc32(name.encode()))
    model = build()
    for variable in model.trainable_variables:
        variable.assign(random.uniform(-0.9, 0.9, variable.shape).astype("float32"))
    if name == "lstm_stack":
        # What a trained model has beside: the optimizer's variables, twice the weights.
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
    if model.input_shape[2:] == ():
        x = random.integers(0, VOCABULARY, (BATCH, STEPS)).astype("int32")
    else:
        x = random.normal(size=(BATCH, STEPS, FEATURES)).astype("float32")
    # save_file writes memory as it lies.
    y = np.ascontiguousarray(model.predict(x, verbose=0))
    path = os.path.join(out, name)
    model.save(path + ".keras")
    if name == "go_backwards":
        deflate(path + ".keras")
    if name in WEIGHTS:
        model.save_weights(path + ".weights.h5")
        if WEIGHTS[name]:
            rewrite(path + ".weights.h5", **WEIGHTS[name])
    save_file({"x": x, "y": y}, path + ".safetensors", {"computed_by": f"Keras {keras.__version__}"})


def seeds(out):
    """The smallest models, as the fuzz targets begin from."""
    variants = {
        "earliest": {},
        "latest": {"libver": "latest"},
        "earliest_gzip": {"chunks": True, "compression": "gzip", "shuffle": True},
        "latest_gzip": {"libver": "latest", "chunks": True, "compression": "gzip", "fletcher32": True},
    }
    keras.utils.clear_session()
    x = layers.Input((None, 1), name="x")
    y = layers.Bidirectional(layers.GRU(1, use_bias=False), name="gru")(x)
    model = keras.Model(x, layers.Dense(2, activation="tanh", name="dense")(y))
    for folder in ["weights_h5", "keras"]:
        os.makedirs(os.path.join(out, folder), exist_ok=True)
    for name, options in variants.items():
        path = os.path.join(out, "weights_h5", name + ".weights.h5")
        model.save_weights(path)
        rewrite(path, **options)
    path = os.path.join(out, "keras", "functional.keras")
    model.save(path)
    deflate(path)
    sequential = keras.Sequential(
        [layers.Input((None,)), layers.Embedding(2, 1), layers.Dropout(0.1), layers.SimpleRNN(1), layers.Softmax()])
    for name, model in {"functional": model, "sequential": sequential}.items():
        with open(os.path.join(out, "keras", name + ".json"), "w") as config:
            json.dump(keras.saving.serialize_keras_object(model), config)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="folder for the models of tests/fixtures/keras")
    parser.add_argument("--seeds", help="folder for the seeds of fuzz/seeds")
    arguments = parser.parse_args()
    if arguments.out:
        os.makedirs(arguments.out, exist_ok=True)
        for name, build in MODELS.items():
            generate(name, build, arguments.out)
    if arguments.seeds:
        seeds(arguments.seeds)


if __name__ == "__main__":
    main()
