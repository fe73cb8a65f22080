/* Names of the poolings. See pooling.h. */
#include "linnet/data/pooling.h"

const char *pooling_name(Pooling pooling) {
    return pooling == POOLING_LAST_TOKEN ? "last_token" : "padded_end";
}
