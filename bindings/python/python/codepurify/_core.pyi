"""The compiled part of the package."""

from collections.abc import Callable, Sequence

SINGLE_FIELDS: list[str]
PAIR_FIELDS: list[list[str]]

def run_command(arguments: Sequence[str]) -> int: ...
def shape(text: str, language: str) -> str: ...

def audit(
    core: Core,
    rows: Rows,
    success: float,
    benign_as_confident: float,
    progress: Callable[[int], None] | None,
) -> str: ...

class Rows:
    files: list[tuple[str, str, int]]
    @staticmethod
    def from_texts(texts: Sequence[tuple[str, list[str], str]]) -> Rows: ...
    @staticmethod
    def from_paths(paths: Sequence[str], language: str | None) -> Rows: ...
    def __len__(self) -> int: ...

class Core:
    name: str
    task: str
    sha256: str
    labels: list[str]
    sides: int
    calibration: str | None
    @staticmethod
    def from_pretrained(
        *,
        model: str | None,
        mlm: str | None,
        base: str | None,
        preset: str | None,
        profile: str,
        alpha: float,
        precision: str,
        threads: int | None,
    ) -> Core: ...
    @staticmethod
    def from_callable(
        *,
        predict: Callable[[list[str]], list[list[float]]],
        name: str,
        labels: Sequence[str],
        pairs: bool,
        window: int | None,
        batch_size: int,
        mlm: str | None,
        profile: str,
        alpha: float,
        threads: int | None,
    ) -> Core: ...
    @staticmethod
    def from_generator(
        *,
        generate: Callable[[list[str]], list[str]],
        score: Callable[[list[tuple[str, str]]], list[float]],
        name: str,
        window: int | None,
        batch_size: int,
        mlm: str | None,
        profile: str,
        alpha: float,
        threads: int | None,
    ) -> Core: ...
    def screen(
        self, rows: Rows, evidence: bool, progress: Callable[[int], None] | None
    ) -> list[Exception | list[Exception | tuple[str, str]]]: ...
    def calibrate(
        self,
        rows: Rows,
        source: str,
        partial: bool,
        keep_suspicious: bool,
        progress: Callable[[int], None] | None,
    ) -> tuple[list[tuple[int | None, int]], list[tuple[int | None, str, int, float]]]: ...
    def set_calibration(self, json: str) -> None: ...
