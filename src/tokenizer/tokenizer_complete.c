/* Making the files that a tokenizer's folder lacks. tokenizer_complete.h has the contract. */
#include "tokenizer/tokenizer_complete.h"
#include "linnet/core/json.h"
#include "linnet/core/json_edit.h"
#include "linnet/core/memory.h"
#include <stdio.h>
#include <string.h>

static void add(cJSON *object, const char *key, cJSON *item, Error *error) {
    if (item && cJSON_AddItemToObject(object, key, item)) return;
    cJSON_Delete(item);
    error_set(error, STATUS_FAILURE, "out of memory for the tokenizer");
}

static void append(cJSON *array, cJSON *item, Error *error) {
    if (item && cJSON_AddItemToArray(array, item)) return;
    cJSON_Delete(item);
    error_set(error, STATUS_FAILURE, "out of memory for the tokenizer");
}

/* The tree of a constant text. */
static cJSON *constant(const char *text) {
    return cJSON_Parse(text);
}

/* --- vocab.json and merges.txt, as the BPE model of Hugging Face's tokenizers saves them --------------------------- */

static cJSON *vocabulary_tree(const TokenizerSpec *spec, Error *error) {
    cJSON *tree = cJSON_CreateObject();
    for (size_t i = 0; i < spec->token_count && !error->status; i++)
        add(tree, spec->tokens[i].text, cJSON_CreateNumber(spec->tokens[i].id), error);
    return tree;
}

/* "left right" at `out`, which has room; returns the end. */
static char *write_merge(char *out, const TokenizerSpec *spec, const SpecMerge *merge) {
    const SpecToken *left = &spec->tokens[merge->left], *right = &spec->tokens[merge->right];
    memcpy(out, left->text, left->size);
    out[left->size] = ' ';
    memcpy(out + left->size + 1, right->text, right->size);
    return out + left->size + 1 + right->size;
}

static size_t merge_size(const TokenizerSpec *spec, const SpecMerge *merge) {
    return (size_t)spec->tokens[merge->left].size + 1 + spec->tokens[merge->right].size;
}

static char *merges_text(const TokenizerSpec *spec, Error *error) {
    static const char first[] = "#version: 0.2\n";
    size_t size = sizeof first;
    for (size_t i = 0; i < spec->merge_count; i++) size += merge_size(spec, &spec->merges[i]) + 1;
    char *text = memory_allocate(size, 1, error);
    if (!text) return NULL;
    char *end = text + sizeof first - 1;
    memcpy(text, first, sizeof first);
    for (size_t i = 0; i < spec->merge_count; i++) {
        end = write_merge(end, spec, &spec->merges[i]);
        *end++ = '\n';
    }
    return text;
}

/* --- tokenizer.json ------------------------------------------------------------------------------------------------ */

/* Merges as texts "left right", which every version of tokenizers reads; those before 0.20 read no pairs. */
static cJSON *merges_tree(const TokenizerSpec *spec, Error *error) {
    cJSON *tree = cJSON_CreateArray();
    size_t room = 1;
    for (size_t i = 0; i < spec->merge_count; i++)
        if (merge_size(spec, &spec->merges[i]) >= room) room = merge_size(spec, &spec->merges[i]) + 1;
    char *text = memory_allocate(room, 1, error);
    for (size_t i = 0; i < spec->merge_count && !error->status; i++) {
        *write_merge(text, spec, &spec->merges[i]) = '\0';
        append(tree, cJSON_CreateString(text), error);
    }
    memory_free(text);
    return tree;
}

static cJSON *model_tree(const TokenizerSpec *spec, Error *error) {
    cJSON *tree =
        constant("{\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, \"continuing_subword_prefix\": \"\","
                 " \"end_of_word_suffix\": \"\", \"fuse_unk\": false, \"byte_fallback\": false,"
                 " \"ignore_merges\": false}");
    add(tree, "vocab", vocabulary_tree(spec, error), error);
    add(tree, "merges", merges_tree(spec, error), error);
    return tree;
}

static cJSON *added_tree(const TokenizerSpec *spec, Error *error) {
    cJSON *tree = cJSON_CreateArray();
    for (size_t i = 0; i < spec->added_count && !error->status; i++) {
        const AddedToken *token = &spec->added[i];
        cJSON *item = cJSON_CreateObject();
        add(item, "id", cJSON_CreateNumber(token->id), error);
        add(item, "content", cJSON_CreateString(token->text), error);
        add(item, "single_word", cJSON_CreateBool(token->single_word), error);
        add(item, "lstrip", cJSON_CreateBool(token->lstrip), error);
        add(item, "rstrip", cJSON_CreateBool(token->rstrip), error);
        add(item, "normalized", cJSON_CreateBool(token->normalized), error);
        add(item, "special", cJSON_CreateBool(token->special), error);
        append(tree, item, error);
    }
    return tree;
}

