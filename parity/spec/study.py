"""A study: which specifications, on which data, drawn how, by which engines. Presets are studies with a name."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from parity.data import Source
from parity.errors import RequestError, unknown
from parity.spec.models import CNN, MLP, Leekasso, Linear, Mode, Specification, aligned, aligned_network
from parity.spec.protocol import Protocol

_MLP_BEAM = MLP(
    hidden=(128, 128),
    activation="relu",
    dropout=0.5,
    output="sigmoid",
    loss="cross-entropy",
    optimizer="adam",
    learning_rate=1e-3,
    epochs=200,
    batch_size=1,
)

METHODS: dict[str, Specification] = {
    "leekasso-lm": Leekasso(model="lm"),
    "leekasso-glm": Leekasso(model="glm"),
    "leekasso-liblinear": Leekasso(model="liblinear", cost=1e6),
    "mlp-leek": MLP(hidden=(160,) * 5, activation="tanh", epochs=20),
    "mlp-beam": _MLP_BEAM,
    "cnn-beam": CNN(
        image=(28, 28),
        filters=((32, 32), (64, 64)),
        dropout_pooled=0.2,
        hidden=(128,),
        activation="relu",
        dropout=0.5,
        output="softmax",
        loss="cross-entropy",
        optimizer="adam",
        epochs=200,
    ),
}
"The experiments of 2017: each pins what its author wrote and nothing else."


ENGINE_SUFFIXES = (".py", ".R", ".r")
"What the name of an engine file ends in; an id has no dot."

DRAWS = 20
"Draws at each size where curves of a preset are compared: enough to tell a margin of 0.01 where they scatter by 0.02."

MARGIN = 0.01
"A hundredth of the test rows: the difference that the debate of 2017 was about, and its networks' lead over one pixel."


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything that has to be settled before a cell can be fitted."""

    name: str
    data: Source
    protocol: Protocol
    methods: dict[str, Specification]
    engines: tuple[str, ...] | None = None
    "Engine ids, and paths of a user's own engine files; None means every engine that fits one of the methods."
    mode: Mode = "shipped"
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)
    "Engine id -> native arguments that replace the translated ones."
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)
    "Engine id -> the methods that it fits here, where that is not every one that it can."
    history: bool = False
    "Whether dense networks are to be scored after every epoch as well, by engines that can."
    margin: float = MARGIN
    "Difference of accuracy from which on two curves are different, and below which they are equivalent."
    reference: str = ""
    "What a user writes to name it: a preset, or the path of its file."
    changed: tuple[str, ...] = ()
    "Words of a command line that say what of it was asked for otherwise, as --draws 20."

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1:
            raise RequestError(f"margin is {self.margin}; a difference of accuracy lies between 0 and 1, as 0.01")

    @property
    def words(self) -> tuple[str, ...]:
        """What follows `--study` in a line of `parity curves` that asks for the same."""
        presets_own = self.reference in PRESETS and "--draws" not in self.changed and self.protocol.draws != DRAWS
        draws = ("--draws", str(self.protocol.draws)) if presets_own else ()
        return (self.reference or self.name, *self.changed, *draws)

    def specification(self, method: str, n: int) -> Specification:
        """What a method asks for at one size: as written, or its aligned form.

        Raises RequestError for an unknown method.
        """
        if method not in self.methods:
            raise unknown("method", method, self.methods, where=f"study {self.name}")
        return specification(self.methods[method], self.mode, n)

    def asks(self, engine: str, method: str) -> bool:
        """Whether the study wants this method of this engine, if the engine can."""
        return method in self.only.get(engine, (method,))


