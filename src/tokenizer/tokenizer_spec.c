/* Reading a tokenizer folder: which files there are, which class they are for, options. See tokenizer_spec.h. */
#include "linnet/tokenizer/tokenizer_spec.h"
#include "linnet/core/file.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/memory.h"
#include "tokenizer/spec_reader.h"
#include <limits.h>
#include <string.h>

static const char *const NAMES[] = {
    "tokenizer.json",          "vocab.json",        "merges.txt", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "config.json"};
_Static_assert(sizeof NAMES / sizeof *NAMES == SPEC_FILES, "a name for every file");

/* From here on a model_max_length stands for none, as for Transformers, which writes 1e30. */
#define LENGTH_LIMIT 1e20

Status spec_read_file(const char *path, char **text, size_t *size, Error *error) {
    if (file_read(path, text, size, error)) return error->status;
    const FileKind kind = file_kind(*text, *size);
    if (kind == FILE_KIND_OTHER) return STATUS_OK;
    const char *advice = file_kind_advice(kind);
    return error_set(error, STATUS_INPUT, "%s: %s%s%s", path, file_kind_name(kind), advice[0] ? ": " : "", advice);
}

const cJSON *spec_member(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item;
}

Status spec_refuse(const SpecReader *reader, SpecFile file, const char *key, const cJSON *value, const char *instead,
                   Error *error) {
    char *found = value ? cJSON_PrintUnformatted(value) : NULL;
    error_set(error, STATUS_INPUT, "%s: %s: expected %s, got %.120s", reader->paths[file], key, instead,
              found ? found : "nothing");
    cJSON_free(found);
    return error->status;
}

/* --- A folder without the files --- */

/* Files that other kinds of tokenizers have, and what to say of them. */
static const struct {
    const char *name, *what;
} OTHERS[] = {
    {"vocab.txt", "WordPiece, which BERT has"},
    {"tokenizer.model", "SentencePiece, which Llama and T5 have"},
    {"spiece.model", "SentencePiece, which T5 and XLNet have"},
    {"sentencepiece.bpe.model", "SentencePiece, which XLM-RoBERTa has"},
    {"spm.model", "SentencePiece, which DeBERTa has"},
    {"tiktoken.model", "tiktoken"},
    {"tekken.json", "Mistral's tekken"},
};

static Status refuse_folder(const char *folder, Error *error) {
    if (file_exists(folder) && !file_is_folder(folder))
        return error_set(error, STATUS_INPUT,
                         "%s: a file: give the folder that holds it and the tokenizer's other files", folder);
    if (!file_is_folder(folder))
        return error_set(error, STATUS_INPUT,
                         "%s: not a folder: a tokenizer is a folder with tokenizer.json, or vocab.json and merges.txt "
                         "(scripts/download_gpt2.py downloads gpt2)",
                         folder);
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        if (file_is_in(folder, OTHERS[i].name))
            return error_set(error, STATUS_INPUT,
                             "%s: has a tokenizer of another kind, %s (%s): linnet reads GPT-2's byte-level BPE, in "
                             "tokenizer.json, or in vocab.json and merges.txt",
                             folder, OTHERS[i].what, OTHERS[i].name);
    if (file_is_in(folder, "encoder.json") && file_is_in(folder, "vocab.bpe"))
        return error_set(error, STATUS_INPUT,
                         "%s: has OpenAI's names: rename encoder.json to vocab.json and vocab.bpe to merges.txt",
                         folder);
    return error_set(error, STATUS_INPUT,
                     "%s: has no tokenizer: expected tokenizer.json, or vocab.json and merges.txt%s", folder,
                     file_is_in(folder, "tokenizer") ? "; is it in the folder `tokenizer` there?" : "");
}

bool tokenizer_folder_has_one(const char *folder) {
    for (int i = SPEC_TOKENIZER; i <= SPEC_MERGES; i++)
        if (file_is_in(folder, NAMES[i])) return true;
    return false;
}

/* --- The files --- */

