/* Reading safetensors files: checking the header, mapping and converting. safetensors.h has the contract. */
#include "linnet/model/safetensors.h"
#include "linnet/core/file_copies.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/integers.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "model/mapped_file.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the format is little-endian and its bytes are used without conversion");

struct SafetensorsFile {
    char *path;
    MappedFile mapped;
    unsigned char *map; /* mapped.bytes */
    size_t size;        /* of the file */
    cJSON *header;      /* owns the tensors' names */
    Tensor *tensors;    /* [count] ascending by address */
    size_t count;
};

#define HEADER_MAX 100000000 /* bytes, by the specification */
#define SHAPE_MAX (int)(sizeof((Tensor){0}.shape) / sizeof *(Tensor){0}.shape)

typedef struct {
    const char *name;
    unsigned bits; /* of one element */
    Dtype dtype;
} DtypeRow;

/* Every dtype of the format: the size of a tensor must be known even if linnet never converts it, such as an attention
 * mask in U8. */
static const DtypeRow DTYPES[] = {
    {"F32", 32, DTYPE_F32},          {"F16", 16, DTYPE_F16},      {"BF16", 16, DTYPE_BF16},
    {"BOOL", 8, DTYPE_OTHER},        {"U8", 8, DTYPE_OTHER},      {"I8", 8, DTYPE_OTHER},
    {"I16", 16, DTYPE_OTHER},        {"U16", 16, DTYPE_OTHER},    {"I32", 32, DTYPE_I32},
    {"U32", 32, DTYPE_OTHER},        {"I64", 64, DTYPE_OTHER},    {"U64", 64, DTYPE_OTHER},
    {"F64", 64, DTYPE_F64},          {"C64", 64, DTYPE_OTHER},    {"F4", 4, DTYPE_OTHER},
    {"F6_E2M3", 6, DTYPE_OTHER},     {"F6_E3M2", 6, DTYPE_OTHER}, {"F8_E5M2", 8, DTYPE_OTHER},
    {"F8_E4M3", 8, DTYPE_OTHER},     {"F8_E8M0", 8, DTYPE_OTHER}, {"F8_E5M2FNUZ", 8, DTYPE_OTHER},
    {"F8_E4M3FNUZ", 8, DTYPE_OTHER},
};

static const DtypeRow *find_dtype(const char *name) {
    for (size_t i = 0; i < sizeof DTYPES / sizeof *DTYPES; i++)
        if (strcmp(DTYPES[i].name, name) == 0) return &DTYPES[i];
    return NULL;
}

/* Sizes and offsets must be plain digits, few enough for a double. The parsed tree does not distinguish 2 from 2.0 or
 * 2e0, so this checks the text, which is valid JSON, outside of strings. */
static bool numbers_are_plain(const char *text, size_t size) {
    bool inside = false;
    size_t digits = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (inside) {
            if (c == '\\')
                i++;
            else if (c == '"')
                inside = false;
            continue;
        }
        if (c == '"') inside = true;
        if (c == '-' || c == '.' || (digits && (c == 'e' || c == 'E'))) return false;
        digits = c >= '0' && c <= '9' ? digits + 1 : 0;
        if (digits > 15) return false;
    }
    return true;
}