# The rebuttal's networks in Python, as its code was published: github.com/beamandrew/deep_learning_works, mnist.py of
# 2017-06-04. Its MLP and CNN name no batch size and no learning rate. SGD(decay = 0.99) of that Keras divides the rate
# by 1 + 0.99 * updates done.
_BEAM_PYTHON = dataclasses.replace(_MLP_BEAM, output="softmax", learning_rate=None, batch_size=None)
_BEAM_MLP_LEEK = MLP(
    hidden=(160,) * 5,
    activation="tanh",
    output="softmax",
    loss="cross-entropy",
    optimizer="sgd",
    learning_rate=0.005,
    momentum=0.0,
    learning_rate_decay=0.99,
    nesterov=True,
    epochs=20,
    batch_size=1,
)
_LEEK_ROWS = Protocol(sizes=tuple(range(10, 86, 5)), draws=5)
# The zeros and ones of MNIST's own training part come first; the rebuttal scored on the second half of the test part.
_BEAM_ROWS = Protocol(
    sizes=(10, 20, 40, 60, 80),
    draws=5,
    replacement=True,
    test_fraction=None,
    train_rows=(0, 12_665),
    test_rows=(13_722, 14_780),
)

PRESETS: dict[str, Study] = {
    "leek2017": Study(
        name="leek2017",
        data=Source("mnist01", classes=(0, 1)),
        protocol=_LEEK_ROWS,
        methods={m: METHODS[m] for m in ("leekasso-lm", "leekasso-glm", "leekasso-liblinear", "mlp-leek")},
        # R's H2O keeps to what it did in 2017; h2o.glm is fitted once, through the Python client.
        only={"r-h2o": ("mlp-leek",)},
    ),
    "beam2017-r": Study(
        name="beam2017-r",
        data=Source("mnist01", classes=(0, 1)),
        protocol=dataclasses.replace(_LEEK_ROWS, sizes=tuple(range(10, 81, 5))),
        methods={m: METHODS[m] for m in ("leekasso-glm", "mlp-beam")},
        engines=("r-stats", "py-keras-jax"),
        history=True,
    ),
    "beam2017-python": Study(
        name="beam2017-python",
        data=Source("mnist01", classes=(0, 1)),
        protocol=_BEAM_ROWS,
        methods={
            "leekasso-liblinear": Leekasso(model="liblinear", cost=1e6, screen="welch-like", ties="first"),
            "mlp-beam": _BEAM_PYTHON,
            "cnn-beam": METHODS["cnn-beam"],
            "mlp-leek": _BEAM_MLP_LEEK,
        },
        engines=("py-sklearn", "py-keras-jax"),
        only={"py-sklearn": ("leekasso-liblinear",)},
        history=True,
    ),
}

EXPECTATIONS = {"compare", "expected", "inconclusive"}
"Keys of a parity.toml that say what its tests expect; parity/expectations.py reads them."

QUICK_SIZES = 4
"A quick run keeps this many sizes, spread over the preset's range, with one draw at each."


def preset(name: str) -> Study:
    """The preset of that name."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return dataclasses.replace(PRESETS[name], reference=name)


def quick(study: Study) -> Study:
    """The same study with one draw at four of its sizes."""
    sizes = study.protocol.sizes
    step = max(1, (len(sizes) - 1) / (QUICK_SIZES - 1))
    kept = tuple(dict.fromkeys(sizes[min(round(i * step), len(sizes) - 1)] for i in range(QUICK_SIZES)))
    return dataclasses.replace(study, protocol=dataclasses.replace(study.protocol, sizes=kept, draws=1))


def read_study(path: Path) -> Study:
    """A study from a TOML file; unknown keys are refused with the nearest known one."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"study {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"study {path} is not TOML: {error}") from error
    known = {"name", "data", "label", "classes", "methods", "engines", "mode", "overrides", "only", "history", "margin"}
    known |= EXPECTATIONS
    drawing = {f.name for f in dataclasses.fields(Protocol)}
    for key in document:
        if key not in known | drawing:
            raise unknown("key", key, known | drawing, where=str(path))
    for key in ("data", "sizes", "methods"):
        if key not in document:
            raise RequestError(f"study {path} has no '{key}'; it needs data, sizes and methods")
    reference = document["data"]
    if isinstance(reference, str) and (path.parent / reference).exists():
        reference = str((path.parent / reference).resolve())
    source: dict[str, Any] = {"reference": reference, **{k: document[k] for k in ("label", "classes") if k in document}}
    protocol: dict[str, Any] = {"draws": 5, **{k: document[k] for k in drawing if k in document}}
    if "train_rows" in protocol or "test_rows" in protocol:
        protocol.setdefault("test_fraction", None)
    return Study(
        name=_typed(document.get("name", path.stem), str, f"{path} name"),
        data=_typed(source, Source, f"{path} data"),
        protocol=_typed(protocol, Protocol, str(path)),
        methods=_methods(document["methods"], path),
        engines=_engines(document.get("engines"), path),
        mode=_typed(document.get("mode", "shipped"), Mode, f"{path} mode"),
        overrides=_overrides(document.get("overrides", {}), f"{path} overrides"),
        only=_typed(document.get("only", {}), dict[str, tuple[str, ...]], f"{path} only"),
        history=_typed(document.get("history", False), bool, f"{path} history"),
        margin=_typed(document.get("margin", MARGIN), float, f"{path} margin"),
        reference=os.path.relpath(path),
    )


