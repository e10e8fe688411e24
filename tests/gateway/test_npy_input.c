#include "npy_input.h"

#include "cmocka_tests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A file's beginning with that dictionary. */
static size_t make(uint8_t *file, uint8_t version, const char *dictionary)
{
    size_t prefix = version == 1 ? 10 : 12, length = strlen(dictionary);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = version;
    file[7] = 0;
    memset(file + 8, 0, 4);
    file[8] = (uint8_t)(length & 0xff);
    file[9] = (uint8_t)(length >> 8);
    memcpy(file + prefix, dictionary, length);
    return prefix + length;
}

static int parse(const char *dictionary, struct npy_array *ret_array, struct error_text *error)
{
    uint8_t file[512] = {0};
    size_t length = make(file, 1, dictionary), offset = 0;
    int result = npy_data_offset(file, &offset, error);
    if (result < 0)
        return result;
    assert_int_equal(offset, length);
    return npy_parse(file, offset, ret_array, error);
}

static void test_headers_that_numpy_writes(void **state)
{
    (void)state;
    struct npy_array array = {.dtype = DTYPE_NONE};
    struct error_text error = {""};
    assert_int_equal(
        parse("{'descr': '<f8', 'fortran_order': False, 'shape': (100,), }   \n", &array, &error),
        0);
    assert_int_equal(array.dtype, DTYPE_F8);
    assert_int_equal(array.count, 100);
    assert_int_equal(array.rank, 0);
    assert_int_equal(array.sample_bytes, 8);
    assert_int_equal(
        parse("{'shape': (7, 3, 2), 'descr': '|u1', 'fortran_order': False}", &array, &error), 0);
    assert_int_equal(array.dtype, DTYPE_U1);
    assert_int_equal(array.rank, 2);
    assert_true(array.dims[0] == 3 && array.dims[1] == 2);
    assert_int_equal(array.sample_bytes, 6);
    assert_int_equal(
        parse("{\"descr\": \"<i2\", 'fortran_order': True, 'shape': (5L,)}", &array, &error), 0);
    assert_int_equal(
        parse("{'descr': '<M8[ms]', 'fortran_order': False, 'shape': (0,), }", &array, &error), 0);
    assert_int_equal(array.time_unit_ns, 1000000);
    assert_int_equal(array.count, 0);
    assert_int_equal(
        parse("{'descr': '|b1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1)}", &array, &error),
        0);
    assert_int_equal(array.dtype, DTYPE_U1);
    assert_int_equal(array.rank, 4);
}

static void test_versions(void **state)
{
    (void)state;
    uint8_t file[512] = {0};
    struct npy_array array = {.dtype = DTYPE_NONE};
    struct error_text error = {""};
    size_t offset;
    for (uint8_t version = 2; version <= 3; version++) {
        size_t length =
            make(file, version, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}");
        assert_int_equal(npy_data_offset(file, &offset, &error), 0);
        assert_int_equal(offset, length);
        assert_int_equal(npy_parse(file, offset, &array, &error), 0);
    }
    make(file, 4, "{}");
    assert_int_equal(npy_data_offset(file, &offset, &error), -EBADMSG);
    file[0] = 'x';
    assert_int_equal(npy_data_offset(file, &offset, &error), -EBADMSG);
    make(file, 2, "{}");
    file[11] = 1; /* 16 MiB of header */
    assert_int_equal(npy_data_offset(file, &offset, &error), -EBADMSG);
}

static void test_what_cannot_be_sent_says_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *dictionary, *says;
    } cases[] = {
        {"{'descr': '>f8', 'fortran_order': False, 'shape': (3,)}", "big-endian"},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (3,)}", "astype"},
        {"{'descr': '<c16', 'fortran_order': False, 'shape': (3,)}", "astype"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", "astype"},
        {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,)}", "structured"},
        {"{'descr': '<f8', 'fortran_order': True, 'shape': (3, 2)}", "Fortran"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': ()}", "reshape"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 0)}", "no elements"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1, 1, 1, 1, 1)}", "dimensions"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4294967295, 4294967295, "
         "4294967295)}",
         "too large"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", "damaged"},
        {"{'descr': '<f8', 'fortran_order': False}", "missing"},
        {"{'descr': '<f8' 'fortran_order': False, 'shape': (3,)}", "comma"},
        {"{'descr': '<f8', 'other': False, 'shape': (3,)}", "other"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,)", "comma"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3", "damaged"},
        {"[1]", "dictionary"},
        {"{'descr", "key"},
        {"  ", "dictionary"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct npy_array array = {.dtype = DTYPE_NONE};
        struct error_text error = {""};
        assert_int_equal(parse(cases[i].dictionary, &array, &error), -EBADMSG);
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("'%s' for %s", error.text, cases[i].dictionary);
    }
}

/* No beginning of a header is taken for a whole one, and none is read past its end. */
static void test_cut_headers(void **state)
{
    (void)state;
    static const char dictionary[] =
        "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 34), }";
    for (size_t length = 2; length < sizeof dictionary - 1; length++) {
        char cut[sizeof dictionary];
        memcpy(cut, dictionary, length);
        cut[length] = '\0';
        struct npy_array array = {.dtype = DTYPE_NONE};
        assert_int_equal(parse(cut, &array, NULL), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_that_numpy_writes),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_what_cannot_be_sent_says_what_to_do),
        cmocka_unit_test(test_cut_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
