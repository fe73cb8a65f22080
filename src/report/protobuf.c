/* Messages in the wire format of Protocol Buffers. */
#include "report/protobuf.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <string.h>

typedef enum { WIRE_VARINT = 0, WIRE_64_BITS = 1, WIRE_LENGTH = 2, WIRE_32_BITS = 5 } WireKind;

void proto_raw(Proto *message, const void *bytes, size_t size) {
    if (message->error.status || size == 0) return;
    if (size > message->room - message->size) {
        const size_t room = size_max(2 * message->room, message->size + size);
        unsigned char *larger = memory_resize(message->bytes, message->size, room, 1, &message->error);
        if (!larger) return;
        message->bytes = larger;
        message->room = room;
    }
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

/* Seven bits a byte, the lowest first. */
static void varint(Proto *message, uint64_t value) {
    unsigned char bytes[10];
    size_t size = 0;
    do {
        bytes[size++] = (unsigned char)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
    proto_raw(message, bytes, size);
}

static void key(Proto *message, uint32_t field, WireKind kind) {
    varint(message, (uint64_t)field << 3 | kind);
}

/* The lowest byte first, whatever the machine's order. */
static void fixed(Proto *message, uint64_t bits, size_t size) {
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(bits >> 8 * i);
    proto_raw(message, bytes, size);
}

void proto_integer(Proto *message, uint32_t field, uint64_t value) {
    key(message, field, WIRE_VARINT);
    varint(message, value);
}

void proto_double(Proto *message, uint32_t field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    key(message, field, WIRE_64_BITS);
    fixed(message, bits, sizeof bits);
}

void proto_float(Proto *message, uint32_t field, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    key(message, field, WIRE_32_BITS);
    fixed(message, bits, sizeof bits);
}

void proto_bytes(Proto *message, uint32_t field, const void *bytes, size_t size) {
    key(message, field, WIRE_LENGTH);
    varint(message, size);
    proto_raw(message, bytes, size);
}

void proto_text(Proto *message, uint32_t field, const char *text) {
    proto_bytes(message, field, text, strlen(text));
}

void proto_message(Proto *message, uint32_t field, Proto *inner) {
    if (inner->error.status) error_set(&message->error, inner->error.status, "%s", inner->error.message);
    proto_bytes(message, field, inner->bytes, inner->size);
    proto_free(inner);
}

void proto_free(Proto *message) {
    memory_free(message->bytes);
    *message = (Proto){0};
}