/* *text = a copy of the header with a zero byte at its end. */
static Status take_header(const SafetensorsFile *file, char **text, size_t *size, Error *error) {
    uint64_t length = 0;
    for (int i = 7; i >= 0 && file->size >= 8; i--) length = length << 8 | file->map[i];
    const bool foreign = file->size < 8 || length > HEADER_MAX || (file->size > 8 && file->map[8] != '{');
    const FileKind kind = foreign ? file_kind(file->map, size_min(file->size, FILE_KIND_BYTES)) : FILE_KIND_OTHER;
    if (kind != FILE_KIND_OTHER)
        return error_set(error, STATUS_INPUT, "%s: %s; expected a safetensors file%s%s", file->path,
                         file_kind_name(kind), *file_kind_advice(kind) ? ": " : "", file_kind_advice(kind));
    if (file->size < 8)
        return error_set(error, STATUS_INPUT,
                         "%s: not a safetensors file: it has %zu bytes, but the size of the header alone takes 8",
                         file->path, file->size);
    if (length > HEADER_MAX)
        return error_set(error, STATUS_INPUT,
                         "%s: not a safetensors file: its header would have %llu bytes, more than the %d allowed",
                         file->path, (unsigned long long)length, HEADER_MAX);
    if (length > file->size - 8)
        return error_set(error, STATUS_INPUT,
                         "%s: the header should have %llu bytes, but only %zu follow: the file is cut short",
                         file->path, (unsigned long long)length, file->size - 8);
    if (length == 0 || file->map[8] != '{')
        return error_set(error, STATUS_INPUT, "%s: not a safetensors file: the header does not start with '{'",
                         file->path);
    *size = (size_t)length;
    *text = memory_allocate(*size + 1, 1, error);
    if (!*text) return error->status;
    memcpy(*text, file->map + 8, *size);
    return STATUS_OK;
}

static Status parse_header(SafetensorsFile *file, size_t *size, Error *error) {
    char *text = NULL;
    if (!take_header(file, &text, size, error) && !json_parse(&file->header, text, *size, file->path, error) &&
        !json_refuse_repeats(file->header, text, file->path, error) && !numbers_are_plain(text, *size))
        error_set(error, STATUS_INPUT, "%s: a number in the header is not an integer of at most 15 digits", file->path);
    memory_free(text);
    return error->status;
}

static Status check_metadata(const SafetensorsFile *file, const cJSON *metadata, Error *error) {
    if (cJSON_IsNull(metadata)) return STATUS_OK;
    bool texts = cJSON_IsObject(metadata);
    for (const cJSON *item = texts ? metadata->child : NULL; item && texts; item = item->next)
        texts = cJSON_IsString(item);
    if (texts) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: __metadata__ must be an object of strings", file->path);
}

/* The shape, and the bytes that such a tensor has. numbers_are_plain() has checked that all numbers are integers. */
static Status read_shape(const SafetensorsFile *file, const cJSON *entry, Tensor *tensor, unsigned bits, size_t *bytes,
                         Error *error) {
    const char *const path = file->path, *const name = tensor->name;
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape"), *item;
    if (!cJSON_IsArray(shape))
        return error_set(error, STATUS_INPUT, "%s: tensor %s has no shape, which must be an array of sizes", path,
                         name);
    size_t total = bits;
    cJSON_ArrayForEach(item, shape) {
        if (!cJSON_IsNumber(item))
            return error_set(error, STATUS_INPUT, "%s: tensor %s: its shape must hold integers only", path, name);
        if (tensor->dimensions == SHAPE_MAX)
            return error_set(error, STATUS_INPUT, "%s: tensor %s has more than %d dimensions", path, name, SHAPE_MAX);
        tensor->shape[tensor->dimensions++] = (int64_t)item->valuedouble;
        if (!memory_multiply(total, (size_t)item->valuedouble, &total))
            return error_set(error, STATUS_INPUT, "%s: tensor %s: its shape overflows 64 bits", path, name);
    }
    if (total % 8)
        return error_set(error, STATUS_INPUT, "%s: tensor %s: its size in bits is not a multiple of 8", path, name);
    *bytes = total / 8;
    return STATUS_OK;
}

