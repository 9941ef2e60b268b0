"""The trained assistant inside one Python process: for the terminal, for tests and for measurements."""

from pathlib import Path
from typing import Any, Optional

from runtime.quiet import log_warnings_only, quieten
from runtime.settings import log_level, prepare_environment


def load_assistant(model: Path, store: Optional[Any] = None) -> Any:
    """Rasa's `Agent` on `model`, with our actions in process. `store`: a tracker store or an SQLite file for one; default keeps talks in memory.

    `await agent.handle_text("does it hurt", sender_id="me")` gives the replies as a list of dictionaries.
    """
    prepare_environment()
    quieten()
    log_warnings_only(log_level())
    from rasa.core.agent import Agent

    from runtime.action_client import InProcessActions, compile_response_schema
    from runtime.lock_store import ConversationLocks
    from runtime.turns import harden

    compile_response_schema()
    if isinstance(store, str):
        from runtime.tracker_store import ConversationStore

        store = ConversationStore(db=store)
    agent = Agent.load(str(model), action_endpoint=InProcessActions(), tracker_store=store, lock_store=ConversationLocks())
    return harden(agent) if store is not None else agent
