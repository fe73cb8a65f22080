/* tokenizer.json apart from vocabulary, merges and added tokens: what GPT-2's tokenizer does is accepted, all else that
 * could change ids is refused. See spec_reader.h. */
#include "linnet/core/memory.h"
#include "tokenizer/spec_reader.h"
#include <string.h>

static const char *type_of(const cJSON *object) {
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(object, "type");
    return cJSON_IsString(type) ? type->valuestring : "";
}

static bool is_true(const cJSON *object, const char *key) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* A key that must be absent, null or the empty string, or false or 0. */
static Status require_none(const SpecReader *reader, const cJSON *model, const char *key, Error *error) {
    const cJSON *value = spec_member(model, key);
    char name[64] = "model.";
    if (!value || cJSON_IsFalse(value) || (cJSON_IsNumber(value) && value->valuedouble == 0) ||
        (cJSON_IsString(value) && value->valuestring[0] == '\0'))
        return STATUS_OK;
    return spec_refuse(reader, SPEC_TOKENIZER, strncat(name, key, sizeof name - 8), value, "it to be absent", error);
}

/* unk_token, fuse_unk and byte_fallback have no effect, because the vocabulary has all bytes. */
static Status check_model(const SpecReader *reader, const cJSON *tree, Error *error) {
    static const char *const NONE[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"};
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(tree, "model");
    const cJSON *type = spec_member(model, "type");
    if (!cJSON_IsObject(model))
        return error_set(error, STATUS_INPUT, "%s: no model; is this a tokenizer of Hugging Face?",
                         reader->paths[SPEC_TOKENIZER]);
    if (type && strcmp(type_of(model), "BPE") != 0)
        return spec_refuse(reader, SPEC_TOKENIZER, "model.type", type,
                           "\"BPE\", GPT-2's kind of tokenizer; \"WordPiece\" is BERT's, \"Unigram\" SentencePiece's",
                           error);
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++)
        if (require_none(reader, model, NONE[i], error)) return error->status;
    return STATUS_OK;
}

/* The step that a step is where it is a Sequence of one. */
static const cJSON *only_step(const cJSON *step, const char *list) {
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(step, list);
    return strcmp(type_of(step), "Sequence") == 0 && cJSON_GetArraySize(steps) == 1 ? steps->child : step;
}

static Status check_steps(const SpecReader *reader, const cJSON *tree, Error *error) {
    const cJSON *normalizer = spec_member(tree, "normalizer"), *split = spec_member(tree, "pre_tokenizer");
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(normalizer, "normalizers");
    const bool nothing = strcmp(type_of(normalizer), "Sequence") == 0 && steps && !steps->child;
    if (normalizer && !nothing)
        return spec_refuse(reader, SPEC_TOKENIZER, "normalizer", normalizer, "null: GPT-2 does not change its texts",
                           error);
    split = only_step(split, "pretokenizers");
    const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(split, "use_regex");
    if (strcmp(type_of(split), "ByteLevel") != 0 || cJSON_IsFalse(pattern))
        return spec_refuse(reader, SPEC_TOKENIZER, "pre_tokenizer", split,
                           "{\"type\": \"ByteLevel\"} with GPT-2's pattern", error);
    if (!reader->gpt2) reader->spec->add_prefix_space = is_true(split, "add_prefix_space");
    return STATUS_OK;
}

Status spec_read_pipeline(SpecReader *reader, Error *error) {
    const cJSON *tree = reader->trees[SPEC_TOKENIZER];
    if (!cJSON_IsObject(tree))
        return error_set(error, STATUS_INPUT, "%s: expected a JSON object", reader->paths[SPEC_TOKENIZER]);
    if (check_model(reader, tree, error) || check_steps(reader, tree, error)) return error->status;
    const cJSON *truncation = spec_member(tree, "truncation"), *padding = spec_member(tree, "padding");
    const cJSON *cut = spec_member(truncation, "direction"), *pad = spec_member(padding, "direction");
    reader->spec->truncate_left = cJSON_IsString(cut) && strcmp(cut->valuestring, "Left") == 0;
    reader->spec->pad_left = cJSON_IsString(pad) && strcmp(pad->valuestring, "Left") == 0;
    return STATUS_OK;
}

/* --- Ids before and after a text --- */

/* Append an id at the end of ids [*count]. */
static Status append_id(const SpecReader *reader, int32_t *ids, size_t *count, double id, Error *error) {
    if (*count == SPEC_TEMPLATE_MAX || !(id >= 0 && id < reader->spec->size) || id != (double)(int32_t)id)
        return error_set(error, STATUS_INPUT,
                         "%s: post_processor: expected at most %d ids on each side of a text, each from 0 to %d",
                         reader->paths[SPEC_TOKENIZER], SPEC_TEMPLATE_MAX, reader->spec->size - 1);
    ids[(*count)++] = (int32_t)id;
    return STATUS_OK;
}