/* {kind: {"id": id, "type_id": type}}, a piece of a template. */
static void append_piece(cJSON *pieces, const char *kind, const char *id, int type, Error *error) {
    cJSON *piece = cJSON_CreateObject(), *inside = cJSON_CreateObject();
    add(inside, "id", cJSON_CreateString(id), error);
    add(inside, "type_id", cJSON_CreateNumber(type), error);
    add(piece, kind, inside, error);
    append(pieces, piece, error);
}

/* The ids before and after a text around its sequence, "A" or "B". */
static void append_sequence(cJSON *pieces, const TokenizerSpec *spec, int type, Error *error) {
    for (size_t i = 0; i < spec->prefix_count; i++)
        append_piece(pieces, "SpecialToken", tokenizer_spec_text(spec, spec->prefix[i]), type, error);
    append_piece(pieces, "Sequence", type == 0 ? "A" : "B", type, error);
    for (size_t i = 0; i < spec->suffix_count; i++)
        append_piece(pieces, "SpecialToken", tokenizer_spec_text(spec, spec->suffix[i]), type, error);
}

static void add_template_token(cJSON *tokens, const TokenizerSpec *spec, int32_t id, Error *error) {
    const char *text = tokenizer_spec_text(spec, id);
    if (cJSON_GetObjectItemCaseSensitive(tokens, text)) return;
    cJSON *token = cJSON_CreateObject();
    add(token, "id", cJSON_CreateString(text), error);
    add(token, "ids", cJSON_CreateIntArray(&id, 1), error);
    add(token, "tokens", cJSON_CreateStringArray(&text, 1), error);
    add(tokens, text, token, error);
}

static cJSON *post_processor_tree(const TokenizerSpec *spec, Error *error) {
    cJSON *tree = constant("{\"type\": \"TemplateProcessing\"}"), *single = cJSON_CreateArray();
    cJSON *pair = cJSON_CreateArray(), *tokens = cJSON_CreateObject();
    append_sequence(single, spec, 0, error);
    append_sequence(pair, spec, 0, error);
    append_sequence(pair, spec, 1, error);
    for (size_t i = 0; i < spec->prefix_count; i++) add_template_token(tokens, spec, spec->prefix[i], error);
    for (size_t i = 0; i < spec->suffix_count; i++) add_template_token(tokens, spec, spec->suffix[i], error);
    add(tree, "single", single, error);
    add(tree, "pair", pair, error);
    add(tree, "special_tokens", tokens, error);
    return tree;
}

static cJSON *tokenizer_tree(const TokenizerSpec *spec, Error *error) {
    cJSON *tree = constant("{\"version\": \"1.0\", \"truncation\": null, \"padding\": null}");
    cJSON *split = constant("{\"type\": \"ByteLevel\"}");
    add(tree, "added_tokens", added_tree(spec, error), error);
    add(tree, "normalizer", cJSON_CreateNull(), error);
    add(split, "add_prefix_space", cJSON_CreateBool(spec->add_prefix_space), error);
    add(split, "trim_offsets", cJSON_CreateTrue(), error);
    add(split, "use_regex", cJSON_CreateTrue(), error);
    add(tree, "pre_tokenizer", split, error);
    add(tree, "post_processor", post_processor_tree(spec, error), error);
    add(tree, "decoder",
        constant("{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": true}"),
        error);
    add(tree, "model", model_tree(spec, error), error);
    return tree;
}

/* --- tokenizer_config.json and special_tokens_map.json ------------------------------------------------------------- */

/* The names of the special tokens. */
static void add_special(cJSON *tree, const TokenizerSpec *spec, int32_t pad, Error *error) {
    for (SpecialToken which = 0; which < SPECIAL_COUNT; which++) {
        const int32_t id = which == SPECIAL_PAD && spec->special[which] < 0 ? pad : spec->special[which];
        if (id >= 0) add(tree, special_token_key(which), cJSON_CreateString(tokenizer_spec_text(spec, id)), error);
    }
}

static cJSON *special_tree(const TokenizerSpec *spec, int32_t pad, Error *error) {
    cJSON *tree = cJSON_CreateObject();
    add_special(tree, spec, pad, error);
    return tree;
}

/* The plain class takes everything from tokenizer.json. In Transformers 4 it makes token_type_ids, which a GPT-2 model
 * would add to its embeddings. */
