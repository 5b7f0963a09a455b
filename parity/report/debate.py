"""The document of the debate of 2017: every guess and claim with its verdict, and first what nobody guessed."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.compare.equivalence import Paired
from parity.compare.guess import (
    RULES,
    Says,
    of_as_good,
    of_cause,
    of_same,
    share,
    strongest,
    verdict,
)
from parity.compare.verdict import Comparison, Kind
from parity.debate import ARMS, Claim
from parity.report.debate_facts import facts
from parity.report.debate_findings import findings, nobody_guessed
from parity.report.debate_trials import Gap, Told, closing, gap_of, trials_of
from parity.report.document import SCHEMA, study_part

if TYPE_CHECKING:
    from parity.debate_fits import Debated

Plain = dict[str, Any]


def debate_document(found: Debated, environment: Plain, words: Sequence[str]) -> Plain:
    """The document of kind "debate". words: the command line that measures all of it again."""
    guesses = [_guess(claim, found, [*words, "--claim", claim.name]) for claim in found.claims]
    comparisons = [comparison for guess in guesses for comparison in _comparisons(guess, found)]
    explained = found.explanations
    return {
        "schema": SCHEMA,
        "kind": "debate",
        "environment": environment,
        "study": study_part(found.study, found.data, found.draws),
        "engines": dict(found.engines),
        "nobody_guessed": nobody_guessed(explained, found.study.margin),
        "findings": findings(explained, found.study.margin),
        "unexplained": found.unexplained,
        "guesses": guesses,
        "arms": [_arm(name, found) for name in found.fits],
        "explanations": list(explained),
        "rules": RULES,
        "not_run": list(found.idle),
        "failed": dict(found.failed),
        "rerun": shlex.join(words),
        "comparisons": comparisons,
        "counts": dict(Counter(comparison["verdict"] for comparison in comparisons)),
    }


def _guess(claim: Claim, found: Debated, words: Sequence[str]) -> Plain:
    lacking = _lacking(claim, found)
    told = [] if lacking else trials_of(claim, found)
    gap = None if lacking or claim.gap is None else gap_of(claim, found)
    deciding = [each for each in told if each.trial.role == "decides"]
    sizes = found.study.protocol.sizes
    by_size = [_size(n, claim, deciding, gap) for n in sizes] if deciding else []
    word = verdict([Says(each["says"]) for each in by_size]) if by_size else "not run"
    entry = {
        "name": claim.name,
        "claim": claim.claim,
        "whose": claim.whose,
        "kind": claim.kind,
        "verdict": word,
        "not_run": lacking,
        "gap": claim.gap_words or None,
        "by_size": by_size,
        "trials": [_trial(each, claim, gap) for each in told],
        "facts": [] if lacking else facts(claim, found),
        "covers": list(claim.covers),
        "because": claim.because,
        "rerun": shlex.join(words),
    }
    return {**entry, "sentence": _sentence(entry)}


def _lacking(claim: Claim, found: Debated) -> str:
    """Why a claim cannot be judged, or nothing."""
    needed = [arm for t in claim.trials for arm in (t.before, t.after) if t.role == "decides"] + [*(claim.gap or ())]
    reasons = dict.fromkeys(found.lacking[arm] for arm in needed if arm in found.lacking)
    empty = dict.fromkeys(ARMS[arm].label for arm in needed if arm not in found.lacking and not found.fits.get(arm))
    told = [*reasons, *(f"{label}: no fit was made" for label in empty)]
    if not told and claim.source == "explanation" and not found.explanations:
        told = [found.unexplained or "the explanation was not asked for"]
    if not told and claim.source == "explanation" and not closing(found):
        told = ["the time was up before all differences were switched at once; the same command goes on from there"]
    if not told and claim.source == "robustness" and not found.parts.get("gap"):
        told = ["the way from R's glm to LIBLINEAR was not measured"]
    return "; ".join(told)


# As it stands in the document.


def _says(claim: Claim, told: Told, n: int, gap: Gap | None) -> Says:
    effect = told.at(n)
    assert effect is not None
    match claim.kind:
        case "cause":
            if gap is None:
                return of_cause(effect, None)
            return of_cause(effect, gap.beside(told, n), gap.is_missed(told, n))
        case "same":
            return of_same(effect)
        case "as good":
            return of_as_good(effect)


def _size(n: int, claim: Claim, deciding: Sequence[Told], gap: Gap | None) -> Plain:
    said = [(each, effect, _says(claim, each, n, gap)) for each in deciding if (effect := each.at(n)) is not None]
    word = strongest([word for _, _, word in said]) if claim.kind == "cause" else said[0][2] if said else Says.OPEN
    if len(said) < len(deciding) and word in (Says.NONE, Says.SHORT):
        word = Says.OPEN  # a trial that was not made may have an effect
    told = max((s for s in said if s[2] is word), key=lambda s: abs(s[1].paired.mean), default=next(iter(said), None))
    to_close = gap.told.at(n) if gap else None
    closed = share(told[1], gap.beside(told[0], n)) if told and gap else None
    return {
        "n": n,
        "says": str(word),
        "trial": told[0].trial.name if told else None,
        "effect": _ends(told[1].paired) if told else None,
        "draws": told[1].paired.draws if told else 0,
        "identical": told[1].is_identical if told else False,
        "gap": _ends(to_close.paired) if to_close else None,
        "closed": closed,
    }


def _trial(told: Told, claim: Claim, gap: Gap | None) -> Plain:
    rows = zip(told.sizes, told.tested, told.means, told.log_loss, told.alike, strict=True)
    judged = told.trial.role != "control"
    return {
        "name": told.trial.name,
        "what": told.trial.what,
        "before": ARMS[told.trial.before].label,
        "after": ARMS[told.trial.after].label,
        "role": told.trial.role,
        "by_size": [
            {
                "n": n,
                "draws": effect.paired.draws,
                "before": means[0] if means else None,
                "after": means[1] if means else None,
                "accuracy": _ends(effect.paired),
                "log_loss": None if loss is None else _ends(loss),
                "p": effect.p,
                "p_equivalent": effect.p_equivalent,
                "alike": alike,
                "says": str(_says(claim, told, n, gap)) if judged else None,
            }
            for n, effect, means, loss, alike in rows
        ],
    }


def _ends(found: Paired) -> Plain:
    return {"mean": found.mean, "low": found.low, "high": found.high}


def _sentence(entry: Plain) -> str:
    """Claim, verdict, and what each size shows."""
    from parity.report.debate_words import size_words

    lead = f"{entry['claim']}: {entry['verdict']}"
    if entry["not_run"]:
        return f"{lead} ({entry['not_run']})."
    if not entry["by_size"]:
        return f"{lead}. The gap is not explained as far as that yet."
    what = {trial["name"]: trial["what"] for trial in entry["trials"]}
    lines = [size_words(each, entry, what) for each in entry["by_size"]]
    return f"{lead}. {'; '.join(lines)}."


def _arm(name: str, found: Debated) -> Plain:
    """What one arm reached: mean accuracy and epochs really done, by size."""
    points: list[Plain] = []
    for n in found.study.protocol.sizes:
        fits = [fit for place, fit in found.fits[name].items() if place[0] == n]
        epochs = [fit.epochs for fit in fits if fit.epochs is not None]
        if fits:
            accuracies = np.array([fit.accuracy for fit in fits])
            p10, p90 = np.quantile(accuracies, [0.1, 0.9])
            spread = {"mean": float(accuracies.mean()), "p10": float(p10), "p90": float(p90)}
            points.append({"n": n, "draws": len(fits), **spread, "epochs": float(np.mean(epochs)) if epochs else None})
    arm = ARMS[name]
    pinned = {key: value for key, value in arm.pinned.items() if value is not None}
    return {
        "name": name,
        "label": arm.label,
        "engine": found.engines.get(name),
        "method": arm.method,
        "pinned": {k: list(v) if isinstance(v, tuple) else v for k, v in pinned.items()},
        "overrides": arm.overrides,
        "reproducible": arm.repeat is not None,
        "points": points,
    }


def _comparisons(guess: Plain, found: Debated) -> list[Plain]:
    """One for each size of each trial that decides, so that two documents of the debate can be told apart."""
    made = []
    for trial in guess["trials"]:
        for each in trial["by_size"] if trial["role"] == "decides" else ():
            low, high = each["accuracy"]["low"], each["accuracy"]["high"]
            same = each["alike"] is not None and each["alike"] == each["draws"]
            within = low is not None and max(-low, high) < found.study.margin
            real = low is not None and low * high > 0
            kind = Kind.IDENTICAL if same else Kind.EQUIVALENT if within else Kind.DIFFERENT_EXPLAINED
            made.append(
                Comparison(
                    left=trial["before"],
                    right=trial["after"],
                    what=f"{guess['name']}: test accuracy at n = {each['n']}",
                    verdict=kind if same or within or real else Kind.INCONCLUSIVE,
                    reason=trial["what"],
                    left_value=each["before"],
                    right_value=each["after"],
                    gap=each["accuracy"]["mean"],
                    tolerance=found.study.margin,
                    tolerance_reason="margin of accuracy",
                    rerun=guess["rerun"],
                ).document()
            )
    return made
