"""`make chat`: the same assistant in the terminal. Buttons are numbered; a number or a title chooses one."""

import asyncio
import sys
import tempfile
import textwrap
from typing import Any, Dict, List, Tuple

from nlu.train import train
from runtime.assistant import load_assistant
from runtime.settings import prepare_environment

WIDTH = 88


def render(replies: List[Dict[str, Any]]) -> Tuple[str, List[Dict[str, str]]]:
    """Replies as lines of text, and the buttons on offer in their numbered order."""
    lines: List[str] = []
    offered: List[Dict[str, str]] = []
    for reply in replies:
        if reply.get("text"):
            for line in reply["text"].splitlines():
                lines.append(textwrap.fill(line, WIDTH, subsequent_indent="  " if line.startswith("- ") else ""))
            lines.append("")
        custom = reply.get("custom") or {}
        if custom.get("type") == "answer" and custom.get("sources"):
            lines[-1:] = ["  (sources: " + ", ".join(s["key"] for s in custom["sources"]) + "; ask “where does this come from?”)", ""]
        offered = reply.get("buttons") or offered
    lines += [f"  {number}. {button['title']}" for number, button in enumerate(offered, 1)]
    return "\n".join(lines), offered


def choice(typed: str, offered: List[Dict[str, str]]) -> str:
    """What was typed, or the payload of the button meant by its number or title."""
    for number, button in enumerate(offered, 1):
        if typed.strip().lower() in (str(number), button["title"].lower()):
            return button["payload"]
    return typed


async def talk(agent: Any) -> None:
    from runtime.turns import Incoming, Turns

    turns = Turns(agent)
    offered: List[Dict[str, str]] = []
    interactive = sys.stdin.isatty()
    print("Stria is listening. Type your question; an empty line or Ctrl-D ends.\n")
    while True:
        try:
            typed = input("You: " if interactive else "")
        except (EOFError, KeyboardInterrupt):
            break
        if not typed.strip():
            break
        if not interactive:
            print(f"You: {typed}")
        answer = await turns.handle(Incoming("terminal:you", choice(typed, offered), "terminal", limited=False))
        text, offered = render(answer.replies)
        print(f"\n{text}\n")
    print("Goodbye.")


def main() -> None:
    prepare_environment()
    model = train()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(talk(load_assistant(model, f"{folder}/talk.sqlite3")))


if __name__ == "__main__":
    main()
