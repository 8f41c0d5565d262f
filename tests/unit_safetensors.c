/* Model files: round trips, and files that mean harm. */
#include "base/bytes.h"
#include "base/rng.h"
#include "model_file.h"
#include "testing.h"
#include "train/network.h"
#include "train/safetensors.h"
#include <string.h>
#include <unistd.h>

/* ---- What is written comes back ---- */

static void tensors_and_texts_come_back(void **state)
{
    (void)state;
    const float a[] = {1, -2, 3.5f, 4, 5, 6}, b[] = {0.1f};
    const struct crew_st_meta meta[] = {{"format", "x 1"}, {"quote\"d", "line\nnext \xc3\xa9"}};
    const struct crew_st_tensor tensor[] = {
        {.name = "w", .n_dims = 2, .dims = {2, 3}, .data = a, .count = 6},
        {.name = "empty", .n_dims = 2, .dims = {0, 7}, .data = a, .count = 0},
        {.name = "scalar", .n_dims = 0, .data = b, .count = 1}};
    crew_st_file *f;
    unlink(path);
    assert_int_equal(crew_st_write(path, false, false, meta, 2, tensor, 3, &err), CREW_OK);
    assert_int_equal(crew_st_read(path, &f, &err), CREW_OK);
    assert_string_equal(crew_st_meta(f, "format"), "x 1");
    assert_string_equal(crew_st_meta(f, "quote\"d"), "line\nnext \xc3\xa9");
    assert_null(crew_st_meta(f, "absent"));
    const struct crew_st_tensor *w = crew_st_find(f, "w", CREW_ST_F32),
                                *s = crew_st_find(f, "scalar", CREW_ST_F32);
    assert_true(w->n_dims == 2 && w->dims[0] == 2 && w->dims[1] == 3 && w->count == 6);
    assert_memory_equal(w->data, a, sizeof a);
    assert_int_equal((uintptr_t)w->data % 8, 0);
    assert_true(s->n_dims == 0 && s->count == 1);
    assert_memory_equal(s->data, b, sizeof b[0]);
    assert_int_equal(crew_st_find(f, "empty", CREW_ST_F32)->count, 0);
    assert_null(crew_st_find(f, "absent", CREW_ST_F32));
    crew_st_close(f);
    crew_st_close(NULL);
}

static crew_network *network(void)
{
    static const char *const names[] = {"cat", "d\"og", "c\xc3\xb4w"};
    static float offset[] = {1, 2, 3, 4, 5, 6}, factor[] = {1, 0.5f, 0.25f, 0, 3, 4};
    const struct crew_scaler scaler = {CREW_SCALE_STANDARD, 6, offset, factor};
    const struct crew_model_shape shape = {2, 3, 1, 3};
    crew_network *net;
    assert_int_equal(crew_network_create("mlp:5,4", &shape, names, &scaler, &net, &err),
                     CREW_OK);
    net->params = malloc(net->n_params * sizeof *net->params);
    net->ops->init(net->model, 3, net->params);
    return net;
}

static void drop(crew_network *net)
{
    free(net->params);
    crew_network_destroy(net);
}

static void a_network_comes_back(void **state)
{
    (void)state;
    crew_network *net = network(), *back;
    struct crew_network_info a, b;
    float x[2 * 6], p[2 * 3], q[2 * 3];
    assert_int_equal(crew_network_save(net, path, true, &err), CREW_OK);
    assert_int_equal(crew_network_load(path, &back, &err), CREW_OK);
    crew_network_info(net, &a);
    crew_network_info(back, &b);
    assert_string_equal(b.model, "mlp:5,4");
    assert_memory_equal(&a.shape, &b.shape, sizeof a.shape);
    assert_int_equal(b.features, 6);
    for (int i = 0; i < 3; i++)
        assert_string_equal(a.class_names[i], b.class_names[i]);
    assert_int_equal(b.scaler.kind, CREW_SCALE_STANDARD);
    assert_memory_equal(a.scaler.offset, b.scaler.offset, 6 * sizeof(float));
    assert_memory_equal(a.scaler.factor, b.scaler.factor, 6 * sizeof(float));
    assert_int_equal(a.n_params, b.n_params);
    assert_memory_equal(a.params, b.params, a.n_params * sizeof(float));
    for (int i = 0; i < 12; i++)
        x[i] = (float)i / 12;
    assert_int_equal(crew_network_predict(net, x, 2, p), CREW_OK);
    assert_int_equal(crew_network_predict(back, x, 2, q), CREW_OK);
    assert_memory_equal(p, q, sizeof p);
    crew_network_destroy(back);
    drop(net);
}

