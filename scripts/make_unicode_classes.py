#!/usr/bin/env python3
"""Write src/tokenizer/unicode_classes.h: the letters, numbers and white space of Hugging Face `tokenizers`;
or src/tokenizer/word_characters.h: the characters that are part of a word where an added token is `single_word`.

The script gives each code point to the pre-tokenizer of `tokenizers`, or puts it next to an added token, so that the classes are
those of its regular-expression engines, whatever Unicode version PCRE2 or Python has. Needs: tokenizers.

usage: make_unicode_classes.py classes > src/tokenizer/unicode_classes.h
       make_unicode_classes.py words > src/tokenizer/word_characters.h
"""
import sys
import textwrap

import tokenizers
from tokenizers import AddedToken, Tokenizer, models
from tokenizers.pre_tokenizers import ByteLevel

SURROGATES = range(0xD800, 0xE000)
split = ByteLevel(add_prefix_space=False, use_regex=True).pre_tokenize_str


def class_of(character):
    """The pre-tokenizer joins two letters, two numbers or two signs; it joins white space with none of them."""
    for name, neighbour in (("letters", "a"), ("numbers", "1"), ("signs", "!")):
        if len(split(neighbour + character)) == 1:
            return name
    return "white space"


def ranges_of(wanted, classes):
    ranges = []
    for code_point, name in classes:
        if name != wanted:
            continue
        if ranges and ranges[-1][1] == code_point - 1:
            ranges[-1][1] = code_point
        else:
            ranges.append([code_point, code_point])
    return ranges


def print_table(name, wanted, classes):
    ranges = ranges_of(wanted, classes)
    print(f"\n/** {len(ranges)} ranges, {sum(b - a + 1 for a, b in ranges):,} code points. */")
    print(f"static const char *const {name}[] = {{")
    texts = (f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in ranges)
    for line in textwrap.wrap(" ".join(texts), 113, break_on_hyphens=False):
        print(f'    "{line}",')
    print("    NULL};")


def probe(text_of, **flags):
    """The code points (in order, as a set) that an added token `ab` with these flags is not found beside."""
    tokenizer = Tokenizer(models.BPE({"unreachable": 0}, []))
    tokenizer.add_tokens([AddedToken("ab", **flags)])
    return {c for c in range(0x110000) if c not in SURROGATES and tokenizer.encode(text_of(chr(c))).ids == []}


def stripped():
    """The code points that rstrip takes: the token's offsets end after them."""
    tokenizer = Tokenizer(models.BPE({"unreachable": 0}, []))
    tokenizer.add_tokens([AddedToken("ab", rstrip=True)])
    return {c for c in range(0x110000) if c not in SURROGATES and tokenizer.encode("ab" + chr(c)).offsets[0][1] == 3}


def print_classes():
    classes = [(c, class_of(chr(c))) for c in range(0x110000) if c not in SURROGATES]
    print(f"""#ifndef LINNET_TEXT_UNICODE_CLASSES_H
#define LINNET_TEXT_UNICODE_CLASSES_H
/* Made by scripts/make_unicode_classes.py with tokenizers {tokenizers.__version__}; do not edit.
 *
 * What \\p{{L}}, \\p{{N}} and \\s mean to the regular-expression engine of `tokenizers`, as hexadecimal ranges of code
 * points. PCRE2's own classes differ: its \\s has U+180E, and its letters and numbers are those of the Unicode version
 * that the installed PCRE2 was built with. */
// clang-format off
#include <stddef.h>""")
    print_table("LETTERS", "letters", classes)
    print_table("NUMBERS", "numbers", classes)
    print_table("WHITE_SPACE", "white space", classes)
    print("// clang-format on\n\n#endif")


def print_words():
    words = probe(lambda character: "ab" + character, single_word=True)
    assert words == probe(lambda character: character + "ab", single_word=True)
    assert stripped() == {c for c in range(0x110000) if c not in SURROGATES and class_of(chr(c)) == "white space"}
    ranges = ranges_of(True, [(c, True) for c in sorted(words)])
    print(f"""#ifndef LINNET_TEXT_WORD_CHARACTERS_H
#define LINNET_TEXT_WORD_CHARACTERS_H
/* Made by scripts/make_unicode_classes.py with tokenizers {tokenizers.__version__}; do not edit.
 *
 * What `tokenizers` takes for part of a word beside an added token: \\w of its regular-expression engine (letters, marks,
 * digits, connectors such as the underscore, joiners), as ranges of code points. */
// clang-format off
#include <stdint.h>

/** {len(ranges)} ranges, {len(words):,} code points. */
static const uint32_t WORD[][2] = {{""")
    for line in textwrap.wrap(" ".join(f"{{0x{a:X},0x{b:X}}}," for a, b in ranges), 115, break_on_hyphens=False):
        print(f"    {line}")
    print("};\n// clang-format on\n\n#endif")


if sys.argv[1:] not in (["classes"], ["words"]):
    sys.exit(__doc__)
print_classes() if sys.argv[1] == "classes" else print_words()
