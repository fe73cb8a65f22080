/* Records of TensorBoard's event files. The numbers of fields are those of the .proto files that TensorBoard comes
 * with. */
#include "report/event_record.h"

#define FILE_VERSION "brain.Event:2"
#define WRITER "linnet " LINNET_VERSION

enum {
    EVENT_TIME = 1,
    EVENT_STEP = 2,
    EVENT_FILE_VERSION = 3,
    EVENT_SUMMARY = 5,
    EVENT_SESSION = 7,
    EVENT_SOURCE = 10
};
enum { SOURCE_WRITER = 1 };
enum { SESSION_STATUS = 1, SESSION_START = 1 };
enum { SUMMARY_VALUE = 1 };
enum { VALUE_TAG = 1, VALUE_SIMPLE = 2, VALUE_TENSOR = 8, VALUE_METADATA = 9 };
enum { METADATA_PLUGIN = 1, PLUGIN_NAME = 1, PLUGIN_CONTENT = 2 };
enum { TENSOR_TYPE = 1, TENSOR_SHAPE = 2, TENSOR_STRING = 8, TYPE_STRING = 7, SHAPE_DIM = 2, DIM_SIZE = 1 };

#define CRC_POLYNOMIAL 0x82F63B78U /* 0x1EDC6F41 with its bits reversed */

uint32_t crc32c(const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint32_t crc = ~0U;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ ((crc & 1) ? CRC_POLYNOMIAL : 0);
    }
    return ~crc;
}

static void little_endian(unsigned char *bytes, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(value >> 8 * i);
}

/* The checksum of data that may hold checksums, as TensorFlow masks it. */
static void add_checksum(Proto *records, const void *bytes, size_t size) {
    const uint32_t crc = crc32c(bytes, size);
    unsigned char masked[4];
    little_endian(masked, (crc >> 15 | crc << 17) + 0xA282EAD8U, sizeof masked);
    proto_raw(records, masked, sizeof masked);
}

void event_record(Proto *records, Proto *event) {
    unsigned char length[8];
    if (event->error.status) error_set(&records->error, event->error.status, "%s", event->error.message);
    little_endian(length, event->size, sizeof length);
    proto_raw(records, length, sizeof length);
    add_checksum(records, length, sizeof length);
    proto_raw(records, event->bytes, event->size);
    add_checksum(records, event->bytes, event->size);
    proto_free(event);
}

void event_begin(Proto *event, double seconds, int64_t step) {
    proto_double(event, EVENT_TIME, seconds);
    proto_integer(event, EVENT_STEP, (uint64_t)step);
}

void session_records(Proto *records, double seconds, int64_t step) {
    Proto event = {0}, inner = {0};
    event_begin(&event, seconds, step);
    proto_text(&event, EVENT_FILE_VERSION, FILE_VERSION);
    proto_text(&inner, SOURCE_WRITER, WRITER);
    proto_message(&event, EVENT_SOURCE, &inner);
    event_record(records, &event);
    event_begin(&event, seconds, step);
    proto_integer(&inner, SESSION_STATUS, SESSION_START);
    proto_message(&event, EVENT_SESSION, &inner);
    event_record(records, &event);
}

void summary_scalar(Proto *summary, const char *tag, double value) {
    Proto of = {0};
    proto_text(&of, VALUE_TAG, tag);
    proto_float(&of, VALUE_SIMPLE, (float)value);
    proto_message(summary, SUMMARY_VALUE, &of);
}

/* By the name of a plugin TensorBoard knows which dashboard shows a value. */
static void add_metadata(Proto *value, const char *plugin, const Proto *content) {
    Proto metadata = {0}, data = {0};
    proto_text(&data, PLUGIN_NAME, plugin);
    if (content) proto_bytes(&data, PLUGIN_CONTENT, content->bytes, content->size);
    proto_message(&metadata, METADATA_PLUGIN, &data);
    proto_message(value, VALUE_METADATA, &metadata);
}

/* A tensor of one text. */
void summary_text(Proto *summary, const char *tag, const char *text) {
    Proto value = {0}, tensor = {0}, shape = {0}, dim = {0};
    proto_text(&value, VALUE_TAG, tag);
    add_metadata(&value, "text", NULL);
    proto_integer(&tensor, TENSOR_TYPE, TYPE_STRING);
    proto_integer(&dim, DIM_SIZE, 1);
    proto_message(&shape, SHAPE_DIM, &dim);
    proto_message(&tensor, TENSOR_SHAPE, &shape);
    proto_text(&tensor, TENSOR_STRING, text);
    proto_message(&value, VALUE_TENSOR, &tensor);
    proto_message(summary, SUMMARY_VALUE, &value);
}

void summary_hparams(Proto *summary, const char *tag, Proto *content) {
    Proto value = {0};
    if (content->error.status) error_set(&value.error, content->error.status, "%s", content->error.message);
    proto_text(&value, VALUE_TAG, tag);
    add_metadata(&value, "hparams", content);
    proto_message(summary, SUMMARY_VALUE, &value);
    proto_free(content);
}

void summary_record(Proto *records, double seconds, int64_t step, Proto *summary) {
    Proto event = {0};
    event_begin(&event, seconds, step);
    proto_message(&event, EVENT_SUMMARY, summary);
    event_record(records, &event);
}
