#ifndef LINNET_REPORT_BASE_MODEL_H
#define LINNET_REPORT_BASE_MODEL_H
/** What the model that training starts from is called on the Hugging Face Hub. Not collective. */
#include "linnet/model/model_config.h"
#include <stdbool.h>

enum { BASE_MODEL_TEXT = 256 };

/** True if the name is known, which `name` then has ("openai-community/gpt2"): from a folder of the hub's cache
 *  (models--OWNER--NAME), or where the folder is called as one of the published GPT-2 models and has its sizes. */
bool base_model_name(const char *path, const ModelConfig *config, char name[BASE_MODEL_TEXT]);

#endif