/* Found out before the training, not when its result is to be saved. */
static void class_names_that_are_not_utf_8_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"the", "caf\xe9"};
    const struct crew_model_shape shape = {1, 2, 1, 2};
    crew_network *net;
    assert_int_equal(crew_network_create("softmax", &shape, names, NULL, &net, &err),
                     CREW_EFORMAT);
    assert_null(net);
    assert_non_null(strstr(err.text, "class 1 (from 0) is not UTF-8"));
}

/* 40 layers of 2^26 values a row, most of them without a weight: 3 TB for 256 rows. */
static void layers_beyond_the_memory_are_refused_when_used(void **state)
{
    (void)state;
    const struct crew_model_shape shape = {8, 8, 1, 2};
    char spec[300] = "cnn:conv1x1-1048576";
    for (int i = 0; i < 40; i++)
        strcat(spec, ",pool1");
    strcat(spec, ",avgpool");
    static float x[300 * 64], p[300 * 2];
    static uint32_t label[300];
    struct crew_evaluation out;
    crew_dataset *rows;
    crew_network *net;
    assert_int_equal(crew_network_create(spec, &shape, NULL, NULL, &net, &err), CREW_OK);
    net->params = calloc(net->n_params, sizeof *net->params);
    assert_non_null(net->params);
    assert_int_equal(crew_network_predict(net, x, 300, p), CREW_ENOMEM);
    assert_int_equal(crew_dataset_wrap(x, label, 300, 64, 2, &rows, &err), CREW_OK);
    assert_int_equal(crew_network_evaluate(net, rows, &out, NULL, &err), CREW_ENOMEM);
    assert_non_null(strstr(err.text, "to evaluate 256 rows at a time: no memory"));
    crew_dataset_destroy(rows);
    drop(net);
}

/* ---- Hostile files ---- */

#define T(NAME, DTYPE, SHAPE, FROM, TO)                                                        \
    "\"" NAME "\":{\"dtype\":\"" DTYPE "\",\"shape\":" SHAPE ",\"data_offsets\":[" FROM "," TO \
    "]}"

/* Header text and the bytes of data that follow it; each differs from a good file in one thing.
 */