static void add_plain_class(cJSON *tree, Error *error) {
    static const char *const inputs[] = {"input_ids", "attention_mask"};
    add(tree, "tokenizer_class", cJSON_CreateString("PreTrainedTokenizerFast"), error);
    add(tree, "model_input_names", cJSON_CreateStringArray(inputs, 2), error);
}

static cJSON *config_tree(const TokenizerSpec *spec, int32_t pad, int32_t positions, Error *error) {
    cJSON *tree = cJSON_CreateObject();
    if (spec->gpt2) {
        add(tree, "tokenizer_class", cJSON_CreateString("GPT2Tokenizer"), error);
        add(tree, "errors", cJSON_CreateString("replace"), error);
        add(tree, "add_prefix_space", cJSON_CreateBool(spec->add_prefix_space), error);
    } else {
        add_plain_class(tree, error);
    }
    add(tree, "model_max_length", cJSON_CreateNumber(positions), error);
    if (spec->pad_left) add(tree, "padding_side", cJSON_CreateString("left"), error);
    if (spec->truncate_left) add(tree, "truncation_side", cJSON_CreateString("left"), error);
    add_special(tree, spec, pad, error);
    return tree;
}

static bool lacks(const cJSON *tree, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, key);
    return !item || cJSON_IsNull(item);
}

/* What is set in a tokenizer_config.json that says `given`. */
static cJSON *changes_tree(const cJSON *given, const TokenizerSpec *spec, int32_t pad, int32_t positions,
                           Error *error) {
    cJSON *tree = cJSON_CreateObject();
    if (!spec->gpt2) add_plain_class(tree, error);
    for (cJSON *item = tree ? tree->child : NULL, *next; item; item = next) {
        next = item->next;
        if (!lacks(given, item->string)) cJSON_Delete(cJSON_DetachItemViaPointer(tree, item));
    }
    if (spec->special[SPECIAL_PAD] < 0 && pad >= 0)
        add(tree, special_token_key(SPECIAL_PAD), cJSON_CreateString(tokenizer_spec_text(spec, pad)), error);
    if (spec->max_length == 0 || spec->max_length > positions)
        add(tree, "model_max_length", cJSON_CreateNumber(positions), error);
    return tree;
}

static Status edit_config(TokenizerFiles *files, const TokenizerSpec *spec, int32_t pad, int32_t positions,
                          Error *error) {
    const char *name = TOKENIZER_FILE_NAMES[TOKENIZER_CONFIG];
    char **text = &files->file[TOKENIZER_CONFIG].text;
    cJSON *given = NULL, *changes = NULL;
    const cJSON *change;
    if (json_parse(&given, *text, files->file[TOKENIZER_CONFIG].size, name, error)) return error->status;
    changes = changes_tree(given, spec, pad, positions, error);
    cJSON_ArrayForEach(change, changes) {
        if (!error->status) json_edit_set(text, change->string, change, name, error);
    }
    files->file[TOKENIZER_CONFIG].size = strlen(*text);
    cJSON_Delete(given);
    cJSON_Delete(changes);
    return error->status;
}

/* --- All --------------------------------------------------------------------------------------------------------- */

/* Take the text of a missing file from its tree. */
static void take(TokenizerFiles *files, TokenizerFile which, cJSON *tree, bool indented, Error *error) {
    if (!error->status) files->file[which].text = json_text(tree, indented, TOKENIZER_FILE_NAMES[which], error);
    if (files->file[which].text) files->file[which].size = strlen(files->file[which].text);
    cJSON_Delete(tree);
}

Status tokenizer_files_complete(TokenizerFiles *files, const TokenizerSpec *spec, int32_t pad, int32_t positions,
                                Error *error) {
    if (!files->file[TOKENIZER_VOCABULARY].text)
        take(files, TOKENIZER_VOCABULARY, vocabulary_tree(spec, error), false, error);
    if (!files->file[TOKENIZER_MERGES].text) {
        files->file[TOKENIZER_MERGES].text = merges_text(spec, error);
        if (!error->status) files->file[TOKENIZER_MERGES].size = strlen(files->file[TOKENIZER_MERGES].text);
    }
    if (!files->file[TOKENIZER_JSON].text) take(files, TOKENIZER_JSON, tokenizer_tree(spec, error), true, error);
    if (!files->file[TOKENIZER_SPECIAL].text)
        take(files, TOKENIZER_SPECIAL, special_tree(spec, pad, error), true, error);
    if (!files->file[TOKENIZER_CONFIG].text)
        take(files, TOKENIZER_CONFIG, config_tree(spec, pad, positions, error), true, error);
    else
        edit_config(files, spec, pad, positions, error);
    return error->status;
}