/* Where the tensor's bytes are: within the data, and as many as its shape needs. */
static Status read_offsets(const SafetensorsFile *file, const cJSON *entry, Tensor *tensor, size_t header, size_t bytes,
                           Error *error) {
    const char *const path = file->path, *const name = tensor->name;
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    const cJSON *begin = cJSON_IsArray(offsets) ? offsets->child : NULL, *end = begin ? begin->next : NULL;
    if (!cJSON_IsNumber(begin) || !cJSON_IsNumber(end) || end->next)
        return error_set(error, STATUS_INPUT, "%s: tensor %s has no data_offsets, which must be [begin, end]", path,
                         name);
    size_t first = (size_t)begin->valuedouble, last = (size_t)end->valuedouble, data = file->size - 8 - header;
    if (first > last || last > data)
        return error_set(error, STATUS_INPUT,
                         "%s: tensor %s: data_offsets [%zu, %zu] are not inside the %zu bytes of data%s", path, name,
                         first, last, data, first > last ? "" : ": the file is cut short: copy or download it again");
    if (last - first != bytes)
        return error_set(error, STATUS_INPUT, "%s: tensor %s: its shape needs %zu bytes, data_offsets hold %zu", path,
                         name, bytes, last - first);
    tensor->offset = 8 + header + first;
    tensor->bytes = file->map + tensor->offset;
    tensor->size = bytes;
    return STATUS_OK;
}

static Status read_tensor(const SafetensorsFile *file, const cJSON *entry, size_t header, Tensor *tensor,
                          Error *error) {
    *tensor = (Tensor){.name = entry->string};
    if (!cJSON_IsObject(entry))
        return error_set(error, STATUS_INPUT, "%s: tensor %s must be an object with dtype, shape and data_offsets",
                         file->path, tensor->name);
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    const DtypeRow *row = cJSON_IsString(dtype) ? find_dtype(dtype->valuestring) : NULL;
    if (!row)
        return error_set(error, STATUS_INPUT, "%s: tensor %s: dtype '%s' is not one of the format's", file->path,
                         tensor->name, cJSON_IsString(dtype) ? dtype->valuestring : "");
    tensor->dtype = row->dtype;
    tensor->dtype_name = row->name;
    size_t bytes = 0;
    if (read_shape(file, entry, tensor, row->bits, &bytes, error)) return error->status;
    return read_offsets(file, entry, tensor, header, bytes, error);
}

/* Ascending by address, then by size: an empty tensor comes before another one at the same address. */
static int compare_places(const void *left, const void *right) {
    const Tensor *a = left, *b = right;
    if (a->bytes != b->bytes) return (const char *)a->bytes < (const char *)b->bytes ? -1 : 1;
    return (a->size > b->size) - (a->size < b->size);
}

/* Sort the tensors by address; every byte of the data must belong to exactly one of them. */
static Status check_coverage(SafetensorsFile *file, size_t header, Error *error) {
    if (file->count) qsort(file->tensors, file->count, sizeof *file->tensors, compare_places);
    const unsigned char *next = file->map + 8 + header, *end = file->map + file->size;
    for (size_t i = 0; i < file->count; i++) {
        const Tensor *tensor = &file->tensors[i];
        const unsigned char *begin = tensor->bytes;
        if (begin < next)
            return error_set(error, STATUS_INPUT, "%s: tensor %s overlaps tensor %s", file->path, tensor->name,
                             file->tensors[i - 1].name);
        if (begin > next)
            return error_set(error, STATUS_INPUT, "%s: the %td bytes before tensor %s belong to no tensor", file->path,
                             begin - next, tensor->name);
        next = begin + tensor->size;
    }
    if (next != end)
        return error_set(error, STATUS_INPUT, "%s: the last %td bytes belong to no tensor", file->path, end - next);
    return STATUS_OK;
}

/* Parse and check the header of the mapped file: fill header, tensors and count. */
static Status parse_file(SafetensorsFile *file, Error *error) {
    size_t header = 0;
    if (parse_header(file, &header, error)) return error->status;
    file->tensors = memory_allocate((size_t)cJSON_GetArraySize(file->header), sizeof *file->tensors, error);
    if (!file->tensors) return error->status;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, file->header) {
        if (strcmp(entry->string, "__metadata__") == 0) {
            if (check_metadata(file, entry, error)) return error->status;
        } else if (read_tensor(file, entry, header, &file->tensors[file->count++], error))
            return error->status;
    }
    return check_coverage(file, header, error);
}

