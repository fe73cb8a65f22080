#ifndef LINNET_REPORT_CARD_TEXT_H
#define LINNET_REPORT_CARD_TEXT_H
/** Texts of users in a model card, so that none of them can break its YAML, Markdown, Python or shell. The stream's
 *  error flag tells of failures. Not collective. */
#include "linnet/evaluate/class_scores.h"
#include <stdio.h>

/** In double quotes, with the escapes of JSON: a string of YAML and of Python, too. Bytes that are not UTF-8 become
 *  U+FFFD. */
void card_quoted(FILE *file, const char *text);

/** As Markdown shows it, also in a table. */
void card_plain(FILE *file, const char *text);

/** As one word of a shell. */
void card_word(FILE *file, const char *text);

/** A score with four digits and its interval with two. */
void card_interval(FILE *file, const Interval *score);

/** The last part of a path; that of its absolute path where it ends in `/`, `.` or `..`. Points into `room`. */
const char *card_name(const char *path, char room[4096]);

#endif
