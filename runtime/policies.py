"""Rasa's rule policy, deciding the same things sooner: our rules are many and short, so almost none need be looked at."""

import json
from typing import Any, Dict, List, Optional, Set, Tuple

from rasa.core.policies.rule_policy import RULES, RULES_FOR_LOOP_UNHAPPY_PATH, RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.constants import SHOULD_NOT_BE_SET
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker

Anchor = Tuple[Optional[str], Optional[str]]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class ClinicRules(RulePolicy):
    """`RulePolicy`, with rules found by the intent and action they end on, and by their few last states only."""

    def _index(self, lookup: Dict[str, str]) -> Tuple[Dict[Anchor, List[str]], int]:
        """Rule keys by (intent, previous action) of their last state, and the states of the longest rule."""
        kept = self.__dict__.setdefault("_indices", {})
        if id(lookup) not in kept:
            table: Dict[Anchor, List[str]] = {}
            longest = 1
            for key in lookup:
                states = json.loads(key)
                longest = max(longest, len(states))
                table.setdefault(_anchor(states[-1]), []).append(key)
            kept[id(lookup)] = (table, longest, lookup)  # the lookup itself, so that its id stays taken
        return kept[id(lookup)][:2]

    def _get_possible_keys(self, lookup: Dict[str, str], states: List[State]) -> Set[str]:
        if not states or not lookup:
            return set(lookup)
        table, longest = self._index(lookup)
        intent, action = _anchor(states[-1])
        near = {key for anchor in ((intent, action), (intent, None), (None, action), (None, None)) for key in table.get(anchor, ())}
        return super()._get_possible_keys({key: lookup[key] for key in near}, states[-longest:])

    def _find_action_from_rules(self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool) -> Any:
        if use_text_for_last_user_input and not self._has_text_rules():
            return None, None, False
        return super()._find_action_from_rules(tracker, domain, use_text_for_last_user_input)

    def _has_text_rules(self) -> bool:
        known = self.__dict__.get("_text_rules")
        if known is None:
            keys = [*self.lookup.get(RULES, {}), *self.lookup.get(RULES_FOR_LOOP_UNHAPPY_PATH, {})]
            known = self.__dict__["_text_rules"] = any("text" in (state.get("user") or {}) for key in keys for state in json.loads(key))
        return bool(known)


def _anchor(state: State) -> Anchor:
    """What a rule's last state demands or a conversation's last state offers: the intent and the previous action."""
    intent: Any = (state.get("user") or {}).get("intent")
    action: Any = (state.get("prev_action") or {}).get("action_name")
    return (None if intent == SHOULD_NOT_BE_SET else intent, None if action == SHOULD_NOT_BE_SET else action)
