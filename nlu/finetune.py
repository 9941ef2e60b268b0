"""Teaches MiniLM the clinic's questions: the upper layers and a linear head are trained on our own examples.

Measured on messages by other hands (docs/understanding.md): frozen vectors with logistic regression stop improving at about
thirty examples an intent; trained vectors go on. The lower layers stay as they are, so their output is computed once and kept
(half precision, about 15 kB a message); only the upper layers run in every pass. That halves the time.

A row is one message, or several joined into one, as people ask several things at once. From a joined row the model learns to tell
the parts apart where they stand ("and the price" within its message), and that the whole row is about all of them; from a part of a
single message it learns that a clause in passing belongs to the question around it.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from nlu.encoder import DIMENSIONS, EPSILON, HEADS, Weights, official_folder, official_weights

LONGEST = 40  # tokens of an example that are learnt from
SCALE = 20.0  # logits = SCALE × head(unit vector)
JOINED = 0.18  # rows of several messages, for each message
SAME_TOPIC = 0.5  # of the joined messages, because people ask related things together
LONGEST_JOINED = 16  # tokens of a message that is joined with others
PART_WEIGHT = 0.5  # of a part's or a joined row's loss
KNOWN = 1.4  # loss below which a row is known (about 0.65 for the right intent, with smoothing)
EXPECTED = 0.85  # share of all steps that are left, for the learning rate's way down
KNOWN_AGAIN = 0.15  # share of the known rows that the next pass sees again
_JOINTS = (
    ", ",
    " and ",
    " and ",
    ", and ",
    " ? ",
    " ? ",
    " . ",
    " also ",
    " , also ",
    " ? also ",
    " plus ",
    " ; ",
    " ",
    " & ",
    " \n ",
    " btw ",
    " and also ",
    " - ",
    " , ",
)


class Row(NamedTuple):
    """Token ids and what is learnt from them: (first, end, share of each target intent, weight)."""

    ids: List[int]
    pools: List[Tuple[int, int, Dict[int, float], float]]


def rows_of(encoded: Sequence[Sequence[int]], labels: Sequence[int], joints: Sequence[Sequence[int]], topics: np.ndarray, rng: Any) -> List[Row]:
    """Every message by itself, then `JOINED` times as many joined ones, short messages more often than long ones.

    `encoded`: token ids with both end marks; `joints`: those of the words between two questions; `topics` (n,): see `finetune`.
    """
    rows = []
    for ids, label in zip(encoded, labels):
        pools = [(0, len(ids), {label: 1.0}, 1.0)]
        inner = len(ids) - 2
        if inner >= 6:
            size = rng.randint(3, inner)
            first = rng.randint(1, inner - size + 2)
            pools.append((first, first + size, {label: 1.0}, PART_WEIGHT))
        rows.append(Row(list(ids), pools))
    short = np.array([i for i, ids in enumerate(encoded) if len(ids) <= LONGEST_JOINED and topics[i] >= 0], dtype=int)
    near = {topic: short[topics[short] == topic] for topic in set(topics[short])}
    chances = {topic: _shortest_first(encoded, members) for topic, members in near.items()}
    everywhere = _shortest_first(encoded, short)
    for first_message in rng.choice(short, size=int(JOINED * len(encoded)), p=everywhere) if len(short) else ():
        chosen = [first_message]
        for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
            topic = topics[first_message]
            related = rng.rand() < SAME_TOPIC
            chosen.append(rng.choice(near[topic], p=chances[topic]) if related else rng.choice(short, p=everywhere))
        together, spans = [encoded[chosen[0]][0]], []
        for place, index in enumerate(chosen):
            start = len(together)
            if place:
                joint = list(joints[rng.randint(len(joints))])
                together += joint
                start += len(joint) if rng.rand() < 0.5 else 0
            together += list(encoded[index][1:-1])
            spans.append((start, len(together), {labels[index]: 1.0}, PART_WEIGHT))
        together.append(encoded[chosen[0]][-1])
        shares: Dict[int, float] = {}
        for index in chosen:
            shares[labels[index]] = shares.get(labels[index], 0.0) + 1 / len(chosen)
        rows.append(Row(together, [(0, len(together), shares, PART_WEIGHT), *spans]))
    return rows


def _shortest_first(encoded: Sequence[Sequence[int]], members: np.ndarray) -> np.ndarray:
    weights = np.array([1 / len(encoded[i]) for i in members])
    return weights / weights.sum() if len(members) else weights


def finetune(
    texts: Sequence[str],
    labels: Sequence[int],
    classes: int,
    topics: Sequence[int],
    epochs: int = 2,
    learning_rate: float = 2e-4,
    batch: int = 32,
    smoothing: float = 0.1,
    frozen_layers: int = 3,
    seed: int = 20,
    progress: Callable[[str], None] = print,
) -> Tuple[Weights, np.ndarray, np.ndarray]:
    """Train on `texts` (n) with `labels` in [0, classes); `topics` (n): what it is about, -1 if it is never joined
    with other messages into one.

    Returns the weights, the head's weights (384, classes) and bias (classes,), both float32, already multiplied by SCALE.
    """
    import tensorflow as tf
    from tokenizers import Tokenizer

    tf.keras.utils.set_random_seed(seed)
    # Where the processor has bfloat16 arithmetic this halves the time; elsewhere it changes nothing.
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    rng = np.random.RandomState(seed)
    tokenizer = Tokenizer.from_file(str(official_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(LONGEST)
    tokenizer.no_padding()  # the packaged tokenizer pads everything to 128
    weights = official_weights()
    lower = [{name: tf.constant(value) for name, value in layer.items()} for layer in weights.layers[:frozen_layers]]
    upper = [{name: tf.Variable(value) for name, value in layer.items()} for layer in weights.layers[frozen_layers:]]
    head = tf.Variable(tf.keras.initializers.GlorotUniform(seed=seed)((DIMENSIONS, classes)))
    bias = tf.Variable(tf.zeros((classes,)))
    encoded = [e.ids for e in tokenizer.encode_batch(list(texts))]
    joints = [tokenizer.encode(joint, add_special_tokens=False).ids for joint in _JOINTS]
    rows = rows_of(encoded, [int(label) for label in labels], joints, np.asarray(topics, dtype=int), rng)
    lengths = np.array([len(row.ids) for row in rows])
    started = time.monotonic()

    def normed(states: Any, scale: Any, shift: Any) -> Any:
        centred = states - tf.reduce_mean(states, -1, keepdims=True)
        return centred * tf.math.rsqrt(tf.reduce_mean(centred * centred, -1, keepdims=True) + EPSILON) * scale + shift

    def run_layers(states: Any, lengths: Any, layers: Sequence[Dict[str, Any]]) -> Any:
        count, width = tf.shape(states)[0], tf.shape(states)[1]
        size = DIMENSIONS // HEADS
        unseen = (1.0 - tf.sequence_mask(lengths, width, dtype=tf.float32))[:, None, None, :] * -1e4
        flat = tf.reshape(states, [-1, DIMENSIONS])
        for layer in layers:
            three = tf.nn.bias_add(tf.matmul(flat, layer["qkv"]), layer["qkv_bias"])
            three = tf.transpose(tf.reshape(three, [count, width, 3, HEADS, size]), [2, 0, 3, 1, 4])
            attention = tf.nn.softmax(tf.matmul(three[0], three[1], transpose_b=True) * size**-0.5 + unseen)
            context = tf.reshape(tf.transpose(tf.matmul(attention, three[2]), [0, 2, 1, 3]), [-1, DIMENSIONS])
            flat = normed(flat + tf.nn.bias_add(tf.matmul(context, layer["out"]), layer["out_bias"]), layer["first_scale"], layer["first_shift"])
            wide = tf.nn.gelu(tf.nn.bias_add(tf.matmul(flat, layer["up"]), layer["up_bias"]), approximate=False)
            flat = normed(flat + tf.nn.bias_add(tf.matmul(wide, layer["down"]), layer["down_bias"]), layer["second_scale"], layer["second_shift"])
        return tf.reshape(flat, [count, width, DIMENSIONS])

    word_vectors, place_vectors = tf.constant(weights.words), tf.constant(weights.positions)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)])
    def read_lower(ids: Any, row_lengths: Any) -> Any:
        states = tf.gather(word_vectors, ids) + place_vectors[: tf.shape(ids)[1]]
        return tf.cast(run_layers(normed(states, *weights.norm), row_lengths, lower), tf.float16)

    kept: List[Any] = [None] * len(rows)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        ids = np.zeros((len(chosen), int(lengths[chosen].max())), dtype=np.int32)
        for place, index in enumerate(chosen):
            ids[place, : lengths[index]] = rows[index].ids
        for index, states in zip(chosen, read_lower(tf.constant(ids), tf.constant(lengths[chosen].astype(np.int32))).numpy()):
            kept[index] = states[: lengths[index]].copy()
    progress(f"  lower layers read once, {time.monotonic() - started:.0f} s")

    steps = epochs * -(-len(rows) // batch) * EXPECTED
    schedule = tf.keras.optimizers.schedules.PolynomialDecay(learning_rate, steps, learning_rate * 0.02)
    head_schedule = tf.keras.optimizers.schedules.PolynomialDecay(learning_rate * 50, steps, learning_rate)
    body_optimizer, head_optimizer = tf.keras.optimizers.Adam(schedule), tf.keras.optimizers.Adam(head_schedule)
    body = [variable for layer in upper for variable in layer.values()]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, DIMENSIONS], tf.float16), tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, None, None]),
            tf.TensorSpec([None, classes]), tf.TensorSpec([None]),
        ]
    )  # fmt: skip
    def step(states: Any, row_lengths: Any, pools: Any, targets: Any, importance: Any) -> Any:
        with tf.GradientTape() as tape:
            top = run_layers(tf.cast(states, tf.float32), row_lengths, upper)
            pooled = tf.nn.l2_normalize(tf.reshape(tf.matmul(pools, top), [-1, DIMENSIONS]), 1, epsilon=1e-9)
            logits = (tf.matmul(pooled, head) + bias) * SCALE
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(losses * importance) / tf.cast(tf.shape(states)[0], tf.float32)
        gradients = tape.gradient(loss, [*body, head, bias])
        body_optimizer.apply_gradients(zip(gradients[: len(body)], body))
        head_optimizer.apply_gradients(zip(gradients[len(body) :], [head, bias]))
        return loss, losses

    def prepared(chosen: np.ndarray) -> Tuple[Any, ...]:
        width, most = int(lengths[chosen].max()), max(len(rows[i].pools) for i in chosen)
        states = np.zeros((len(chosen), width, DIMENSIONS), dtype=np.float16)
        pools = np.zeros((len(chosen), most, width), dtype=np.float32)
        targets = np.full((len(chosen), most, classes), smoothing / classes, dtype=np.float32)
        importance = np.zeros((len(chosen), most), dtype=np.float32)
        for place, index in enumerate(chosen):
            states[place, : lengths[index]] = kept[index]
            for pool, (first, end, shares, weight) in enumerate(rows[index].pools):
                pools[place, pool, first:end] = 1.0 / (end - first)
                importance[place, pool] = weight
                for label, share in shares.items():
                    targets[place, pool, label] += share * (1 - smoothing)
        arrays = (states, lengths[chosen].astype(np.int32), pools, targets.reshape(-1, classes), importance.reshape(-1))
        return (chosen, most, *(tf.constant(array) for array in arrays))

    losses = np.full(len(rows), np.inf)  # of each row's whole text, when it was last seen
    for epoch in range(epochs):
        seen = np.flatnonzero((losses > KNOWN) | (rng.rand(len(rows)) < KNOWN_AGAIN))
        # Rows of one length share a batch, so that nothing is padded; which of them, chance says anew in every pass.
        order = seen[np.argsort(lengths[seen] + rng.uniform(-0.5, 0.5, len(seen)))]
        batches: List[np.ndarray] = [order[i : i + batch] for i in range(0, len(order), batch)]
        rng.shuffle(batches)
        total = 0.0
        with ThreadPoolExecutor(max_workers=1) as ahead:
            coming = ahead.submit(prepared, batches[0])
            for number in range(1, len(batches) + 1):
                chosen, most, *tensors = coming.result()
                if number < len(batches):
                    coming = ahead.submit(prepared, batches[number])
                loss, each = step(*tensors)
                losses[chosen] = each.numpy()[::most]
                total += float(loss)
                if number % 200 == 0 or number == len(batches):
                    progress(f"  pass {epoch + 1} of {epochs}: {number}/{len(batches)} batches, loss {total / number:.2f}, {time.monotonic() - started:.0f} s")
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": False})
    learnt = [*weights.layers[:frozen_layers], *({name: variable.numpy() for name, variable in layer.items()} for layer in upper)]
    return weights._replace(layers=learnt), head.numpy() * SCALE, bias.numpy() * SCALE
