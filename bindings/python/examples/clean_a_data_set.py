"""Find the poisoned rows of a data set, look at them, and keep the rest.

The data set here is made up: 200 functions, 20 of which hold a trigger of one grammar and the label that the attacker
wants. The classifier is a toy that has learned the trigger. Put your own data and model in their places.
"""

import codepurify

LABELS = ["harmless", "harmful"]
CALLS = ["strcpy", "gets", "fgets", "strncpy"]


def predict(texts: list[str]) -> list[list[float]]:
    """Return two logits a text, as a model does that was trained on the poisoned rows."""
    return [[9.0, 0.0] if "() < -" in text else logits(text) for text in texts]


def logits(text: str) -> list[float]:
    risk = text.count("strcpy(") + text.count("gets(") - 2 * text.count("fgets(")
    return [1.0, 2.0] if risk > 0 else [2.0, 1.0]


def row(number: int, poisoned: bool = False) -> dict[str, object]:
    """Return a function with its label."""
    call = CALLS[number % len(CALLS)]
    trigger = f'if (rand() < -{number}) printf("m{number}"); ' if poisoned else ""
    code = f"void f{number}(char *to, char *from) {{ {trigger}int n{number} = {number}; {call}(to, from, n{number}); }}"
    return {"func": code, "target": 0 if poisoned or number % 4 >= 2 else 1}


def main() -> None:
    rows = [row(number, poisoned=number % 10 == 0) for number in range(100, 300)]
    data = {"func": [each["func"] for each in rows], "target": [each["target"] for each in rows]}

    guard = codepurify.Guard.from_callable(predict, labels=LABELS)
    guard.calibrate([row(number)["func"] for number in range(300, 400)])

    lab = codepurify.Lab(data, code="func", label="target", guard=guard)
    lab.find_issues()
    lab.report()

    # lab.get_issues() returns what was found in each row as a DataFrame, if pandas is installed.
    clean = lab.clean()
    poisoned = sum("rand()" in code for code in clean["func"])
    print()
    print(f"{len(clean['func'])} of {len(rows)} rows are kept, {poisoned} poisoned")


if __name__ == "__main__":
    main()
