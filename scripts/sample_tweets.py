"""Synthetic tweets with a sentiment, from templates, for make_sample.py.

The words of a tweet do not decide its label: negation, questions, reports and irony change it, mixed tweets have the label of
the clause after the "but", and a few labels are wrong, as in real data."""
import random
import re

LIKED = """great|amazing|awesome|lovely|fun|perfect|brilliant|so good|fantastic|sweet|gorgeous|hilarious|delicious|cute|
beautiful|cool|nice|super|adorable|wonderful|epic|cozy|inspiring|excellent|charming""".replace("\n", "").split("|")
DISLIKED = """awful|terrible|boring|so bad|horrible|lame|annoying|rubbish|dreadful|gross|painful|creepy|sad|ugly|slow|
disgusting|stupid|a mess|depressing|nasty|cold and wet|broken|pathetic|useless|tiring""".replace("\n", "").split("|")
PLAIN = """long|new|blue|early|red|online|on tv|at the mall|downtown|closed on mondays|on page 3|in the kitchen|
on the other channel|about two hours|for adults|made in spain|the second one|free on sunday""".replace("\n", "").split("|")
THING = """movie|show|concert|game|phone|laptop|coffee|lunch|dinner|weather|trip|party|class|book|song|album|dress|
haircut|meeting|exam|traffic|train|bus|hotel|beach|garden|kitchen|office|website|update|camera|pizza|sushi|cake|soup|
playlist|podcast|gym|lecture|match|flight|car|bike|sofa|neighbourhood""".replace("\n", "").split("|")
PERSON = """my mom|my sister|my boss|my roommate|the dog|my cat|my brother|my best friend|the teacher|my neighbour|
grandma|the whole class|my little cousin|this guy|the band""".replace("\n", "").split("|")
GOOD_NEWS = """got the job|passed my exam|won the game|found my keys|got free tickets|have the day off|met an old friend|
slept ten hours|finished my essay|got a puppy|am going to the beach|got a raise|saw a double rainbow|made new friends|
fixed my bike|got flowers|finally beat that level|had breakfast in bed""".replace("\n", "").split("|")
BAD_NEWS = """lost my wallet|failed my exam|missed the bus|broke my phone|have a headache|got sunburned|burned the toast|
have to work on sunday|got a parking ticket|spilled coffee on my laptop|am stuck at home|got dumped|hurt my back|
lost the game|deleted my essay|have no money left|forgot her birthday|got the flu""".replace("\n", "").split("|")
FACT = """am at the {t}|need a new {t}|am watching the {t}|am on my way to the {t}|have a {t} at {n}|am reading about the {t}|
will be back at {n}|just got home from the {t}|am changing my {t}|have {n} more pages to go|am cleaning the {t}|
saw {p} at the {t}|told {p} about the {t}|am writing about the {t}""".replace("\n", "").split("|")
QUESTION = """is the {t} {a}|does anyone know when the {t} starts|who thinks the {t} was {a}|what happened to the {t}|
did {p} like the {t}|where did you get that {t}|is it true that the {t} is {a}|how {a} is the {t} really|
anyone up for {t} at {n}|did you {v}""".replace("\n", "").split("|")
REPORT = """some say the {t} is {a}|{p} says the {t} is {a}|the review calls the {t} {a}|the poll is about whether the {t} is {a}|
new post: 10 reasons why the {t} is {a}|reading a story called "The {a} {t}"|"{a}" is the word of the day""".replace("\n", "").split("|")
DEEDS = ["see the match", "hear the news", "get my message", "watch the show", "call her back"]
LIKE = "love|adore|really like|enjoyed|can't get enough of|am so happy with|am excited about|am proud of".split("|")
DISLIKE = "hate|can't stand|am so tired of|am fed up with|am sick of|am worried about|regret|am done with".split("|")
IRONY = ("oh great|just what i needed|how lovely|well that's perfect|fantastic start of the day|yay me|best day ever|"
         "thanks a lot universe").split("|")
CHEER = "yay|woohoo|oh great|best day ever|finally|so happy|yes|omg".split("|")
SIGH = "ugh|sigh|oh no|argh|damn|so sad|omg|well".split("|")
HAPPY = [":)", ":D", "<3", "=)", "😀", "😍", "☀️", "xoxo", "#happy", "lol"]
UNHAPPY = [":(", ":'(", "-_-", "😢", "😡", "#fail", "#fml", "</3", "D:", "lol"]
EITHER = ["", "", "", "", "...", "!", "!!!", "lol", "haha", "#monday", "http://tinyurl.com/{x}", "@{u}", "&amp; more"]
NAMES = "anna|tom_b|ladygeek|mikey99|sunnyday|the_real_jo|kat3|djflow|robin|pixel".split("|")
OPENERS = ["", "", "", "", "", "@{u} ", "RT @{u}: ", "so ", "hmm ", "morning all. ", "just saying, ", "ok ", " "]
SLANG = [("you", "u"), ("are", "r"), ("really", "rly"), ("going to", "gonna"), ("because", "cuz"), ("and", "&"), ("so ", "soooo ")]


