"""Writes baselines.json: what numpy, scikit-learn and plain re-derivations of the definitions give.

Run from this directory with numpy, scipy and scikit-learn installed: python make_golden.py
"""

import json
import math
from collections import Counter, defaultdict

import numpy as np
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import f1_score, roc_auc_score, roc_curve, silhouette_score

CORPUS = """int f ( int n ) { return n ; }
int g ( int n ) { int m = n ; return m ; }
void h ( char * s ) { puts ( s ) ; }
int f ( int m ) { if ( m > 0 ) return m ; return - m ; }
void k ( int n ) { while ( n > 0 ) n = n - 1 ; }
int g ( char * s ) { int n = 0 ; while ( s [ n ] ) n ++ ; return n ; }""".split("\n")
QUERIES = ["int f ( int n ) { return n ; }", "int q ( char * s ) { assertTrue ( 1 >= 0 ) ; return n ; }", "} ; int"]

BLEU_PAIRS = [
    ("public void f ( ) { int a = 1 ; return a ; }", "public void f ( ) { int a = 1 ; return a ; }"),
    ("int g ( int b ) { return b + b ; }", "int g ( int b ) { return 2 * b ; }"),
    ("void h ( ) { }", "void h ( )"),
    ("a b", ""),
    ("x = y ;", "x x x x = y ; ;"),
]


def ngrams(tokens, order):
    return Counter(tuple(tokens[at : at + order]) for at in range(len(tokens) - order + 1))


def bleu(pairs):
    """Corpus BLEU-4, one added to both parts of every precision."""
    matches, possible, answered, wanted = [0] * 4, [0] * 4, 0, 0
    for reference, answer in pairs:
        reference, answer = reference.split(), answer.split()
        answered, wanted = answered + len(answer), wanted + len(reference)
        for order in range(1, 5):
            common = ngrams(answer, order) & ngrams(reference, order)
            matches[order - 1] += sum(common.values())
            possible[order - 1] += max(0, len(answer) - order + 1)
    if answered == 0:
        return 0.0
    mean = sum(math.log((m + 1) / (p + 1)) for m, p in zip(matches, possible)) / 4
    return 100 * math.exp(mean + min(0.0, 1 - wanted / answered))


class KneserNey:
    """Interpolated modified Kneser-Ney, straight from the recursive definition."""

    def __init__(self, rows, order=4):
        rows = [["<s>", *row, "</s>"] for row in rows]
        self.order, self.words = order, {word for row in rows for word in row} - {"<s>"}
        occurring = [Counter() for _ in range(order + 1)]
        for row in rows:
            for length in range(1, order + 1):
                occurring[length].update(ngrams(row, length))
        self.counts = {order: occurring[order]}
        for length in range(1, order):
            in_front = defaultdict(set)
            for gram in occurring[length + 1]:
                in_front[gram[1:]].add(gram[0])
            self.counts[length] = {
                gram: occurring[length][gram] if gram[0] == "<s>" else len(in_front[gram])
                for gram in occurring[length]
                if gram != ("<s>",)
            }
        self.discounts = {length: self.discount(self.counts[length].values()) for length in self.counts}

    @staticmethod
    def discount(counts):
        t = Counter(counts)
        try:
            y = t[1] / (t[1] + 2 * t[2])
            found = [k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3)]
        except ZeroDivisionError:
            return [0.5, 1.0, 1.5]
        return found if all(0 < d <= k for k, d in enumerate(found, 1)) else [0.5, 1.0, 1.5]

    def probability(self, context, word):
        length = len(context) + 1
        below = self.probability(context[1:], word) if context else 1 / (len(self.words) + 1)
        after = {gram: count for gram, count in self.counts[length].items() if gram[:-1] == context}
        if not after:
            return below
        discount = lambda count: self.discounts[length][min(count, 3) - 1]
        total, count = sum(after.values()), after.get((*context, word), 0)
        kept = (count - discount(count)) / total if count else 0.0
        return kept + sum(map(discount, after.values())) / total * below

    def log10(self, text):
        row = ["<s>", *text.split(), "</s>"]
        return [
            math.log10(self.probability(tuple(row[max(0, at - self.order + 1) : at]), row[at]))
            for at in range(1, len(row))
        ]


def ranking(rng):
    positive, negative = rng.integers(2, 12, 60) / 4, rng.integers(0, 9, 80) / 4
    truth = np.r_[np.ones(60), np.zeros(80)]
    scores = np.r_[positive, negative]
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    said = scores > 1.5
    return {
        "positive": positive.tolist(),
        "negative": negative.tolist(),
        "auroc": roc_auc_score(truth, scores),
        "tpr_at_1": tpr[fpr <= 0.01].max(),
        "tpr_at_5": tpr[fpr <= 0.05].max(),
        "f1_above_1_5": f1_score(truth, said),
    }


def outliers(rng):
    values = np.round(np.r_[rng.normal(0.9, 0.01, 40), [0.2, 0.85, 0.97]], 6)
    column = values.reshape(-1, 1)
    # The forest is random: the mean over many of them is what one should come near to.
    forests = [-IsolationForest(random_state=seed).fit(column).score_samples(column) for seed in range(20)]
    return {
        "values": values.tolist(),
        "isolation": np.mean(forests, 0).tolist(),
        "elliptic": (EllipticEnvelope(random_state=0).fit_predict(column) < 0).tolist(),
    }


def representations(rng):
    rows = np.round(rng.normal(0, 1, (40, 6)) * [3, 2, 1, 1, 1, 1], 4)
    rows[::8] += [4, -3, 2, 0, 1, 5]
    centred = rows - rows.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    projected = centred @ vectors[:, ::-1][:, :3]
    wide = rows[:4]
    whitened = PCA(2, whiten=True, svd_solver="full").fit_transform(rows)
    second = rows[:, 0] > 1
    return {
        "rows": rows.tolist(),
        "spectral": np.linalg.norm(projected, axis=1).tolist(),
        "wide_spectral": np.linalg.norm((wide - wide.mean(0)), axis=1).tolist(),
        "whitened": np.abs(whitened).tolist(),
        "second": second.tolist(),
        "silhouette": silhouette_score(rows, second),
    }


def main():
    rng = np.random.default_rng(7)
    model = KneserNey([line.split() for line in CORPUS])
    golden = {
        "bleu": {
            "pairs": BLEU_PAIRS,
            "corpus": bleu(BLEU_PAIRS),
            "each": [bleu([pair]) for pair in BLEU_PAIRS],
        },
        "ngram": {
            "corpus": CORPUS,
            "queries": QUERIES,
            "discounts": model.discounts,
            "log10": [model.log10(query) for query in QUERIES],
        },
        "ranking": ranking(rng),
        "outliers": outliers(rng),
        "representations": representations(rng),
    }
    with open("baselines.json", "w", encoding="utf-8") as file:
        json.dump(golden, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
