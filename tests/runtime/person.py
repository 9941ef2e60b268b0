"""A process that takes turns of one conversation, for `test_lock_store`: python -m tests.runtime.person {turns|hold|block} URL FOLDER LEASE N.

A turn writes what no two processes may write at the same time: it makes a file that must not exist yet, and counts by reading, waiting and writing back.
"""

import asyncio
import os
import random
import sys
import time
from pathlib import Path

from runtime.lock_store import ConversationLocks, LockLost, RedisQueue, ensure_held

PERSON = "whatsapp:+15550100"
PARALLEL = 3  # of each of the two processes: six messages at the same time


async def turn(folder: Path) -> None:
    """One turn of the toy workload. Leaves a line in `violations` if another turn ran at the same time."""
    inside, count = folder / "inside", folder / "count"
    try:
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        with (folder / "violations").open("a") as file:
            file.write("two holders\n")
    before = int(count.read_text()) if count.exists() else 0
    await asyncio.sleep(random.uniform(0, 0.004))
    count.write_text(str(before + 1))
    inside.unlink(missing_ok=True)


async def take_turns(locks: ConversationLocks, folder: Path, rounds: int) -> None:
    async def message() -> None:
        async with locks.lock(PERSON):
            await turn(folder)

    for _ in range(rounds):
        await asyncio.gather(*(message() for _ in range(PARALLEL)))


async def hold(locks: ConversationLocks, seconds: float, block: bool) -> None:
    """Hold the conversation and say so; with `block` nothing else runs on the event loop meanwhile. Then say whether it was kept."""
    try:
        async with locks.lock(PERSON):
            print("held", flush=True)
            if block:
                time.sleep(seconds)
            else:
                await asyncio.sleep(seconds)
            ensure_held()
            print(f"kept until {time.time()}", flush=True)
    except LockLost:
        print("lost", flush=True)


if __name__ == "__main__":
    what, url, where, lease, number = sys.argv[1:]
    store = ConversationLocks(queue=RedisQueue(url, lease=float(lease)))
    asyncio.run(take_turns(store, Path(where), int(number)) if what == "turns" else hold(store, float(number), what == "block"))
