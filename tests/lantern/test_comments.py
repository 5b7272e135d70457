"""Comments read as people write, follow their hidden topic, and are labelled with honest disagreement."""

import re

import numpy as np
import pytest

from cxmeasure.lantern import comments
from cxmeasure.lantern.catalogue import read_parameters

N_COMMENTS = 2500


def made(seed: int = 3, n_comments: int = N_COMMENTS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sentiment = rng.standard_normal(n_comments)
    topics = comments.draw_topics(sentiment, rng)
    return topics, sentiment, comments.write_comments(topics, sentiment, rng)


def kappa(first: np.ndarray, second: np.ndarray) -> float:
    labels = np.unique(np.concatenate([first, second]))
    chance = sum(np.mean(first == label) * np.mean(second == label) for label in labels)
    return float((np.mean(first == second) - chance) / (1 - chance))


def test_every_comment_has_words_or_at_least_a_mark_and_no_open_slot() -> None:
    _, _, texts = made()
    lengths = np.char.str_len(texts)
    print(
        f"different texts {len(set(texts.tolist()))} of {len(texts)}, median length {np.median(lengths):.0f}"
    )
    assert lengths.max() < 250
    assert lengths.min() >= 1
    assert not [text for text in texts if re.search(r"[{}]", text)]
    assert len(set(texts.tolist())) > 0.75 * len(texts)


def test_the_same_generator_writes_the_same_and_first_comments_do_not_depend_on_later_ones() -> None:
    topics, sentiment, _ = made()
    whole = comments.write_comments(topics, sentiment, np.random.default_rng(8))
    part = comments.write_comments(topics[:100], sentiment[:100], np.random.default_rng(8))
    assert (whole[:100] == part).all()


def test_awkward_characters_occur_and_emoji_do_not() -> None:
    text = "\n".join(made()[2])
    assert all(mark in text for mark in ('"', ",", "<b>", "€", "é", "½", "ë", ";"))
    assert max(map(ord, text)) < 0x2100, "no emoji"


def test_dull_comments_are_short_and_mixed_ones_have_two_halves() -> None:
    topics, _, texts = made()
    dull, mixed = np.char.str_len(texts[topics == "nothing to say"]), texts[topics == "mixed feelings"]
    print(f"dull {np.mean(topics == 'nothing to say'):.2f}, mixed {np.mean(topics == 'mixed feelings'):.2f}")
    assert dull.max() < 30
    assert (
        np.mean([bool(re.search(r"(?i)but|although|still|only|other hand|;|-", text)) for text in mixed])
        > 0.7
    )


def test_some_comments_are_misspelt_cut_or_start_small() -> None:
    topics = np.repeat("articles liked", 1000)
    tidy = set(read_parameters("phrases")["text"])
    texts = comments.write_comments(topics, np.zeros(1000), np.random.default_rng(5))
    small = np.mean([text[0].islower() for text in texts])
    verbatim = np.mean([any(phrase.lower()[:30] in text.lower() for phrase in tidy if len(phrase) > 12)
                        for text in texts])  # fmt: skip
    print(f"start with a small letter {small:.2f}; first words as in the table {verbatim:.2f}")
    assert 0.15 < small < 0.4
    assert 0.5 < verbatim < 0.98


def test_unhappy_customers_write_of_bad_things_and_happy_ones_of_good_things() -> None:
    topics, sentiment, _ = made()
    valence = read_parameters("topics").set_index("topic")["valence"].loc[topics].to_numpy()
    low, high = valence[sentiment < -1].mean(), valence[sentiment > 1].mean()
    print(f"mean valence: unhappy {low:+.2f}, happy {high:+.2f}; topics used {len(set(topics.tolist()))}")
    assert low < -0.5
    assert high > 0.5
    assert set(topics.tolist()) == set(comments.topic_names())


def test_two_coders_agree_with_a_kappa_of_three_quarters() -> None:
    values = []
    for seed in range(20):
        topics, _, _ = made(seed, 300)
        labels = comments.label_texts(topics, np.random.default_rng(seed))
        assert list(labels) == ["label_coder_a", "label_coder_b"]
        values.append(kappa(labels["label_coder_a"].to_numpy(), labels["label_coder_b"].to_numpy()))
    print(f"kappa {np.mean(values):.3f} (SD {np.std(values):.3f})")
    assert np.mean(values) == pytest.approx(0.75, abs=0.02)


def test_a_perfect_coder_gives_the_true_topic() -> None:
    topics, _, _ = made(1, 200)
    labels = comments.label_texts(
        topics, np.random.default_rng(1), confusion=comments.confusion_matrix(1.0, 0.0), coders=("x",)
    )
    assert (labels["label_coder_x"].to_numpy() == topics).all()


def test_every_topic_has_phrases_and_every_slot_a_filling() -> None:
    phrases = read_parameters("phrases")
    topics = read_parameters("topics")
    written = set(topics["topic"]) - {"mixed feelings", "nothing to say"}
    for part in ("core", "detail"):
        assert written == set(phrases.loc[phrases["part"] == part, "topic"])
    slots = {f"slot_{name}" for text in phrases["text"] for name in re.findall(r"{(\w+)}", text)}
    assert slots == {part for part in phrases["part"] if part.startswith("slot_")}
    assert set(topics["confused_with"]) <= set(topics["topic"])
    assert np.allclose(comments.confusion_matrix(0.87, 0.09).sum(axis=1), 1)
