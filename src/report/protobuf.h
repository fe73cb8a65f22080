#ifndef LINNET_REPORT_PROTOBUF_H
#define LINNET_REPORT_PROTOBUF_H
/** Messages in the wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding), field by field.
 *  A message starts as {0} and is freed with proto_free(). The first error stays in `error`; what follows it is left
 *  out. Not collective. */
#include "linnet/core/error.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    unsigned char *bytes; /* [size] */
    size_t size, room;
    Error error;
} Proto;

/** int32, int64, enum and bool fields of values ≥ 0. */
void proto_integer(Proto *message, uint32_t field, uint64_t value);
void proto_double(Proto *message, uint32_t field, double value);
void proto_float(Proto *message, uint32_t field, float value);
void proto_bytes(Proto *message, uint32_t field, const void *bytes, size_t size);
void proto_text(Proto *message, uint32_t field, const char *text);
/** Add `inner`, with its error, as a field and empty it. */
void proto_message(Proto *message, uint32_t field, Proto *inner);

/** Append bytes as they are. */
void proto_raw(Proto *message, const void *bytes, size_t size);

/** Free the bytes and set it to {0}. */
void proto_free(Proto *message);

#endif
