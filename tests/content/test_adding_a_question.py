"""docs/adding-a-question.md, followed to the letter on a copy of the project: three places, and the new question is answered."""

import re
from pathlib import Path

import yaml

from actions import answers
from actions.answers import Known
from knowledge.library import Library
from nlu import segmentation

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-question.md"


def test_the_steps_of_the_page_are_enough(project: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    block = re.search(r"```yaml\n(.*?)```", page, re.S)
    assert block is not None
    new = yaml.safe_load("\n".join(line[3:] for line in block[1].splitlines()))
    topic = project / "data" / "visiting.yml"
    content = yaml.safe_load(topic.read_text(encoding="utf-8"))
    content["responses"].update(new["responses"])
    content["rules"] += new["rules"]
    content["nlu"] = new["nlu"]
    topic.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    title = re.search(r"gets `(ask_vouchers,[^`]+)`", page)
    assert title is not None and "- ask_vouchers" in page
    with (project / "data" / "intent_titles.csv").open("a", encoding="utf-8") as titles:
        titles.write(title[1] + "\n")

    knowledge = Library(project).get()
    turn = answers.compose(["ask_vouchers"], Known(), [], knowledge)
    assert knowledge.clinic["clinic"]["phone"] in turn.messages[0].text
    assert turn.offered == ["ask_price", "ask_payment"]
    assert answers.buttons(["ask_vouchers"], knowledge) == [("Gift vouchers", "/ask_vouchers")]
    assert segmentation.read_groups(project / "data")["ask_vouchers"] == "visiting"
