#ifndef LINNET_REPORT_CARD_SECTIONS_H
#define LINNET_REPORT_CARD_SECTIONS_H
/** The parts of a model card, in its order. The stream's error flag tells of failures. Not collective. */
#include "linnet/report/model_card.h"
#include <stdio.h>

/** The YAML front matter between two lines `---`: what ModelCardData of huggingface_hub reads. */
void card_front_matter(FILE *file, const ModelCard *card);
/** Title, what the model is, its scores. */
void card_summary(FILE *file, const ModelCard *card);
/** How to load it: Python and a shell's command that work in the folder that holds it. */
void card_usage(FILE *file, const ModelCard *card);
/** A table of the labels, with precision, recall, F1 and support where the model was evaluated. */
void card_labels(FILE *file, const ModelCard *card);
void card_data(FILE *file, const ModelCard *card);
/** Hyperparameters as in Trainer's cards. */
void card_training(FILE *file, const ModelCard *card);
/** The evaluations during training, if there was more than one: at most 50 rows, the last one among them. */
void card_evaluations(FILE *file, const ModelCard *card);
/** What made it: program, ranks, run, digest. */
void card_origin(FILE *file, const ModelCard *card);

/** The title and the way to use it of a language model. */
void card_language_summary(FILE *file, const ModelCard *card);
void card_language_usage(FILE *file, const ModelCard *card);

/** The name of the model's folder; points into `room`. */
const char *card_folder(const ModelCard *card, char room[4096]);
/** What the model was made from, with a link to the hub where it is known there. */
void card_base(FILE *file, const ModelCard *card);

#endif