def _engines(written: Any, path: Path) -> tuple[str, ...] | None:
    """Ids as they are; a user's own engine is a file beside the study, and stands by its whole path."""
    named: tuple[str, ...] | None = _typed(written, tuple[str, ...] | None, f"{path} engines")
    if named is None:
        return None
    return tuple(
        str((path.parent / Path(name).expanduser()).resolve()) if Path(name).suffix in ENGINE_SUFFIXES else name
        for name in named
    )


def _overrides(written: Any, where: str) -> dict[str, dict[str, Any]]:
    """Native arguments by engine: numbers, text, booleans and lists, which both languages take."""
    overrides: dict[str, dict[str, Any]] = _typed(written, dict[str, dict[str, Any]], where)
    for engine, arguments in overrides.items():
        for name, value in arguments.items():
            if not isinstance(value, bool | int | float | str | list):
                raise RequestError(f"{where}.{engine}.{name} is {value!r}; write a number, text, true, false or a list")
    return overrides


def _methods(written: Any, path: Path) -> dict[str, Specification]:
    """Methods as a list of ids, or as tables: [methods.ID] with `like = "mlp-leek"` or `kind`, and fields to pin."""
    if isinstance(written, list):
        return {str(method): method_named(str(method)) for method in written}
    if not isinstance(written, dict) or not written:
        raise RequestError(f"{path} methods must be a list of ids or tables such as [methods.mine]")
    return {method: _method(method, table, f"{path} [methods.{method}]") for method, table in written.items()}


def _method(method: str, table: Any, where: str) -> Specification:
    if not isinstance(table, dict):
        raise RequestError(f"{where} must be a table")
    fields = dict(table)
    base = fields.pop("like", None)
    kind = fields.pop("kind", None)
    if base is None and kind is None and method in METHODS:
        base = method
    kinds: dict[str, type[Specification]] = {"leekasso": Leekasso, "linear": Linear, "mlp": MLP, "cnn": CNN}
    if base is not None:
        start = method_named(base, where)
        cls = type(start)
        fields = dict(dataclasses.asdict(start), **fields)
    elif kind in kinds:
        cls = kinds[kind]
    else:
        raise unknown("kind", str(kind), kinds, where=where)
    names = {f.name for f in dataclasses.fields(cls)}
    for key in fields:
        if key not in names:
            raise unknown("key", key, names | {"like", "kind"}, where=where)
    made: Specification = _typed(fields, cls, where)
    return made


def specification(spec: Specification, mode: Mode, n: int) -> Specification:
    """A specification as it is asked for in a mode at n rows."""
    if mode == "shipped" or isinstance(spec, Linear):
        return spec
    return aligned_network(spec) if isinstance(spec, MLP) else aligned(spec, n)


def method_named(method: str, where: str = "") -> Specification:
    """The specification of a method id."""
    if method not in METHODS:
        raise unknown("method", method, METHODS, where=where)
    return METHODS[method]


def _typed(value: Any, kind: Any, where: str) -> Any:
    """`value` as `kind`, or one sentence that says where it is not."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise RequestError(f"{where}: {error}") from error
