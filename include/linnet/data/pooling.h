#ifndef LINNET_DATA_POOLING_H
#define LINNET_DATA_POOLING_H
/** Which token of a text the classification head reads (docs/explanation/numerics.md, "Pooling"). */
typedef enum {
    POOLING_LAST_TOKEN, /**< the rightmost token that is not the pad: Transformers with pad_token_id set */
    POOLING_PADDED_END  /**< position n_positions − 1 of the padded text: the tutorial, pad_token_id never set */
} Pooling;

/** "last_token" or "padded_end". */
static inline const char *pooling_name(Pooling pooling) {
    return pooling == POOLING_LAST_TOKEN ? "last_token" : "padded_end";
}

#endif
