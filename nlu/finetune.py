"""Teaches MiniLM the clinic's questions: the upper layers and a linear head are trained on our own examples.

Measured on messages by other hands (docs/understanding.md): frozen vectors with logistic regression stop improving at about
thirty examples an intent; trained vectors go on. The lower layers stay as they are, so their output is computed once and kept
(half precision, about 12 kB a message); only the upper layers run in every pass. That halves the time.
"""

import time
from typing import Any, Callable, List, Sequence, Tuple

import numpy as np

from nlu.encoder import MAX_TOKENS, load_tensorflow, official_folder

LONGEST = 44  # tokens of an example that are learnt from
SCALE = 20.0  # logits = SCALE × head(unit vector)


def finetune(
    texts: Sequence[str],
    labels: Sequence[int],
    classes: int,
    epochs: int = 2,
    learning_rate: float = 2e-4,
    batch: int = 32,
    smoothing: float = 0.1,
    frozen_layers: int = 3,
    seed: int = 20,
    progress: Callable[[str], None] = print,
) -> Tuple[Any, np.ndarray, np.ndarray]:
    """Train on `texts` (n) with `labels` in [0, classes).

    Returns the TensorFlow model, the head's weights (384, classes) and bias (classes,), both float32, already multiplied by SCALE.
    """
    import tensorflow as tf
    from tokenizers import Tokenizer

    tf.keras.utils.set_random_seed(seed)
    # Where the processor has bfloat16 arithmetic this takes a quarter off the time; elsewhere it changes nothing.
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    rng = np.random.RandomState(seed)
    tokenizer = Tokenizer.from_file(str(official_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(min(MAX_TOKENS, LONGEST))
    tokenizer.no_padding()  # the packaged tokenizer pads everything to 128
    model = load_tensorflow()
    layers = model.bert.encoder.layer
    upper = layers[frozen_layers:]
    head = tf.keras.layers.Dense(classes)
    head.build((None, 384))
    ids = [e.ids for e in tokenizer.encode_batch(list(texts))]
    lengths = np.array([len(i) for i in ids])
    targets = np.asarray(labels, dtype=np.int32)
    started = time.monotonic()

    def run_layers(states: Any, mask: Any, chosen: Sequence[Any], training: bool) -> Any:
        hidden = (1.0 - tf.cast(mask, tf.float32)[:, None, None, :]) * -10000.0
        for layer in chosen:
            states = layer(
                hidden_states=states, attention_mask=hidden, head_mask=None, encoder_hidden_states=None, encoder_attention_mask=None,
                past_key_value=None, output_attentions=False, training=training,
            )[0]  # fmt: skip
        return states

    int_rows = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[int_rows, int_rows])
    def lower(token_ids: Any, mask: Any) -> Any:
        states = model.bert.embeddings(input_ids=token_ids, training=False)
        return tf.cast(run_layers(states, mask, layers[:frozen_layers], False), tf.float16)

    kept: List[Any] = [None] * len(ids)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        token_ids, mask = _padded([ids[i] for i in rows])
        for row, states in zip(rows, lower(tf.constant(token_ids), tf.constant(mask)).numpy()):
            kept[row] = states[: lengths[row]].copy()
    progress(f"  lower layers read once, {time.monotonic() - started:.0f} s")

    batches_a_pass = -(-len(texts) // batch)
    steps = epochs * batches_a_pass
    schedule = tf.keras.optimizers.schedules.PolynomialDecay(learning_rate, steps, learning_rate * 0.02)
    head_schedule = tf.keras.optimizers.schedules.PolynomialDecay(learning_rate * 50, steps, learning_rate)
    body_optimizer, head_optimizer = tf.keras.optimizers.Adam(schedule), tf.keras.optimizers.Adam(head_schedule)
    body = [v for layer in upper for v in layer.trainable_variables]

    @tf.function(input_signature=[tf.TensorSpec([None, None, 384], tf.float16), int_rows, tf.TensorSpec([None], tf.int32)])
    def step(states: Any, mask: Any, target: Any) -> Any:
        with tf.GradientTape() as tape:
            top = run_layers(tf.cast(states, tf.float32), mask, upper, True)
            weights = tf.cast(mask, tf.float32)[:, :, None]
            pooled = tf.nn.l2_normalize(tf.reduce_sum(top * weights, 1) / tf.reduce_sum(weights, 1), 1)
            wanted = tf.one_hot(target, classes) * (1 - smoothing) + smoothing / classes
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, head(pooled) * SCALE))
        gradients = tape.gradient(loss, body + head.trainable_variables)
        body_optimizer.apply_gradients(zip(gradients[: len(body)], body))
        head_optimizer.apply_gradients(zip(gradients[len(body) :], head.trainable_variables))
        return loss

    for epoch in range(epochs):
        # Similar lengths share a batch, with noise so that batches differ between passes.
        order = np.argsort(lengths + rng.uniform(-2, 2, len(lengths)))
        batches: List[np.ndarray] = [order[i : i + batch] for i in range(0, len(order), batch)]
        rng.shuffle(batches)
        total = 0.0
        for number, rows in enumerate(batches, 1):
            width = int(lengths[rows].max())
            states = np.zeros((len(rows), width, 384), dtype=np.float16)
            mask = np.zeros((len(rows), width), dtype=np.int32)
            for row, index in enumerate(rows):
                states[row, : lengths[index]] = kept[index]
                mask[row, : lengths[index]] = 1
            total += float(step(tf.constant(states), tf.constant(mask), tf.constant(targets[rows])))
            if number % 200 == 0 or number == len(batches):
                progress(f"  pass {epoch + 1} of {epochs}: {number}/{len(batches)} batches, loss {total / number:.2f}, {time.monotonic() - started:.0f} s")
    weights, bias = (v.numpy().astype(np.float32) for v in head.trainable_variables)
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": False})
    return model, weights * SCALE, bias * SCALE


def _padded(rows: Sequence[Sequence[int]]) -> Tuple[np.ndarray, np.ndarray]:
    """Token ids and mask, int32, padded with zeros to the longest row."""
    width = max(len(r) for r in rows)
    ids, mask = np.zeros((len(rows), width), dtype=np.int32), np.zeros((len(rows), width), dtype=np.int32)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask
