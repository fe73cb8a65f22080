#!/usr/bin/env python3
"""Write src/text/unicode_classes.h: the letters, numbers and white space of Hugging Face `tokenizers`.

The script gives each code point to the pre-tokenizer of `tokenizers`, so that the classes are those of its regular-expression
engine, whatever Unicode version PCRE2 or Python has. Needs: tokenizers.

usage: make_unicode_classes.py > src/text/unicode_classes.h
"""
import textwrap

import tokenizers
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
