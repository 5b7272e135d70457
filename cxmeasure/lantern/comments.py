"""What customers write: comments made from hidden topics by a small grammar, and coders who label them.

Topics, phrases and habits of writing are tables beside this module. They are the same in every world; a
world shows only through the sentiment that is handed in.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cxmeasure.lantern.catalogue import read_parameters

Floats = NDArray[np.float64]
Strings = NDArray[np.str_]

DETAIL_SHARE: Final = 0.42
OPENER_SHARE: Final = 0.16
CLOSER_SHARE: Final = 0.20
TYPO_SHARE: Final = 0.22
CUT_SHARE: Final = 0.10
SMALL_INITIAL_SHARE: Final = 0.28
NO_STOP_SHARE: Final = 0.45
SHOUT_SHARE: Final = 0.012
SENTIMENT_SLOPE: Final = 1.2
_COLUMNS: Final = (
    "core",
    "detail",
    "second",
    "opener",
    "closer",
    "join",
    "slot_a",
    "slot_b",
    "slot_c",
    "has_detail",
    "has_opener",
    "has_closer",
    "has_typo",
    "typo_place",
    "typo_kind",
    "has_cut",
    "cut_place",
    "small_initial",
    "no_stop",
    "shout",
    "other_topic",
    "swap",
)


@cache
def _phrases(topic: str, part: str) -> tuple[str, ...]:
    rows = read_parameters("phrases")
    return tuple(rows.loc[(rows["topic"] == topic) & (rows["part"] == part), "text"])


@cache
def topic_names() -> tuple[str, ...]:
    """Return the hidden topics, in the order of ``parameters/topics.csv``."""
    return tuple(read_parameters("topics")["topic"])


@cache
def _topics_of(valence: int) -> tuple[str, ...]:
    rows = read_parameters("topics")
    return tuple(rows.loc[rows["valence"] == valence, "topic"])


def _pick(options: Sequence[str], luck: float) -> str:
    return options[int(luck * len(options))]


def draw_topics(sentiment: ArrayLike, rng: np.random.Generator) -> Strings:
    """Draw what each comment is about: bad topics where sentiment is low, good ones where it is high.

    Parameters
    ----------
    sentiment
        Satisfaction in standard deviations, one value a comment.
    rng
        Generator; one number a comment is drawn.

    Returns
    -------
    numpy.ndarray
        Topics by name.
    """
    rows = read_parameters("topics")
    score = np.asarray(sentiment, dtype=float)[:, None]
    weight = rows["weight"].to_numpy(dtype=float)
    tilted = weight * np.exp(SENTIMENT_SLOPE * score * rows["valence"].to_numpy(dtype=float))
    cumulative = np.cumsum(tilted, axis=1)
    drawn = rng.random((len(score), 1)) * cumulative[:, -1:]
    return np.asarray(np.array(topic_names())[(drawn >= cumulative).sum(axis=1)])


def write_comments(topics: ArrayLike, sentiment: ArrayLike, rng: np.random.Generator) -> Strings:
    """Write one comment for each topic.

    Parameters
    ----------
    topics
        Names as in `topic_names`.
    sentiment
        Satisfaction in standard deviations; it sets the tone, and the stronger the feeling the longer
        the comment.
    rng
        Generator; 22 numbers a comment are drawn, so that the first comments do not depend on later ones.

    Returns
    -------
    numpy.ndarray
        Texts; dull, cut short, misspelt or mixed as people write them.

    Examples
    --------
    >>> texts = write_comments(["chat-bot", "nothing to say"], [-1.0, 0.1], np.random.default_rng(4))
    >>> texts.shape
    (2,)
    """
    names = np.asarray(topics, dtype=str)
    feelings = np.asarray(sentiment, dtype=float)
    luck = rng.random((len(names), len(_COLUMNS)))
    written = [
        _one_comment(str(name), float(feeling), dict(zip(_COLUMNS, numbers, strict=True)))
        for name, feeling, numbers in zip(names, feelings, luck.tolist(), strict=True)
    ]
    return np.array(written, dtype=object).astype(str)


def _one_comment(topic: str, sentiment: float, luck: dict[str, float]) -> str:
    if topic == "nothing to say":
        return _pick(_phrases(topic, "whole"), luck["core"])
    body = _mixed(luck) if topic == "mixed feelings" else _single(topic, sentiment, luck)
    framed = _framed(body, _tone(topic, sentiment), luck)
    return _as_typed(_filled(framed, luck), luck)


def _single(topic: str, sentiment: float, luck: dict[str, float]) -> str:
    body = _pick(_phrases(topic, "core"), luck["core"])
    if luck["has_detail"] < DETAIL_SHARE + 0.12 * abs(sentiment):
        body += _continued("join", _pick(_phrases(topic, "detail"), luck["detail"]), luck)
    return body


def _mixed(luck: dict[str, float]) -> str:
    good = _pick(_phrases(_pick(_topics_of(1), luck["other_topic"]), "core"), luck["core"])
    bad = _pick(_phrases(_pick(_topics_of(-1), luck["second"]), "core"), luck["detail"])
    first, then = (good, bad) if luck["swap"] < 0.6 else (bad, good)
    return first + _continued("join_mixed", then, luck)


def _continued(part: str, clause: str, luck: dict[str, float]) -> str:
    join = _pick(_phrases("any", part), luck["join"])
    return join.replace("{}", _capital(clause) if join in {". {}", "... {}"} else clause)


def _tone(topic: str, sentiment: float) -> str:
    """Return the tone of openers and closers: nobody says "Great" of a late paper, however content."""
    if topic in _topics_of(-1) and sentiment < 0.5:
        return "negative"
    return "positive" if topic in _topics_of(1) and sentiment > -0.5 else "middling"


def _framed(body: str, tone: str, luck: dict[str, float]) -> str:
    if luck["has_opener"] < OPENER_SHARE:
        body = _pick(_phrases("any", f"opener_{tone}"), luck["opener"]).replace("{}", body)
    if luck["has_closer"] < CLOSER_SHARE:
        body = _pick(_phrases("any", f"closer_{tone}"), luck["closer"]).replace("{}", body)
    return body


def _filled(text: str, luck: dict[str, float]) -> str:
    """Fill the slots one after the other, each with the next of three numbers."""
    for turn in range(text.count("{")):
        start = text.find("{")
        name = text[start + 1 : text.find("}")]
        chosen = _pick(_phrases("any", f"slot_{name}"), luck["slot_" + "abc"[turn % 3]])
        text = text.replace("{" + name + "}", chosen, 1)
    return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _as_typed(text: str, luck: dict[str, float]) -> str:
    """Apply the habits of writing: small initials, no full stop, half sentences, typos, shouting."""
    if luck["small_initial"] >= SMALL_INITIAL_SHARE:
        text = _capital(text)
    if luck["has_cut"] < CUT_SHARE:
        words = text.split(" ")
        text = " ".join(words[: max(3, int(len(words) * (0.45 + 0.5 * luck["cut_place"])))])
    elif luck["no_stop"] >= NO_STOP_SHARE and text[-1].isalnum():
        text += "."
    if luck["has_typo"] < TYPO_SHARE:
        text = _misspelt(text, luck)
    return text.upper() if luck["shout"] < SHOUT_SHARE else text


def _misspelt(text: str, luck: dict[str, float]) -> str:
    """Swap, drop or double a letter inside a word."""
    inside = [
        place
        for place in range(1, len(text) - 2)
        if text[place - 1 : place + 2].isalpha() and not text[place - 1].isupper()
    ]
    if not inside or "<" in text:
        return text
    place = inside[int(luck["typo_place"] * len(inside))]
    pair = text[place : place + 2]
    kinds = (pair[::-1], pair[1], pair[0] + pair)
    return text[:place] + kinds[int(luck["typo_kind"] * 3)] + text[place + 2 :]


def confusion_matrix(correct: float, confused: float) -> Floats:
    """Return how a coder labels, true topics by labels.

    Parameters
    ----------
    correct
        Chance that a coder gives the true topic.
    confused
        Chance of the topic it is easily taken for; what is left is spread over all the others.
    """
    rows = read_parameters("topics")
    n_topics = len(rows)
    matrix = np.full((n_topics, n_topics), (1 - correct - confused) / (n_topics - 2))
    nearest = [topic_names().index(name) for name in rows["confused_with"]]
    matrix[np.arange(n_topics), nearest] = confused
    matrix[np.arange(n_topics), np.arange(n_topics)] = correct
    return matrix


def label_texts(
    topics: ArrayLike,
    rng: np.random.Generator,
    *,
    confusion: Floats | None = None,
    coders: Sequence[str] = ("a", "b"),
) -> pd.DataFrame:
    """Let coders label texts independently of one another.

    Parameters
    ----------
    topics
        The true topics by name.
    rng
        Generator.
    confusion
        True topics by labels, rows sum to 1; by default ``confusion_matrix(0.87, 0.09)``, under which two
        coders agree with a kappa of about .75.
    coders
        Their names.

    Returns
    -------
    pandas.DataFrame
        One row a text, one column a coder: ``label_coder_a``, ``label_coder_b``.
    """
    matrix = confusion_matrix(0.87, 0.09) if confusion is None else confusion
    numbers = pd.Index(topic_names()).get_indexer(pd.Index(np.asarray(topics, dtype=str)))
    cumulative = np.cumsum(matrix, axis=1)[numbers]
    drawn = rng.random((len(numbers), len(coders))) * cumulative[:, -1:]
    labels = (drawn[:, :, None] >= cumulative[:, None, :]).sum(axis=2)
    names = np.asarray(topic_names())
    return pd.DataFrame({f"label_coder_{name}": names[labels[:, turn]] for turn, name in enumerate(coders)})