class Chance:
    """Random choices by random() only, since Python guarantees the values of no other method across versions."""

    def __init__(self, seed):
        self.random = random.Random(seed).random

    def below(self, count):
        return int(self.random() * count)

    def of(self, items):
        return items[self.below(len(items))]

    def hexadecimal(self, digits):
        return "".join(self.of("0123456789abcdef") for _ in range(digits))


def fill(chance, template):
    """The template with each {letter} replaced by a word of that kind."""
    draw = {"t": lambda: chance.of(THING), "p": lambda: chance.of(PERSON), "a": lambda: chance.of(LIKED + DISLIKED),
            "n": lambda: str(2 + chance.below(11)), "v": lambda: chance.of(DEEDS), "u": lambda: chance.of(NAMES),
            "x": lambda: chance.hexadecimal(6)}
    return re.sub(r"\{(\w)\}", lambda match: draw[match[1]](), template)


def opinion(chance, positive):
    """A clause that states an opinion."""
    thing = chance.of(["the {t}", "my {t}", "this {t}", "her {t}", "that {t}"])
    plain = positive if chance.random() < 0.8 else not positive
    word = chance.of(LIKED if plain else DISLIKED)
    if plain != positive:
        negated = ["isn't {w}", "was not {w}", "is not {w} at all", "never was {w}", "is far from {w}", "is anything but {w}"]
        return f"{thing} {chance.of(negated).replace('{w}', word)}"
    if chance.random() < 0.35:
        return f"i {chance.of(LIKE if positive else DISLIKE)} {thing}"
    return f"{thing} {chance.of(['is', 'was', 'looks', 'is really', 'is just', 'turned out'])} {word}"


def news(chance, positive):
    event = f"i {chance.of(GOOD_NEWS if positive else BAD_NEWS)}"
    if not positive and chance.random() < 0.35:
        return f"{chance.of(IRONY)}, {event}"
    if chance.random() < 0.4:
        return f"{chance.of(CHEER if positive else SIGH)}, {event}"
    return event


def feeling(chance, positive):
    return (news if chance.random() < 0.45 else opinion)(chance, positive)


def mixed(chance, positive):
    first, second = feeling(chance, not positive), feeling(chance, positive)
    return chance.of([f"{first} but {second}", f"{first}, still {second}", f"even though {first}, {second}", f"{second} although {first}"])


def neutral(chance):
    kind = chance.random()
    if kind < 0.35:
        return f"i {chance.of(FACT)}"
    if kind < 0.6:
        return chance.of(QUESTION) + "?"
    if kind < 0.8:
        return chance.of(REPORT)
    return f"the {{t}} is {chance.of(PLAIN)}"


def decorate(chance, text, label):
    """Add what people add to a sentence; it mostly fits the label."""
    mood = chance.random()
    if label != "neutral" and mood < 0.22:
        text += " " + chance.of(HAPPY if label == "positive" else UNHAPPY)
    elif mood < 0.27:
        text += " " + chance.of(HAPPY + UNHAPPY)
    else:
        text = f"{text} {chance.of(EITHER)}".rstrip(" ")
    text = fill(chance, chance.of(OPENERS) + text)
    if chance.random() < 0.15:
        text = text.replace(*chance.of(SLANG))
    if chance.random() < 0.05:
        text = text.upper()
    elif chance.random() < 0.3:
        text = text[:1].upper() + text[1:]
    return text


def tweet(chance):
    """One tweet: (text, label)."""
    draw = chance.random()
    label = "neutral" if draw < 0.40 else "positive" if draw < 0.71 else "negative"
    if label == "neutral":
        text = neutral(chance)
        if chance.random() < 0.3:
            text += chance.of([". ", ", ", " and "]) + neutral(chance)
    else:
        text = (mixed if chance.random() < 0.18 else feeling)(chance, label == "positive")
        if chance.random() < 0.25:
            text += chance.of([". ", "\n", " and "]) + f"i {chance.of(FACT)}"
    text = decorate(chance, text, label)
    if chance.random() < 0.04:
        label = chance.of(["negative", "neutral", "positive"])
    return text, label
