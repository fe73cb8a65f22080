/* Finding the module of a forward pass whose output is the first that is not finite. gpt2.h has the contract. */
#include "linnet/model/finite.h"
#include "model/gpt2_private.h"
#include <math.h>
#include <stdio.h>

/* The output of a module of a layer. */
typedef struct {
    const char *name;
    const float *values;
    size_t count;
} Output;

/* The first of these, or NULL. */
static const char *first_bad(const Output *outputs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!values_are_finite(outputs[i].values, outputs[i].count)) return outputs[i].name;
    return NULL;
}

/* In one block, in the order in which they are computed. LayerNorm and GELU keep no output: theirs shows in the module
 * after them. */
static const char *bad_in_block(const Gpt2 *gpt2, const Batch *batch, int layer) {
    const Block *block = &gpt2->blocks[layer];
    const bool pooled = gpt2_is_pooled(gpt2, layer);
    const size_t c = (size_t)gpt2->config->width, inner = (size_t)gpt2->config->inner, m = batch->tokens;
    const size_t rows = pooled ? batch->samples : m;
    const Output outputs[] = {
        {"attn.c_attn", block->qkv, m * (pooled ? 2 : 3) * c},
        {"attn.c_attn", gpt2->query, pooled ? rows * c : 0},
        {"attn", block->attended, rows * c},
        {"attn.c_proj", block->middle, rows * c},
        {"mlp.c_fc", block->fc, rows * inner},
        {"mlp.c_proj", gpt2_is_last(gpt2, layer) ? gpt2->output : gpt2->blocks[layer + 1].input, rows * c}};
    return first_bad(outputs, sizeof outputs / sizeof *outputs);
}

enum { BELOW_TEXT = 48 };
/* The stream before the lowest layer that has activations of its own. */
static const char *bad_below(const Gpt2 *gpt2, const Batch *batch, int lowest, char text[BELOW_TEXT]) {
    if (lowest > 0)
        snprintf(text, BELOW_TEXT, "the layers below transformer.h.%d", lowest);
    else
        snprintf(text, BELOW_TEXT, "transformer.wte + transformer.wpe");
    const Output stream = {text, gpt2->blocks[lowest].input, batch->tokens * (size_t)gpt2->config->width};
    return first_bad(&stream, 1);
}

/* The final LayerNorm and the head. Of a language model's logits only the losses are left. */
static const char *bad_in_head(const Gpt2 *gpt2, const Batch *batch) {
    const Output norm = {"transformer.ln_f", gpt2->final, gpt2_final_rows(gpt2, batch) * (size_t)gpt2->config->width};
    const Output score = {"score", gpt2->logits, batch->samples * (size_t)gpt2->config->labels};
    const char *bad = first_bad(&norm, 1);
    if (bad || !gpt2->config->language) return bad ? bad : first_bad(&score, 1);
    for (size_t r = 0; r < batch->tokens; r++)
        if (!isfinite(gpt2->row_losses[r])) return "lm_head";
    return NULL;
}

bool gpt2_find_not_finite(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *dropout,
                          char module[GPT2_MODULE_TEXT]) {
    const int lowest = gpt2->lowest < gpt2->config->layers ? gpt2->lowest : gpt2->config->layers - 1;
    char below[BELOW_TEXT], layer[32];
    const char *bad = bad_below(gpt2, batch, lowest, below), *prefix = "";
    for (int l = lowest; l < gpt2->config->layers && !bad; l++) {
        if (gpt2->checkpointing) gpt2_repeat_block(gpt2, parameters, batch, l, dropout);
        bad = bad_in_block(gpt2, batch, l);
        snprintf(layer, sizeof layer, "transformer.h.%d.", l);
        if (bad) prefix = layer;
    }
    if (!bad) bad = bad_in_head(gpt2, batch);
    if (bad) snprintf(module, GPT2_MODULE_TEXT, "%s%s", prefix, bad);
    return bad;
}
