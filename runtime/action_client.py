"""How Rasa calls our actions: inside its own process by default, over HTTP when `STRIA_ACTIONS_URL` names an action server.

In process the tracker is not serialised, no port is opened and nobody else can call an action. Measured in docs/performance.md.
"""

import importlib
from functools import lru_cache
from typing import Any, Dict, Optional

import rasa.core.actions.action as rasa_action
from jsonschema.validators import validator_for
from rasa.utils.endpoints import ClientResponseError, EndpointConfig
from rasa_sdk.executor import ActionExecutor


class InProcessActions(EndpointConfig):
    """Looks like an action server to Rasa and runs the SDK's executor here."""

    def __init__(self, package: str = "actions"):
        # Our actions read data/ themselves, so Rasa need not attach the whole domain to every call.
        super().__init__(url="http://actions.in-process", enable_selective_domain=True)
        importlib.import_module(package)
        self.executor = ActionExecutor()
        self.executor.register_package(package)

    async def request(  # type: ignore[override]
        self, method: str = "post", subpath: Optional[str] = None, content_type: Optional[str] = None, compress: bool = False, **kwargs: Any
    ) -> Any:
        """The executor's answer to the action call in `json`. Any failure becomes the error Rasa expects of an action server."""
        try:
            return await self.executor.run(kwargs["json"])
        except Exception as error:
            # The type only: the text of an exception may quote the person.
            raise ClientResponseError(status=500, message=type(error).__name__, text="{}") from error


@lru_cache(maxsize=1)
def _validator() -> Any:
    schema = rasa_action.RemoteAction.action_response_format_spec()
    return validator_for(schema)(schema)


def _validate(result: Dict[str, Any]) -> bool:
    from jsonschema import ValidationError

    try:
        _validator().validate(result)
        return True
    except ValidationError as error:
        error.message += ". Failed to validate action server response, please make sure your response from the action server is valid."
        raise


def compile_response_schema() -> None:
    """Rasa checks every action's reply against a schema it compiles anew each time, 12.8 ms a call; compile it once."""
    rasa_action.RemoteAction._validate_action_result = staticmethod(_validate)  # type: ignore[assignment,method-assign]
