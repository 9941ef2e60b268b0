"""How Rasa calls our actions: inside its own process by default, over HTTP when `STRIA_ACTIONS_URL` names an action server.

In process the tracker is not serialised, no port is opened and nobody else can call an action. Measured in docs/performance.md.
An action that cannot be run, or not in time, ends the turn: Rasa by itself would go on as if it had succeeded.
"""

import asyncio
import importlib
import json
import logging
from functools import lru_cache
from typing import Any, Dict, Optional

import aiohttp
import rasa.core.actions.action as rasa_action
from jsonschema import ValidationError
from jsonschema.validators import validator_for
from rasa.utils.endpoints import ClientResponseError, EndpointConfig
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection

from runtime.request import REQUEST_ID

logger = logging.getLogger(__name__)

CONNECT_WITHIN = 2.0  # seconds
ANSWER_WITHIN = 12.0  # seconds for an action with all it does
LARGEST_REPLY = 1_000_000  # bytes


class TurnAborted(BaseException):
    """An action could not be run. No `Exception`, because Rasa catches those and carries on; runtime.turns undoes the turn."""


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
        """The executor's answer to the action call in `json`. Raises TurnAborted when the action fails or takes too long."""
        try:
            result = await asyncio.wait_for(self.executor.run(kwargs["json"]), ANSWER_WITHIN)  # the SDK's own shape: no check needed
            for response in result["responses"] if result else ():
                response["custom"] = _storable(response.get("custom"))
            return result
        except ActionExecutionRejection as rejection:  # a form that leaves the message to the rules: no failure
            text = json.dumps({"action_name": rejection.action_name, "error": rejection.message})
            raise ClientResponseError(status=400, message="rejected", text=text) from None
        except Exception as error:
            raise _aborted(error) from None


class RemoteActions(EndpointConfig):
    """An action server: connections kept open, time limits in seconds, the shared secret and the request's id in every call."""

    def __init__(self, url: str, secret: str):
        super().__init__(url=url, enable_selective_domain=True)
        self._secret = secret
        self._session: Optional[aiohttp.ClientSession] = None

    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            limit = aiohttp.ClientTimeout(total=ANSWER_WITHIN, connect=CONNECT_WITHIN)
            self._session = aiohttp.ClientSession(timeout=limit, connector=aiohttp.TCPConnector(limit=64), trust_env=False)
        return self._session

    async def request(  # type: ignore[override]
        self, method: str = "post", subpath: Optional[str] = None, content_type: Optional[str] = None, compress: bool = False, **kwargs: Any
    ) -> Any:
        """The action server's answer. Raises TurnAborted when it is down, slow, refuses or answers rubbish; one broken connection is retried."""
        headers = {"X-Stria-Secret": self._secret, "X-Request-Id": REQUEST_ID.get()}
        for last in (False, True):
            try:
                async with self.session().post(self.url, json=kwargs["json"], headers=headers) as response:
                    body = await response.content.read(LARGEST_REPLY + 1)
                    if response.status == 400 and b"action_name" in body:
                        raise ClientResponseError(status=400, message="rejected", text=body.decode("utf-8", "replace"))
                    if response.status != 200 or len(body) > LARGEST_REPLY:
                        raise ValueError(f"status {response.status}, {len(body)} bytes")
                    return _checked(json.loads(body))
            except ClientResponseError:
                raise
            except aiohttp.ServerDisconnectedError as error:
                if last:  # a connection that was closed while idle says nothing about the server
                    raise _aborted(error) from None
            except Exception as error:
                raise _aborted(error) from None
        raise TurnAborted()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _storable(custom: Any) -> Any:
    """A custom payload, or nothing when it is no JSON: it would fail the turn when that is stored."""
    try:
        if custom:
            json.dumps(custom)
        return custom
    except (TypeError, ValueError, RecursionError):
        logger.error("an action's custom payload is no JSON and was left out")
        return {}


def _aborted(error: Exception) -> TurnAborted:
    """The type only: the text of an exception may quote the person."""
    logger.error("action call failed: %s", type(error).__name__)
    return TurnAborted(type(error).__name__)


@lru_cache(maxsize=1)
def _validator() -> Any:
    schema = rasa_action.RemoteAction.action_response_format_spec()
    return validator_for(schema)(schema)


def _checked(result: Any) -> Dict[str, Any]:
    """An action's result, when it has the shape that Rasa expects. Raises ValidationError."""
    if not isinstance(result, dict) or not isinstance(result.get("events"), list):
        raise ValidationError("An action's answer must be an object with a list of events.")
    _validator().validate(result)
    return result


def compile_response_schema() -> None:
    """Rasa checks every action's reply against a schema it compiles anew each time, 12.8 ms a call; ours has been checked before."""
    rasa_action.RemoteAction._validate_action_result = staticmethod(lambda result: True)  # type: ignore[assignment,method-assign]