static Status load_tree(SpecReader *reader, SpecFile file, Error *error) {
    const char *path = reader->paths[file];
    char *text = NULL;
    size_t size = 0;
    cJSON **tree = &reader->trees[file];
    if (!spec_read_file(path, &text, &size, error) && !json_parse(tree, text, size, path, error) &&
        !json_refuse_repeats(*tree, text, path, error) && !cJSON_IsObject(*tree))
        error_set(error, STATUS_INPUT, "%s: expected a JSON object", path);
    memory_free(text);
    return error->status;
}

static Status open_files(SpecReader *reader, const char *folder, Error *error) {
    if (!file_is_folder(folder) || !tokenizer_folder_has_one(folder)) return refuse_folder(folder, error);
    reader->single = file_is_in(folder, NAMES[SPEC_TOKENIZER]);
    for (int i = 0; i < SPEC_FILES; i++) {
        reader->paths[i] = file_join(folder, NAMES[i], error);
        if (!reader->paths[i]) break;
        if (i >= SPEC_CONFIG && file_is_in(folder, NAMES[i]) && load_tree(reader, (SpecFile)i, error)) break;
    }
    return error->status;
}

static void close_files(SpecReader *reader) {
    for (int i = 0; i < SPEC_FILES; i++) {
        memory_free(reader->paths[i]);
        cJSON_Delete(reader->trees[i]);
    }
    vocabulary_destroy(reader->vocabulary);
}

/* --- Class and options --- */

static bool is_class(const char *name, const char *const *names) {
    for (; *names; names++)
        if (strcmp(name, *names) == 0) return true;
    return false;
}

/* The class that AutoTokenizer chooses: GPT2Tokenizer, or the plain one, which reads only tokenizer.json. Without a
 * class or a model to tell it by, the plain one where there is a tokenizer.json. */
static Status choose_class(SpecReader *reader, Error *error) {
    static const char *const GPT2[] = {"GPT2Tokenizer", "GPT2TokenizerFast", NULL};
    static const char *const PLAIN[] = {"PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer",
                                        "PythonBackend", NULL};
    const char *class = NULL, *model = NULL;
    SpecFile file = SPEC_CONFIG;
    if (json_get_text(reader->trees[SPEC_CONFIG], "tokenizer_class", &class, reader->paths[SPEC_CONFIG], error))
        return error->status;
    if (!class) {
        file = SPEC_MODEL;
        if (json_get_text(reader->trees[file], "tokenizer_class", &class, reader->paths[file], error) ||
            json_get_text(reader->trees[file], "model_type", &model, reader->paths[file], error))
            return error->status;
    }
    reader->gpt2 = class ? is_class(class, GPT2) : model ? strcmp(model, "gpt2") == 0 : !reader->single;
    if (class && !reader->gpt2 && !is_class(class, PLAIN))
        return error_set(error, STATUS_INPUT,
                         "%s: tokenizer_class: expected GPT2Tokenizer or PreTrainedTokenizerFast, got \"%s\"",
                         reader->paths[file], class);
    if (!class && model && !reader->gpt2)
        return error_set(error, STATUS_INPUT,
                         "%s: model_type: expected \"gpt2\", got \"%s\": if its tokenizer is GPT-2's, write "
                         "\"tokenizer_class\": \"GPT2Tokenizer\" into tokenizer_config.json",
                         reader->paths[SPEC_MODEL], model);
    if (!reader->gpt2 && !reader->single)
        return error_set(error, STATUS_INPUT, "%s: tokenizer_class: %s needs tokenizer.json, which is missing",
                         reader->paths[file], class);
    reader->spec->gpt2 = reader->gpt2;
    return STATUS_OK;
}