/* Map the file, private and writable: the system copies the pages of an embedding that training writes; all others stay
 * on disk. MAP_NORESERVE, since otherwise the system would count the complete file as memory. */
static Status map_file(SafetensorsFile *file, Error *error) {
    file->mapped.path = file->path;
    mapped_file_open(&file->mapped, error); /* parse_file() reports an empty file */
    file->map = file->mapped.bytes;
    file->size = file->mapped.size;
    return error->status;
}

Status safetensors_open(SafetensorsFile **file, const char *path, Error *error) {
    *file = NULL;
    SafetensorsFile *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->path = memory_text(path, error);
    if (!made->path || map_file(made, error) || parse_file(made, error)) {
        safetensors_close(made);
        return error->status;
    }
    *file = made;
    return STATUS_OK;
}

Status safetensors_check(const SafetensorsFile *file, Error *error) {
    return mapped_file_check(&file->mapped, error);
}

void safetensors_close(SafetensorsFile *file) {
    if (!file) return;
    mapped_file_close(&file->mapped);
    cJSON_Delete(file->header);
    memory_free(file->tensors);
    memory_free(file->path);
    memory_free(file);
}

size_t safetensors_count(const SafetensorsFile *file) {
    return file->count;
}

const Tensor *safetensors_at(const SafetensorsFile *file, size_t index) {
    return &file->tensors[index];
}

const Tensor *safetensors_find(const SafetensorsFile *file, const char *name) {
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

/* IEEE 754 binary16 to binary32, exact. A subtraction of normal numbers makes subnormals normal, so that the result
 * does not depend on whether this thread flushes subnormals to zero. */
static float from_half(uint16_t half) {
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13, exponent = bits & 0x7c00u << 13;
    const uint32_t rebias = (127u - 15u) << 23, smallest = 113u << 23;
    float value, least;
    bits += rebias;
    if (exponent == 0x7c00u << 13) bits += (128u - 16u) << 23; /* infinity, NaN */
    if (exponent == 0) {
        bits += 1u << 23;
        memcpy(&value, &bits, sizeof value);
        memcpy(&least, &smallest, sizeof least);
        value -= least;
        memcpy(&bits, &value, sizeof bits);
    }
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* bfloat16 is the upper half of a float32. */
static float from_brain(uint16_t brain) {
    uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void safetensors_read(const Tensor *tensor, size_t first, size_t count, float *out) {
    const unsigned char *bytes = tensor->bytes;
    assert(tensor->dtype <= DTYPE_F64);
    if (tensor->dtype == DTYPE_F32) {
        memcpy(out, bytes + first * sizeof *out, count * sizeof *out);
        return;
    }
    if (tensor->dtype == DTYPE_F64) {
        for (size_t i = 0; i < count; i++) {
            double value; /* at any address */
            memcpy(&value, bytes + (first + i) * sizeof value, sizeof value);
            out[i] = (float)value;
        }
        return;
    }
    bytes += first * sizeof(uint16_t);
    for (size_t i = 0; i < count; i++) {
        uint16_t bits; /* at any address */
        memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
        out[i] = tensor->dtype == DTYPE_F16 ? from_half(bits) : from_brain(bits);
    }
}

void safetensors_discard(const Tensor *tensor) {
    memory_advise((void *)(uintptr_t)tensor->bytes, tensor->size, MADV_DONTNEED);
}

bool safetensors_is_copied(const SafetensorsFile *file) {
    return file->mapped.copied;
}

void safetensors_discard_copy(const SafetensorsFile *file, const Tensor *tensor) {
    if (file->mapped.copied) file_copies_discard(file->path, (int64_t)tensor->offset, (int64_t)tensor->size);
}