/* The ids of a special token of a template. */
static Status append_token(const SpecReader *reader, const cJSON *processor, const cJSON *token, int32_t *ids,
                           size_t *count, Error *error) {
    const cJSON *name = spec_member(token, "id"), *table = spec_member(processor, "special_tokens"), *id;
    const cJSON *entry = cJSON_IsString(name) ? spec_member(table, name->valuestring) : NULL;
    const cJSON *list = spec_member(entry, "ids");
    if (!cJSON_IsArray(list))
        return spec_refuse(reader, SPEC_TOKENIZER, "post_processor.single", token,
                           "each token of it in post_processor.special_tokens", error);
    cJSON_ArrayForEach(id, list) {
        if (append_id(reader, ids, count, cJSON_IsNumber(id) ? id->valuedouble : -1, error)) break;
    }
    return error->status;
}

/* The template for one text: tokens, the text once, tokens. */
static Status read_single(const SpecReader *reader, const cJSON *processor, int32_t ids[2][SPEC_TEMPLATE_MAX],
                          size_t counts[2], Error *error) {
    const cJSON *single = spec_member(processor, "single"), *item;
    int side = 0;
    cJSON_ArrayForEach(item, single) {
        const cJSON *token = spec_member(item, "SpecialToken");
        const cJSON *text = spec_member(spec_member(item, "Sequence"), "id");
        if (token && append_token(reader, processor, token, ids[side], &counts[side], error)) return error->status;
        if (token) continue;
        if (side == 1 || !cJSON_IsString(text) || strcmp(text->valuestring, "A") != 0) {
            side = 0;
            break;
        }
        side = 1;
    }
    if (side == 1) return STATUS_OK;
    return spec_refuse(reader, SPEC_TOKENIZER, "post_processor.single", single, "tokens around one text, A", error);
}

/* [token, id] of BertProcessing and RobertaProcessing. */
static double pair_id(const cJSON *processor, const char *key) {
    const cJSON *id = cJSON_GetArrayItem(spec_member(processor, key), 1);
    return cJSON_IsNumber(id) ? id->valuedouble : -1;
}

static Status read_processor(const SpecReader *reader, const cJSON *processor, int32_t ids[2][SPEC_TEMPLATE_MAX],
                             size_t counts[2], Error *error) {
    const char *type = type_of(processor);
    if (strcmp(type, "ByteLevel") == 0) return STATUS_OK;
    if (strcmp(type, "TemplateProcessing") == 0) return read_single(reader, processor, ids, counts, error);
    if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0) {
        if (append_id(reader, ids[0], &counts[0], pair_id(processor, "cls"), error)) return error->status;
        return append_id(reader, ids[1], &counts[1], pair_id(processor, "sep"), error);
    }
    return spec_refuse(reader, SPEC_TOKENIZER, "post_processor", processor, "ByteLevel, or a template", error);
}

/* Put the ids of one more step around those of the steps before it. */
static Status wrap(const SpecReader *reader, int32_t ids[2][SPEC_TEMPLATE_MAX], const size_t counts[2], Error *error) {
    TokenizerSpec *spec = reader->spec;
    if (spec->prefix_count + counts[0] > SPEC_TEMPLATE_MAX || spec->suffix_count + counts[1] > SPEC_TEMPLATE_MAX)
        return append_id(reader, NULL, &(size_t){SPEC_TEMPLATE_MAX}, 0, error);
    memmove(spec->prefix + counts[0], spec->prefix, spec->prefix_count * sizeof *spec->prefix);
    memcpy(spec->prefix, ids[0], counts[0] * sizeof *spec->prefix);
    memcpy(spec->suffix + spec->suffix_count, ids[1], counts[1] * sizeof *spec->suffix);
    spec->prefix_count += counts[0];
    spec->suffix_count += counts[1];
    return STATUS_OK;
}

static Status read_step(const SpecReader *reader, const cJSON *processor, Error *error) {
    int32_t ids[2][SPEC_TEMPLATE_MAX];
    size_t counts[2] = {0, 0};
    if (read_processor(reader, processor, ids, counts, error)) return error->status;
    return wrap(reader, ids, counts, error);
}

/* add_bos_token and add_eos_token of tokenizer_config.json count only where there is no tokenizer.json. */
static Status read_flags(SpecReader *reader, Error *error) {
    TokenizerSpec *spec = reader->spec;
    const char *path = reader->paths[SPEC_CONFIG];
    bool bos = false, eos = false;
    if (json_get_bool(reader->trees[SPEC_CONFIG], "add_bos_token", &bos, path, error) ||
        json_get_bool(reader->trees[SPEC_CONFIG], "add_eos_token", &eos, path, error))
        return error->status;
    if (bos && spec->special[SPECIAL_BOS] >= 0) spec->prefix[spec->prefix_count++] = spec->special[SPECIAL_BOS];
    if (eos && spec->special[SPECIAL_EOS] >= 0) spec->suffix[spec->suffix_count++] = spec->special[SPECIAL_EOS];
    return STATUS_OK;
}

Status spec_read_template(SpecReader *reader, Error *error) {
    if (!reader->single) return read_flags(reader, error);
    const cJSON *processor = spec_member(reader->trees[SPEC_TOKENIZER], "post_processor"), *step;
    if (!processor) return STATUS_OK;
    if (strcmp(type_of(processor), "Sequence") != 0) return read_step(reader, processor, error);
    cJSON_ArrayForEach(step, spec_member(processor, "processors")) {
        if (read_step(reader, step, error)) break;
    }
    return error->status;
}