/* Keys that would bring another tokenizer than the files hold. */
static Status refuse_options(const SpecReader *reader, Error *error) {
    static const char *const KEYS[] = {"auto_map",         "init_inputs",    "tokenizer_object", "vocab",
                                       "merges",           "post_processor", "gguf_file",        "tokenizer_truncation",
                                       "tokenizer_padding"};
    const cJSON *config = reader->trees[SPEC_CONFIG], *file;
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        const cJSON *value = spec_member(config, KEYS[i]);
        const bool list = cJSON_IsArray(value) || cJSON_IsObject(value);
        if (value && (!list || value->child))
            return spec_refuse(reader, SPEC_CONFIG, KEYS[i], value, "it to be absent", error);
    }
    const cJSON *files = spec_member(config, "fast_tokenizer_files");
    cJSON_ArrayForEach(file, files) {
        if (!cJSON_IsString(file) || strcmp(file->valuestring, NAMES[SPEC_TOKENIZER]) != 0)
            return spec_refuse(reader, SPEC_CONFIG, "fast_tokenizer_files", files, "only tokenizer.json", error);
    }
    const cJSON *split = spec_member(config, "split_special_tokens");
    if (split && !cJSON_IsFalse(split))
        return spec_refuse(reader, SPEC_CONFIG, "split_special_tokens", split, "false", error);
    return STATUS_OK;
}

/* "left" or "right" in *left, which stays as it is where the key is absent. */
static Status read_side(const SpecReader *reader, const char *key, bool *left, Error *error) {
    const cJSON *side = spec_member(reader->trees[SPEC_CONFIG], key);
    if (!side) return STATUS_OK;
    const char *text = cJSON_IsString(side) ? side->valuestring : "";
    *left = strcmp(text, "left") == 0;
    if (*left || strcmp(text, "right") == 0) return STATUS_OK;
    return spec_refuse(reader, SPEC_CONFIG, key, side, "\"left\" or \"right\"", error);
}

static Status read_length(const SpecReader *reader, Error *error) {
    const cJSON *config = reader->trees[SPEC_CONFIG];
    const char *key = spec_member(config, "model_max_length") ? "model_max_length" : "max_len";
    const cJSON *length = spec_member(config, key);
    if (!length) return STATUS_OK;
    if (!cJSON_IsNumber(length) || length->valuedouble < 1)
        return spec_refuse(reader, SPEC_CONFIG, key, length, "a number of tokens from 1", error);
    if (length->valuedouble <= LENGTH_LIMIT)
        reader->spec->max_length = length->valuedouble < (double)INT32_MAX ? (int64_t)length->valuedouble : INT32_MAX;
    return STATUS_OK;
}

static Status read_options(SpecReader *reader, Error *error) {
    TokenizerSpec *spec = reader->spec;
    if (refuse_options(reader, error) || read_side(reader, "truncation_side", &spec->truncate_left, error) ||
        read_side(reader, "padding_side", &spec->pad_left, error) || read_length(reader, error) || !reader->gpt2)
        return error->status;
    return json_get_bool(reader->trees[SPEC_CONFIG], "add_prefix_space", &spec->add_prefix_space,
                         reader->paths[SPEC_CONFIG], error);
}

static Status read_spec(SpecReader *reader, const char *folder, Error *error) {
    if (open_files(reader, folder, error) || choose_class(reader, error) || spec_read_vocabulary(reader, error) ||
        read_options(reader, error))
        return error->status;
    if (spec_read_added(reader, error) || spec_read_template(reader, error)) return error->status;
    return spec_digest(reader->spec, error);
}

Status tokenizer_spec_read(TokenizerSpec *spec, const char *folder, Error *error) {
    SpecReader reader = {.spec = spec};
    *spec = (TokenizerSpec){0};
    read_spec(&reader, folder, error);
    close_files(&reader);
    return error->status;
}

void tokenizer_spec_free(TokenizerSpec *spec) {
    memory_free(spec->tokens);
    memory_free(spec->merges);
    memory_free(spec->added);
    memory_free(spec->texts);
    memory_free(spec->added_texts);
    *spec = (TokenizerSpec){0};
}

const char *tokenizer_spec_text(const TokenizerSpec *spec, int32_t id) {
    for (size_t low = 0, high = spec->added_count; low < high;) {
        const size_t middle = (low + high) / 2;
        if (spec->added[middle].id == id) return spec->added[middle].text;
        if (spec->added[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t low = 0, high = spec->token_count; low < high;) {
        const size_t middle = (low + high) / 2;
        if (spec->tokens[middle].id == id) return spec->tokens[middle].text;
        if (spec->tokens[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
