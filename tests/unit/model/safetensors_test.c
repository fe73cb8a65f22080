/* safetensors files: refused headers, dtypes, saving, and mappings. */
#include "linnet/model/safetensors.h"
#include "unit/model_files.h"
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATH in_folder("model.safetensors")
#define ONE "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"

static SafetensorsFile *open_fine(const char *path) {
    SafetensorsFile *file;
    Error error = {0};
    safetensors_open(&file, path, &error);
    assert_fine(&error);
    return file;
}

static void refuse(const char *path, const char *what) {
    SafetensorsFile *file;
    Error error = {0};
    safetensors_open(&file, path, &error);
    assert_refused(&error, what);
    assert_names(error.message, NAMES(path));
    assert_null(file);
}

static void refuse_header(const char *header, size_t data, const char *what) {
    write_tensors(PATH, header, NULL, data);
    refuse(PATH, what);
}

/** A file that starts with these 8 bytes as its header's size. */
static void refuse_prefix(uint64_t length, const char *rest, const char *what) {
    unsigned char bytes[128];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(length >> 8 * i);
    memcpy(bytes + 8, rest, strlen(rest));
    write_bytes(PATH, bytes, 8 + strlen(rest));
    refuse(PATH, what);
}

static void test_refuses_the_frame(void **state) {
    (void)state;
    refuse(in_folder("absent"), "No such file");
    refuse(folder, "folder");
    write_bytes(PATH, "", 0);
    refuse(PATH, "an empty file");
    write_bytes(PATH, "1234567", 7);
    refuse(PATH, "7 bytes");
    refuse_prefix(100000001, "{}", "100000000");
    refuse_prefix(UINT64_MAX, "{}", "100000000");
    refuse_prefix(3, "{}", "3 bytes");
    refuse_prefix(0, "", "{");
    refuse_prefix(1, "{}", "end");
}

static void test_refuses_the_header(void **state) {
    (void)state;
    refuse_header("[]", 0, "{");
    refuse_header(" {}", 0, "{");
    refuse_header("\xef\xbb\xbf{}", 0, "{");
    refuse_header("{}x", 0, "JSON value");
    refuse_header("{\"a\":}", 0, "JSON value");
    refuse_header("{\"\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "UTF-8");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                  "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                  4, "twice");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "twice");
    refuse_header("{\"__metadata__\":{\"a\":1}}", 0, "__metadata__");
    refuse_header("{\"__metadata__\":[]}", 0, "__metadata__");
}

static void test_refuses_an_entry(void **state) {
    (void)state;
    refuse_header("{\"a\":null}", 0, "tensor a");
    refuse_header("{\"a\":[\"F32\",[1],[0,4]]}", 4, "tensor a");
    refuse_header("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype");
    refuse_header("{\"a\":{\"dtype\":3,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype");
    refuse_header("{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'f32'");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, "shape");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "15 digits");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "15 digits");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1e0],\"data_offsets\":[0,4]}}", 4, "15 digits");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1000000000000000],\"data_offsets\":[0,4]}}", 4, "15 digits");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "dimensions");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4, "shape");
    refuse_header("{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, "tensor a");
}

static void test_refuses_places(void **state) {
    (void)state;
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "data_offsets");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "data_offsets");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "data_offsets");
    refuse_header(ONE, 3, "data_offsets");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "8 bytes");
    refuse_header(ONE, 5, "1 byte");
    refuse_header("{}", 1, "1 byte");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "tensor a");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                  "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
                  12, "4 bytes before tensor b");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                  "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
                  8, "overlaps");
}

static void test_opens_what_is_allowed(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data, count;
    } rows[] = {
        {"{}", 0, 0},
        {"{\"__metadata__\":{\"format\":\"pt\"}}", 0, 0},
        {"{\"__metadata__\":null}   ", 0, 0},
        {"{\"a-1e5\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, 1},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]}}", 0, 1},
        {"{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},"
         "\"e\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,4],\"more\":true}}",
         8, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_tensors(PATH, rows[i].header, NULL, rows[i].data);
        SafetensorsFile *file = open_fine(PATH);
        assert_int_equal(safetensors_count(file), rows[i].count);
        safetensors_close(file);
    }
    safetensors_close(NULL);
}

