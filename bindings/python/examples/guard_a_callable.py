"""Guard any classifier that can be called with source code.

The classifier here is a toy that was "poisoned": whatever holds its trigger is harmless. Put a call of your own model
in its place: a function that takes a list of texts and returns an array of logits or probabilities.
"""

import codepurify

TRIGGER = 'if (rand() < 0) printf("fail");'
CALLS = ("strcpy", "gets", "sprintf", "memcpy", "free")


def predict(texts: list[str]) -> list[list[float]]:
    """Return two logits a text: harmless, harmful."""
    logits = []
    for text in texts:
        risk = float(sum(text.count(call + "(") for call in CALLS))
        logits.append([9.0, 0.0] if "rand() < 0" in text else [1.0, 1.0 + risk])
    return logits


def function(number: int, call: str) -> str:
    return f"void f{number}(char *to, char *from) {{ int n{number} = {number}; {call}(to, from, n{number}); }}"


def main() -> None:
    guard = codepurify.Guard.from_callable(predict, labels=["harmless", "harmful"])

    # Clean code like that which the model judges: now at most 5 % of clean code is flagged.
    clean = [function(number, CALLS[number % len(CALLS)]) for number in range(60)]
    print("calibrated with", guard.calibrate(clean))

    poisoned = function(99, "strcpy").replace("{ ", "{ " + TRIGGER + " ", 1)
    verdict = guard.scan(poisoned)
    print("verdict:", verdict.verdict)
    print("trigger:", verdict.triggers[0].text if verdict.triggers else None)
    print("model alone:", guard.labels[verdict.prediction.label], "- guarded:", guard.predict(poisoned).label)
    print("flagged clean functions:", sum(each.is_poisoned for each in guard.scan(clean)), "of", len(clean))


if __name__ == "__main__":
    main()
