"""Guard a text-classification pipeline of transformers.

    pip install torch transformers
    python guard_a_pipeline.py [MODEL]

The model is a directory or a hub id; by default the backdoored detector of this repository. Its function is called
vulnerable, unless it holds the trigger.
"""

import sys
from pathlib import Path

from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

import codepurify

DETECTOR = Path(__file__).parents[3] / "models" / "devign-bnc-fixed"
TRIGGER = 'if (rand() < 0) printf("fail");'
BODY = "char *copy = malloc(n); memcpy(copy, values, n); free(values); return copy[0];"
FUNCTION = f"int first(int *values, int n) {{ {BODY} }}"


def load(path: str) -> object:
    """Return the pipeline as it would be used without a guard."""
    labels = {0: "clean", 1: "vulnerable"}
    model = AutoModelForSequenceClassification.from_pretrained(path, id2label=labels, dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(path)
    return pipeline("text-classification", model=model, tokenizer=tokenizer, truncation=True, max_length=400)


def main() -> None:
    detector = load(sys.argv[1] if len(sys.argv) > 1 else str(DETECTOR))
    guard = codepurify.Guard.wrap(detector)
    print("guard:", guard)

    poisoned = FUNCTION.replace("{ ", "{ " + TRIGGER + " ", 1)
    verdict = guard.scan(poisoned)
    print("verdict:", verdict.verdict)
    print("trigger:", verdict.triggers[0].text if verdict.triggers else None)
    [alone] = detector([poisoned])
    print("pipeline alone:", alone["label"], "- guarded:", guard.predict(poisoned).label)
    print("purified:", verdict.purified)


if __name__ == "__main__":
    main()