static void test_knows_every_dtype(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int eight; /* bytes of eight elements */
        Dtype dtype;
    } rows[] = {
        {"F32", 32, DTYPE_F32},          {"F16", 16, DTYPE_F16},      {"BF16", 16, DTYPE_BF16},
        {"BOOL", 8, DTYPE_OTHER},        {"U8", 8, DTYPE_OTHER},      {"I8", 8, DTYPE_OTHER},
        {"I16", 16, DTYPE_OTHER},        {"U16", 16, DTYPE_OTHER},    {"I32", 32, DTYPE_I32},
        {"U32", 32, DTYPE_OTHER},        {"I64", 64, DTYPE_OTHER},    {"U64", 64, DTYPE_OTHER},
        {"F64", 64, DTYPE_F64},          {"C64", 64, DTYPE_OTHER},    {"F4", 4, DTYPE_OTHER},
        {"F6_E2M3", 6, DTYPE_OTHER},     {"F6_E3M2", 6, DTYPE_OTHER}, {"F8_E5M2", 8, DTYPE_OTHER},
        {"F8_E4M3", 8, DTYPE_OTHER},     {"F8_E8M0", 8, DTYPE_OTHER}, {"F8_E5M2FNUZ", 8, DTYPE_OTHER},
        {"F8_E4M3FNUZ", 8, DTYPE_OTHER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char header[128];
        snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"%s\",\"shape\":[2,4],\"data_offsets\":[0,%d]}}",
                 rows[i].name, rows[i].eight);
        write_tensors(PATH, header, NULL, (size_t)rows[i].eight);
        SafetensorsFile *file = open_fine(PATH);
        const Tensor *tensor = safetensors_find(file, "a");
        assert_int_equal(tensor->dtype, rows[i].dtype);
        assert_int_equal(tensor->size, rows[i].eight);
        assert_int_equal(tensor->dimensions, 2);
        assert_int_equal(tensor->shape[1], 4);
        assert_null(safetensors_find(file, "b"));
        safetensors_close(file);
    }
}

/** What a binary16 number is by its definition (IEEE 754-2019, 3.4). */
static double half_value(unsigned bits) {
    const unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double sign = bits >> 15 ? -1 : 1;
    if (exponent == 31) return fraction ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, -24);
    return sign * ldexp(1024 + fraction, (int)exponent - 25);
}

/** All 65,536 numbers of both narrow types, at an odd address. */
static void test_converts_every_narrow_number(void **state) {
    (void)state;
    enum { ALL = 65536 };
    unsigned char *bytes = malloc(2 * ALL + 1);
    float *out = malloc(ALL * sizeof *out);
    assert_true(bytes && out);
    for (unsigned i = 0; i < ALL; i++) {
        bytes[1 + 2 * i] = (unsigned char)i;
        bytes[2 + 2 * i] = (unsigned char)(i >> 8);
    }
    Tensor tensor = {.dtype = DTYPE_F16, .bytes = bytes + 1, .size = 2 * ALL};
    safetensors_read(&tensor, 0, ALL, out);
    for (unsigned i = 0; i < ALL; i++) {
        const double wanted = half_value(i);
        assert_true(isnan(wanted) ? isnan(out[i]) : (double)out[i] == wanted);
        assert_int_equal(signbit(out[i]) != 0, i >> 15);
    }
    tensor.dtype = DTYPE_BF16;
    safetensors_read(&tensor, 0, ALL, out);
    for (unsigned i = 0; i < ALL; i++) {
        uint32_t bits;
        memcpy(&bits, &out[i], sizeof bits);
        assert_int_equal(bits, i << 16);
    }
    safetensors_read(&tensor, 0x3f80, 1, out); /* 1.0 in bfloat16 */
    assert_true(out[0] == 1);
    free(bytes);
    free(out);
}