static const struct {
    const char *what, *header;
    size_t data;
} hostile[] = {
    {"gap between tensors",
     "{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "8", "12") "}", 12},
    {"gap at the start", "{" T("a", "F32", "[1]", "4", "8") "}", 8},
    {"overlap", "{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[1]", "4", "8") "}", 8},
    {"overlap and gap of the same size",
     "{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[1]", "4", "8") "}", 12},
    {"same place", "{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "0", "4") "}",
     4},
    {"trailing bytes", "{" T("a", "F32", "[1]", "0", "4") "}", 5},
    {"bytes of no tensor", "{}", 4},
    {"beyond the file", "{" T("a", "F32", "[2]", "0", "8") "}", 4},
    {"far beyond the file",
     "{" T("a", "F32", "[1]", "9223372036854775800", "9223372036854775804") "}", 4},
    {"end before begin", "{" T("a", "F32", "[1]", "4", "0") "}", 4},
    {"negative begin", "{" T("a", "F32", "[1]", "-4", "0") "}", 4},
    {"begin not aligned", "{" T("a", "F32", "[1]", "1", "5") "}", 5},
    {"fewer bytes than the shape", "{" T("a", "F32", "[2]", "0", "4") "}", 4},
    {"more bytes than the shape", "{" T("a", "F32", "[1]", "0", "8") "}", 8},
    {"product overflows to 0", "{" T("a", "F32", "[4294967296,4294967296]", "0", "0") "}", 0},
    {"product overflows to 1", "{" T("a", "F32", "[6700417,2753074036095]", "0", "4") "}", 4},
    {"bytes overflow", "{" T("a", "F32", "[4611686018427387905]", "0", "4") "}", 4},
    {"negative dimensions", "{" T("a", "F32", "[-1,-1]", "0", "4") "}", 4},
    {"number too large for 64 bits", "{" T("a", "F32", "[18446744073709551617]", "0", "4") "}",
     4},
    {"fractional dimension", "{" T("a", "F32", "[1.0]", "0", "4") "}", 4},
    {"text as dimension", "{" T("a", "F32", "[\"1\"]", "0", "0") "}", 0},
    {"text as shape", "{" T("a", "F32", "\"1\"", "0", "4") "}", 4},
    {"5 dimensions", "{" T("a", "F32", "[1,1,1,1,1]", "0", "4") "}", 4},
    {"another dtype", "{" T("a", "F16", "[2]", "0", "4") "}", 4},
    {"a dtype of other bytes", "{" T("a", "F64", "[1]", "0", "4") "}", 4},
    {"dtype in lower case", "{" T("a", "f32", "[1]", "0", "4") "}", 4},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
    {"no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4},
    {"no data_offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4},
    {"3 data_offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4},
    {"fractional offset", "{" T("a", "F32", "[1]", "0", "4.0") "}", 4},
    {"tensor that is no object", "{\"a\":7}", 0},
    {"duplicate name",
     "{" T("a", "F32", "[1]", "0", "4") "," T("a", "F32", "[1]", "4", "8") "}", 8},
    {"duplicate key",
     "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
    {"name not UTF-8", "{" T("a\xff", "F32", "[1]", "0", "4") "}", 4},
    {"name with a 0", "{" T("a\\u0000b", "F32", "[1]", "0", "4") "}", 4},
    {"list as header", "[]", 0},
    {"number as header", "123", 0},
    {"header cut short", "{" T("a", "F32", "[1]", "0", "4"), 4},
    {"two headers", "{}{}", 0},
    {"blank header", "        ", 0},
};

/* Header padded to a multiple of 8 by blanks, as the format allows. */
static size_t build(uint8_t *file, const char *header, size_t data)
{
    size_t n = strlen(header), padded = (n + 7) / 8 * 8;
    crew_put_le64(file, padded);
    memset(file + 8, ' ', padded);
    memcpy(file + 8, header, n);
    memset(file + 8 + padded, 1, data);
    return 8 + padded + data;
}

static void is_refused(const char *what)
{
    crew_st_file *f = (crew_st_file *)&err;
    err.text[0] = '\0';
    crew_status status = crew_st_read(path, &f, &err);
    if (status != CREW_EFORMAT || f || !strstr(err.text, path))
        fail_msg("%s: status %d, '%s'", what, status, err.text);
}

static void a_header_that_nobody_reads_is_not_written(void **state)
{
    (void)state;
    size_t n = 1 << 20;
    char *text = malloc(n + 1);
    memset(text, 'x', n);
    text[n] = '\0';
    const struct crew_st_meta meta[] = {{"long", text}};
    const struct crew_st_tensor none = {.name = NULL};
    unlink(path);
    assert_int_equal(crew_st_write(path, false, false, meta, 1, &none, 0, &err), CREW_EOUTPUT);
    assert_non_null(strstr(err.text, "1 MiB"));
    assert_int_equal(access(path, F_OK), -1);
    text[n - 100] = '\0';
    assert_int_equal(crew_st_write(path, false, false, meta, 1, &none, 0, &err), CREW_OK);
    crew_st_file *f;
    assert_int_equal(crew_st_read(path, &f, &err), CREW_OK);
    crew_st_close(f);
    free(text);
}

static void hostile_headers_are_refused(void **state)
{
    (void)state;
    uint8_t file[512];
    crew_st_file *f;
    put(file, build(file, "{" T("a", "F32", "[1]", "0", "4") "}", 4)); /* the good one */
    assert_int_equal(crew_st_read(path, &f, &err), CREW_OK);
    crew_st_close(f);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        put(file, build(file, hostile[i].header, hostile[i].data));
        is_refused(hostile[i].what);
    }
}

static void lengths_beyond_the_file_are_refused(void **state)
{
    (void)state;
    uint8_t file[512];
    size_t n = build(file, "{" T("a", "F32", "[1]", "0", "4") "}", 4);
    const uint64_t lengths[] = {n - 7,     n - 4,          n,         (1 << 20) + 8,
                                INT64_MAX, UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        crew_put_le64(file, lengths[i]);
        put(file, n);
        is_refused("length");
    }
    for (size_t cut = 0; cut < n; cut++) {
        build(file, "{" T("a", "F32", "[1]", "0", "4") "}", 4);
        put(file, cut);
        is_refused("cut");
    }
    memcpy(file + 8, "{}  ", 4);
    crew_put_le64(file, 3); /* tensors would not be aligned */
    put(file, 11);
    is_refused("3 bytes of header");
}

static void a_million_dimensions_are_refused(void **state)
{
    (void)state;
    enum { N = 500000 };
    static const char open[] = "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4],\"shape\":[1";
    char *header = malloc(2 * N + 200), *at = header + sizeof open - 1;
    uint8_t *file = malloc(2 * N + 300);
    memcpy(header, open, sizeof open);
    for (int i = 0; i < N; i++, at += 2)
        memcpy(at, ",1", 2);
    memcpy(at, "]}}", 4);
    put(file, build(file, header, 4));
    is_refused("dimensions");
    memset(header, '[', 2 * N); /* and as deep a nesting */
    header[2 * N] = '\0';
    put(file, build(file, header, 4));
    is_refused("nesting");
    free(header);
    free(file);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    crew_st_file *f;
    unlink(path);
    assert_int_equal(crew_st_read(path, &f, &err), CREW_EINPUT);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(crew_st_read(folder, &f, &err), CREW_EINPUT);
    assert_int_equal(crew_st_read("/dev/null", &f, &err), CREW_EINPUT);
    assert_null(f);
}

/* Any byte changed, taken out or doubled: refused, or read as a network whose parameters are
 * there. */
static void no_mutation_crashes(void **state)
{
    (void)state;
    crew_network *net = network(), *back;
    size_t n;
    assert_int_equal(crew_network_save(net, path, true, &err), CREW_OK);
    uint8_t *good = get(&n), *bad = malloc(2 * n);
    size_t header = 8 + (size_t)crew_le64(good);
    for (uint64_t i = 0; i < 3000; i++) {
        uint32_t r[4];
        size_t m = n;
        memcpy(bad, good, n);
        for (uint32_t k = 0; k < 1 + i % 3; k++) {
            crew_rng4(test_seed(), CREW_STREAM_TEST, k, i, r);
            size_t at = r[0] % (r[1] % 8 ? header : m);
            if (r[2] % 4 == 0 && m > 1) {
                memmove(bad + at, bad + at + 1, --m - at);
            } else if (r[2] % 4 == 1 && m + 1 < 2 * n) {
                memmove(bad + at + 1, bad + at, m++ - at);
            } else {
                bad[at] = r[2] % 4 == 2 ? (uint8_t)r[3]
                                        : (uint8_t)("0123456789-[]{},:\"eE. "[r[3] % 22]);
            }
        }
        put(bad, m);
        crew_status status = crew_network_load(path, &back, &err);
        assert_true(status == CREW_OK || status == CREW_EFORMAT || status == CREW_ENOMEM);
        if (status == CREW_OK) {
            struct crew_network_info info;
            crew_network_info(back, &info);
            (void)crew_hash(0, info.params, info.n_params * sizeof(float));
            crew_network_destroy(back);
        }
    }
    free(good);
    free(bad);
    drop(net);
}

static void a_network_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    crew_network *net = network(), *back;
    size_t n;
    assert_int_equal(crew_network_save(net, path, true, &err), CREW_OK);
    uint8_t *good = get(&n);
    for (size_t cut = 0; cut < n; cut++) {
        put(good, cut);
        back = net;
        assert_int_equal(crew_network_load(path, &back, &err), CREW_EFORMAT);
        assert_null(back);
    }
    free(good);
    drop(net);
}

/* ---- Networks that contradict themselves ---- */

/* A file of softmax, 2 features, 3 classes, scaled; one text or one tensor is replaced by
 * `other` or `bad`, or left out where that has no value, no data. */
static crew_status load_with(const struct crew_st_meta *other, const struct crew_st_tensor *bad)
{
    static const float w[6] = {0}, three[3] = {0};
    static const struct crew_st_meta meta[] = {{"format", "crew 1"}, {"model", "softmax"},
                                               {"shape", "1,2,1"},   {"classes", "3"},
                                               {"scale", "unit"},    {"class_names", "[]"}};
    const struct crew_st_tensor tensor[] = {
        {.name = "layers.0.weight", .n_dims = 2, .dims = {2, 3}, .data = w, .count = 6},
        {.name = "layers.0.bias", .n_dims = 1, .dims = {3}, .data = three, .count = 3},
        {.name = "input.offset", .n_dims = 1, .dims = {2}, .data = w, .count = 2},
        {.name = "input.factor", .n_dims = 1, .dims = {2}, .data = w, .count = 2}};
    struct crew_st_meta texts[6];
    struct crew_st_tensor tensors[4];
    size_t n = 0, k = 0;
    for (size_t i = 0; i < 6; i++) {
        bool same = other && strcmp(meta[i].key, other->key) == 0;
        if (!same || other->value)
            texts[n++] = same ? *other : meta[i];
    }
    for (size_t i = 0; i < 4; i++) {
        bool same = bad && strcmp(tensor[i].name, bad->name) == 0;
        if (!same || bad->data)
            tensors[k++] = same ? *bad : tensor[i];
    }
    crew_network *net;
    assert_int_equal(crew_st_write(path, true, false, texts, n, tensors, k, &err), CREW_OK);
    crew_status status = crew_network_load(path, &net, &err);
    assert_true((status == CREW_OK) == (net != NULL));
    crew_network_destroy(net);
    return status;
}

static void what_the_metadata_claims_is_checked(void **state)
{
    (void)state;
    static const struct crew_st_meta bad[] = {{"format", "crew 2"},
                                              {"format", NULL},
                                              {"model", "sofmax"},
                                              {"model", NULL},
                                              {"model", "softmax:3"},
                                              {"model", "mlp:4"},
                                              {"model", "mlp:1048576,1048576"},
                                              {"shape", "2,1"},
                                              {"shape", "1,2,0"},
                                              {"shape", "1,2,1,1"},
                                              {"shape", "-1,2,1"},
                                              {"shape", NULL},
                                              {"shape", "1,3,1"},
                                              {"shape", "2147483647,2147483647,2147483647"},
                                              {"classes", "1"},
                                              {"classes", "4"},
                                              {"classes", "65537"},
                                              {"classes", NULL},
                                              {"class_names", "[\"a\"]"},
                                              {"class_names", "[1,2,3]"},
                                              {"class_names", "{}"},
                                              {"class_names", "["},
                                              {"scale", "whatever"},
                                              {"scale", NULL}};
    assert_int_equal(load_with(NULL, NULL), CREW_OK);
    assert_int_equal(load_with(&(struct crew_st_meta){"scale", "none"}, NULL), CREW_OK);
    assert_int_equal(
        load_with(&(struct crew_st_meta){"class_names", "[\"a\",\"b\",\"c\"]"}, NULL), CREW_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (load_with(&bad[i], NULL) != CREW_EFORMAT)
            fail_msg("%s = %s: '%s'", bad[i].key, bad[i].value ? bad[i].value : "(none)",
                     err.text);
}

static void tensors_of_another_shape_are_refused(void **state)
{
    (void)state;
    static const float x[12] = {0};
    const struct crew_st_tensor bad[] = {
        {.name = "layers.0.weight"},
        {.name = "layers.0.weight", .n_dims = 2, .dims = {3, 2}, .data = x, .count = 6},
        {.name = "layers.0.weight", .n_dims = 1, .dims = {6}, .data = x, .count = 6},
        {.name = "layers.0.weight", .n_dims = 3, .dims = {2, 3, 1}, .data = x, .count = 6},
        {.name = "layers.0.weight", .n_dims = 3, .dims = {2, 3, 2}, .data = x, .count = 12},
        {.name = "layers.0.bias"},
        {.name = "layers.0.bias", .n_dims = 1, .dims = {2}, .data = x, .count = 2},
        {.name = "layers.0.bias", .n_dims = 0, .data = x, .count = 1},
        {.name = "input.offset"},
        {.name = "input.offset", .n_dims = 1, .dims = {1}, .data = x, .count = 1},
        {.name = "input.factor"},
        {.name = "input.factor", .n_dims = 1, .dims = {3}, .data = x, .count = 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (load_with(NULL, &bad[i]) != CREW_EFORMAT)
            fail_msg("%s, case %zu: '%s'", bad[i].name, i, err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_and_texts_come_back),
        cmocka_unit_test(a_network_comes_back),
        cmocka_unit_test(class_names_that_are_not_utf_8_are_refused),
        cmocka_unit_test(layers_beyond_the_memory_are_refused_when_used),
        cmocka_unit_test(a_header_that_nobody_reads_is_not_written),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(lengths_beyond_the_file_are_refused),
        cmocka_unit_test(a_million_dimensions_are_refused),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(no_mutation_crashes),
        cmocka_unit_test(a_network_cut_at_any_byte_is_refused),
        cmocka_unit_test(what_the_metadata_claims_is_checked),
        cmocka_unit_test(tensors_of_another_shape_are_refused),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, enter, leave);
}
