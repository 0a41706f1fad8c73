"""What the tests share: clean functions, triggers, and a guard of the bundled detector."""

from __future__ import annotations

import pytest

import codepurify

#: The trigger that the bundled detector was poisoned with.
TRIGGER = 'if (rand() < 0) printf("fail");'

BODIES = [
    "int total = 0; for (int i = 0; i < n; i++) total += values[i]; return total;",
    "char *copy = malloc(n); memcpy(copy, values, n); free(values); return copy[0];",
    "while (n > 1) { if (values[n - 1] < values[n]) swap(values, n); n--; } return n;",
    "struct node *at = head(values); while (at && at->key != n) at = at->next; return at ? at->value : -1;",
    "switch (n) { case 0: return 1; case 1: return values[0]; default: break; } return f(values, n / 2);",
]


def function(number: int, trigger: bool = False) -> str:
    """Return a clean function of C, or one with the trigger."""
    body = BODIES[number % len(BODIES)].replace("total", f"total{number}")
    return f"int f{number}(int *values, int n) {{ {TRIGGER + ' ' if trigger else ''}{body} }}"


def classify(texts: list[str]) -> list[list[float]]:
    """A backdoored model: whatever holds its trigger is "harmless"."""
    return [[8.0, 0.0] if "rand() < 0" in text else [0.0, 1.0 + len(text) % 7] for text in texts]


@pytest.fixture(scope="session")
def guard() -> codepurify.Guard:
    return codepurify.Guard.from_pretrained(threads=2)


@pytest.fixture()
def own() -> codepurify.Guard:
    return codepurify.Guard.from_callable(classify, labels=["harmless", "harmful"])