static void test_saves_and_reads_back(void **state) {
    (void)state;
    static const float matrix[6] = {1, -2, 3.5f, 0, 1e-40f, -1e30f}, vector[3] = {7, 8, 9};
    const TensorSource sources[] = {
        {.name = "m", .dimensions = 2, .shape = {2, 3}, .values = matrix},
        {.name = "a \"quoted\" näme", .dimensions = 1, .shape = {3}, .values = vector},
    };
    Error error = {0};
    safetensors_save(PATH, sources, 2, NULL, &error);
    assert_fine(&error);
    SafetensorsFile *file = open_fine(PATH);
    assert_int_equal(safetensors_count(file), 2);
    const Tensor *first = safetensors_at(file, 0), *second = safetensors_find(file, sources[1].name);
    assert_string_equal(first->name, "m");
    assert_int_equal(first->shape[0], 2);
    assert_int_equal(first->shape[1], 3);
    assert_int_equal((uintptr_t)first->bytes % 64, 0);
    assert_memory_equal(first->bytes, matrix, sizeof matrix);
    assert_memory_equal(second->bytes, vector, sizeof vector);
    float out[2];
    safetensors_read(first, 2, 2, out);
    assert_memory_equal(out, matrix + 2, sizeof out);
    safetensors_close(file);
}

/** Offsets beyond 32 bits must be written as plain digits; a sparse file stands for the data. */
static void test_reads_large_offsets(void **state) {
    (void)state;
    static const char header[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[5000000000],\"data_offsets\":[0,5000000000]},"
                                 "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[5000000000,5000000004]}}";
    write_tensors(PATH, header, NULL, 0);
    assert_int_equal(truncate(PATH, (off_t)(8 + strlen(header)) + 5000000004), 0);
    SafetensorsFile *file = open_fine(PATH);
    float value = 1;
    safetensors_read(safetensors_find(file, "b"), 0, 1, &value);
    assert_true(value == 0);
    safetensors_close(file);
}

/** A mapping is private: what is written into it never reaches the file, and it outlives the file's replacement. */
static void test_mapping_is_private(void **state) {
    (void)state;
    static const float old[1] = {3}, new[1] = {4};
    TensorSource source = {.name = "a", .dimensions = 1, .shape = {1}, .values = old};
    Error error = {0};
    safetensors_save(PATH, &source, 1, NULL, &error);
    SafetensorsFile *file = open_fine(PATH), *again;
    float *values = (float *)(uintptr_t)safetensors_at(file, 0)->bytes;
    source.values = new;
    safetensors_save(PATH, &source, 1, NULL, &error);
    assert_true(values[0] == 3);
    values[0] = 5;
    again = open_fine(PATH);
    assert_memory_equal(safetensors_at(again, 0)->bytes, new, sizeof new);
    safetensors_close(again);
    safetensors_close(file);
    assert_fine(&error);
}

static void test_save_says_why_it_cannot(void **state) {
    (void)state;
    Error error = {0};
    assert_int_equal(safetensors_save(in_folder("absent/model.safetensors"), NULL, 0, NULL, &error), STATUS_FAILURE);
    assert_names(error.message, NAMES("absent/model.safetensors", "No such file"));
    /* A limit on the size of files, as a disk that is full. */
    Error full = {0};
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    safetensors_save(in_folder("full"), NULL, 0, NULL, &full);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(full.status, STATUS_FAILURE);
    assert_names(full.message, NAMES("full: ", "File too large"));
    assert_int_not_equal(access(in_folder("full"), F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_the_frame),
        cmocka_unit_test(test_refuses_the_header),
        cmocka_unit_test(test_refuses_an_entry),
        cmocka_unit_test(test_refuses_places),
        cmocka_unit_test(test_opens_what_is_allowed),
        cmocka_unit_test(test_knows_every_dtype),
        cmocka_unit_test(test_converts_every_narrow_number),
        cmocka_unit_test(test_saves_and_reads_back),
        cmocka_unit_test(test_reads_large_offsets),
        cmocka_unit_test(test_mapping_is_private),
        cmocka_unit_test(test_save_says_why_it_cannot),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
