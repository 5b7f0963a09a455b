"""An explanation in words: what a terminal, a page and a text say alike of its effects, its closure and its recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from parity.compare.equivalence import INTERVAL, MOST_DRAWS
from parity.report.compared import JOINERS

Plain = dict[str, Any]

LEVELS = {
    "identical": "identical",
    "within tolerance": "within tolerance",
    "equivalent": "equivalent",
    "open": "inconclusive",
    "different": "different: unexplained",
}
"How close two sides are -> the verdict whose mark and colour it is shown in."

CLOSED = ("identical", "within tolerance", "equivalent")
"Levels at which no gap is left."

UNMOVED = {
    "inert": "switched, and no prediction changed",
    "consequence": "gone where the other differences are switched",
    "not taken": "no way to switch it took",
    "not reached": "no switch reaches it",
}
"What became of a difference that has no share -> what that means."

UNFINISHED = {"budget": "the budget ended before everything was measured", "interrupted": "it was interrupted"}
"Why an explanation is the best one so far, where it does not say so itself."

FOUND = {
    "read": "read from the parameters in force",
    "measured": "measured in what came out",
    "lockstep": "found in lockstep",
    "tried": "found by trying",
}
"How a difference came on the list."

PERCENT = f"{100 * INTERVAL:.0f} %"
"Level of every interval that is shown."

VISIBLE = 5e-5
"What is left over is a step of its own from here on: half of the last digit that accuracies are shown with."

SMALLEST_P = 0.001
"A smaller p-value is written as being smaller: its digits say nothing more."


def groups(document: Plain) -> list[list[Plain]]:
    """The explanations by pair and method, each with its sizes in ascending order."""
    found: dict[tuple[str, str, str], list[Plain]] = {}
    for each in document["explanations"]:
        found.setdefault((each["left"], each["right"], each["method"]), []).append(each)
    return [sorted(group, key=lambda each: int(each["n"])) for group in found.values()]


def legible(value: Any) -> Any:
    """The same value with a mark in place of every character that a terminal obeys; code keeps its lines."""
    match value:
        case dict():
            return {_without_controls(str(name)): legible(each) for name, each in value.items()}
        case list():
            return [legible(each) for each in value]
        case str():
            return _without_controls(value)
        case other:
            return other


def _without_controls(text: str) -> str:
    return "".join(c if c.isprintable() or c in JOINERS or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def live(explanation: Plain) -> list[Plain]:
    """Differences that change predictions, the largest share first; those without a share yet are last."""
    found = [each for each in explanation.get("differences", ()) if each["status"] == "live"]
    return sorted(found, key=lambda each: -abs(each["share"]["accuracy"]["mean"]) if each["share"] else 1.0)


def unmoved(explanation: Plain) -> list[tuple[str, list[Plain]]]:
    """Differences that have no share, by what became of them."""
    found = explanation.get("differences", ())
    grouped = [(status, [each for each in found if each["status"] == status]) for status in UNMOVED]
    return [(status, some) for status, some in grouped if some]


def statuses(explanation: Plain) -> dict[str, str]:
    """What became of each difference, by name."""
    return {each["name"]: str(each["status"]) for each in explanation.get("differences", ())}


def accuracy(value: float | None) -> str:
    """Four digits, as everywhere in parity."""
    return "–" if value is None else f"{value:.4f}"


def signed(value: float | None) -> str:
    """A change with its sign; what rounds to nothing is +0.0000.

    >>> signed(-0.00001), signed(-0.0312)
    ('+0.0000', '-0.0312')
    """
    return "–" if value is None else f"{round(value, 4) + 0.0:+.4f}"


def interval(effect: Plain, draws: int) -> str:
    """Its ends; empty where a single draw gives none."""
    if draws < 2 or effect["low"] is None or effect["high"] is None:
        return ""
    return f"[{signed(effect['low'])}, {signed(effect['high'])}]"


def effect_words(effect: Plain, draws: int) -> str:
    """A mean with its interval."""
    return f"{signed(effect['mean'])} {interval(effect, draws) or '(one draw)'}"


def p_words(p: float | None) -> str:
    """A p-value to three digits.

    >>> p_words(0.04567), p_words(1e-9), p_words(None)
    ('0.046', '<0.001', '–')
    """
    return "–" if p is None else f"<{SMALLEST_P:g}" if p < SMALLEST_P else f"{p:.3f}"


def draws_of(explanation: Plain) -> int:
    """The draws that both sides have as shipped."""
    return int(explanation["base"]["draws"])


def sentence(text: str) -> str:
    """A text that begins and ends as a sentence does.

    >>> sentence("it has none"), sentence("It has.")
    ('It has none.', 'It has.')
    """
    return text[:1].upper() + stopped(text[1:])


def stopped(text: str) -> str:
    """A text that ends as a sentence does; it may begin with a name, which keeps its letters."""
    return text.rstrip(".") + "."


def counted(number: int, what: str) -> str:
    """A number with its noun.

    >>> counted(1, "draw"), counted(1200, "fit")
    ('1 draw', '1,200 fits')
    """
    return f"{number:,} {what}{'s' * (number != 1)}"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"


def closeness_words(close: Plain, margin: float) -> str:
    """How close two sides are: the level, what it rests on, and how many draws would settle what is open."""
    draws, level = close["draws"], close["level"]
    over = f"over {counted(draws, 'draw')}"
    both = f"accuracy {accuracy(close['left'])} on both sides"
    if level == "identical":
        return f"identical: every label and every predicted value is the same, bit for bit, {over}; {both}"
    if level == "within tolerance":
        apart = f"predicted values are at most {close['apart']:.2g} apart, no further than rounding spreads"
        return f"within tolerance: every label is the same and {apart}, {over}; {both}"
    ends = interval(close["gap"], draws)
    gap = f"{accuracy(close['left'])} and {accuracy(close['right'])}, gap {signed(close['gap']['mean'])}"
    gap += f" {ends}, {over}" if ends else f", {over}"
    if level == "equivalent":
        return f"equivalent at the margin of {margin:g}: {gap}"
    if level == "different":
        return f"different by more than the margin of {margin:g}: {gap}"
    needed = needed_words(close)
    return f"open at the margin of {margin:g}: {gap}" + (f"; {needed}" if needed else "")


def needed_words(close: Plain) -> str:
    """How many draws would settle what is open; empty where it is not, or where no number can be told."""
    needed = close["draws_needed"]
    if close["level"] != "open" or needed is None:
        return ""
    return f"{f'over {MOST_DRAWS:,}' if needed >= MOST_DRAWS else f'{needed:,}'} draws would settle it"


@dataclass(frozen=True, slots=True)
class Stage:
    """Under what two sides were compared, in a few words and as a sentence has it."""

    short: str
    whole: str


def closure(explanation: Plain) -> list[tuple[Stage, Plain]]:
    """What was compared on the way to closing the gap, in order, and how close the sides were."""
    smallest = explanation.get("smallest")
    found = [(Stage("as shipped", "as shipped"), explanation["base"])]
    if explanation.get("all_switched"):
        every = Stage("all switched", "with all live differences switched")
        found.append((every, explanation["all_switched"]))
    if smallest:
        names = smallest["names"]
        these = f"with only {listed(names)} switched" if names else "with nothing switched"
        found.append((Stage("smallest set", f"{these}, on the draws of the search"), smallest["searched"]))
        for kept, short, whole in (("fresh_base", "as shipped", "as shipped"), ("fresh", "smallest set", these)):
            if smallest[kept]:
                fresh = f"on {counted(smallest[kept]['draws'], 'fresh draw')}"
                unseen = f"{whole}, {fresh} that the search did not see"
                found.append((Stage(f"{short}, {fresh.removeprefix('on ')}", unseen), smallest[kept]))
    return found


def closing(explanation: Plain) -> str:
    """One sentence: whether the gap closes, by how much of what differs."""
    base, together, smallest = explanation["base"], explanation.get("all_switched"), explanation.get("smallest")
    if base["level"] in CLOSED and not live(explanation):
        return "There is no gap to close."
    if smallest and smallest["names"]:
        only = "" if len(smallest["names"]) > 1 else "only "
        where = "on fresh draws" if smallest["fresh"] else "on the draws of the search; fresh ones were not fitted"
        told = smallest["fresh"] or smallest["searched"]
        return f"With {only}{listed(smallest['names'])} switched {_whether(told)} ({told['level']} {where})."
    if together is None:
        return "Whether the gap closes was not measured."
    return f"With all live differences switched {_whether(together)} ({together['level']})."


def _whether(close: Plain) -> str:
    if close["level"] == "open":
        return "these draws do not tell whether the gap closes"
    return "the gap closes" if close["level"] in CLOSED else "the gap does not close"


def interaction_words(each: Plain, draws: int) -> str:
    """What two differences do together beyond what each does by itself."""
    return f"{each['first']} with {each['second']}: {effect_words(each['accuracy'], draws)}"


def scatter_words(explanation: Plain) -> str:
    """What sides that do not repeat themselves scatter by; empty where both do, or where it was not looked at."""
    found = [(explanation[end], value) for end, value in (explanation.get("scatter") or {}).items() if value]
    told = [
        f"{name} does not repeat itself: fitted twice to the same rows from the same seed, its accuracy scatters by "
        f"{value:.4f} (standard deviation)"
        for name, value in found
    ]
    return f"{'; '.join(told)}. No switch can close what lies within that." if told else ""


def remaining_words(explanation: Plain) -> str:
    """What first updates or fits still show with everything switched; empty where they were not looked at."""
    found = explanation.get("remaining")
    if not found:
        return ""
    which = f"{found.get('what', 'first updates')} on draw {found['draw']}"
    where = f"With everything switched the {which}" if live(explanation) else f"The {which}"
    if found["parts"]:
        first, *others = (f"{each['name']} ({each['left']}; {each['right']})" for each in found["parts"])
        rest = f", then in {listed(others)}" if others else ""
        return f"{where} still part, first in {first}{rest}."
    return f"{where} agree in all that both sides show of them: {listed(found['compared'])}."


def beside_words(explanation: Plain) -> str:
    """What else is to be known of shares and of what is left; empty where nothing is."""
    shared, draws = explanation.get("shared_draws"), draws_of(explanation)
    over = ""
    if shared is not None and shared < draws:
        over = (
            f"Shares are over {shared:,} of {counted(draws, 'draw')}: the others lack a fit under some set of switches."
        )
    said = [stopped(text) for text in explanation.get("said") or []]
    return " ".join(text for text in (remaining_words(explanation), scatter_words(explanation), over, *said) if text)


def switched_words(difference: Plain, explanation: Plain) -> str:
    """On which engine a difference was switched, and how; empty where it was not."""
    end = difference["switched"]
    return f"on {explanation[end]}: {difference['how']}" if end else ""


def recipe_words(recipe: Plain, explanation: Plain) -> str:
    """What the code of a recipe gives, and whether it was run."""
    towards = explanation["left" if recipe["end"] == "right" else "right"]
    promised = f"On draw {recipe['draw']} it gives accuracy {accuracy(recipe['accuracy'])}"
    if recipe.get("shipped") is not None:
        promised += f" ({accuracy(recipe['shipped'])} as shipped)"
    there = listed([f"'{name}'" for name in recipe.get("changed_there") or ()])
    which = f", with {there} changed there," if recipe.get("changed_there") else ""
    against = f"{towards}{which} has {accuracy(recipe['target'])}"
    if recipe["verified"]:
        return f"{promised}; {against}. It was run as it stands here before it was shown."
    return f"It was not verified. {promised}; {against}." if recipe["accuracy"] is not None else "It was not verified."


def cost_words(explanation: Plain) -> str:
    """How long it took, and where that time went."""
    seconds, inside = explanation["seconds"], explanation["inside"]
    # Workers fit side by side, so that more seconds can be spent inside than pass.
    spent = f"; {inside:,.1f} s inside the frameworks, summed over workers" if inside else ""
    if not explanation["cells"]:
        return f"{seconds:,.1f} s; every fit was in the store"
    return f"{counted(explanation['cells'], 'fit')} in {seconds:,.1f} s{spent}"


def unfinished(explanation: Plain) -> str:
    """Why an explanation is the best one so far, and what is missing; empty where it is complete."""
    if explanation["status"] == "complete":
        return ""
    return sentence(explanation["status_note"] or UNFINISHED[explanation["status"]])


def share_rows(group: Sequence[Plain], names: Iterable[str]) -> list[list[str]]:
    """Rows of a table over sizes: each difference with its share, then what is left, the gap, and how it closes."""
    fitted = [each for each in group if each.get("base")]
    rows = []
    for name in names:
        cells = []
        for each in fitted:
            found = next((d for d in each["differences"] if d["name"] == name), None)
            if found is None:
                cells.append("not found")
            elif found["status"] != "live":
                cells.append(found["status"])
            elif found["share"] is None:
                cells.append("no share yet")
            else:
                cells.append(signed(found["share"]["accuracy"]["mean"]) + (" ●" if found["in_smallest"] else ""))
        rows.append([name, *cells])
    left = [signed(e["remainder"]["accuracy"]["mean"]) if e.get("remainder") else "–" for e in fitted]
    rows.append(["unexplained", *left])
    rest = [not_shared(e) if e.get("remainder") else 0.0 for e in fitted]
    if any(rest):
        rows.append(["not shared out", *(signed(each) if each else "–" for each in rest)])
    rows.append(["gap", *(signed(e["base"]["gap"]["mean"]) for e in fitted)])
    rows.append(["all switched", *(_closes(e.get("all_switched")) for e in fitted)])
    return rows


def not_shared(e: Plain) -> float:
    """What of the gap is neither a share nor left; 0 where it would not be seen. Shares may be of fewer draws."""
    told = [each["accuracy"]["mean"] for each in (*(d["share"] for d in live(e)), e.get("remainder")) if each]
    rest = float(e["base"]["right"] - e["base"]["left"] - sum(told))
    return rest if abs(rest) > VISIBLE else 0.0


def _closes(close: Plain | None) -> str:
    if close is None:
        return "–"
    return "closes" if close["level"] in CLOSED else "open" if close["level"] == "open" else "not closed"


def versions(environment: Plain) -> list[tuple[str, str]]:
    """What ran: parity, the languages, and every package that the environment names."""
    r = environment.get("r") or {}
    ran = {"parity": environment.get("parity"), "Python": environment.get("python"), "R": r.get("version")}
    ran |= {"Java": environment.get("java"), **(environment.get("packages") or {})}
    return [(name, str(version)) for name, version in ran.items() if version]


FILTERS = {
    "accuracy": accuracy,
    "signed": signed,
    "p": p_words,
    "listed": listed,
    "counted": counted,
    "sentence": sentence,
    "stopped": stopped,
    "capital": lambda text: text[:1].upper() + text[1:],
}
"Name in a template -> the words that it makes."
