#include "little_endian.h"
#include "npy_header.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A version 1 header around a text. */
static size_t header_of(const char *text, char *bytes, size_t bytes_max)
{
    size_t length = strlen(text);
    assert_true(length + 10 <= bytes_max);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    le_store_u16(bytes + 8, (uint16_t)length);
    memcpy(bytes + 10, text, length);
    return length + 10;
}

/* The memory is exactly as long as the header, so that a sanitizer sees a read past its end. */
static int parse_text(const char *text, struct npy_shape *shape)
{
    char bytes[1024];
    size_t length = header_of(text, bytes, sizeof bytes);
    char *exact = malloc(length);
    assert_non_null(exact);
    memcpy(exact, bytes, length);
    int result = npy_header_parse(exact, length, shape);
    free(exact);
    return result;
}

static void written_header_has_the_promised_form(void **state)
{
    (void)state;
    struct npy_shape shape = {.dtype = DTYPE_F4, .rank = 1, .dims = {1000}};
    char bytes[NPY_HEADER_BYTES];
    assert_int_equal(npy_header_write(&shape, 0, bytes), 0);
    static const char begin[] = "\x93NUMPY\x01\x00\xf6\x0f"
                                "{'descr': '<f4', 'fortran_order': False, 'shape': (1000,), } ";
    assert_memory_equal(bytes, begin, sizeof begin - 1);
    assert_int_equal(bytes[NPY_HEADER_BYTES - 1], '\n');
    for (size_t i = sizeof begin - 1; i < NPY_HEADER_BYTES - 1; i++)
        assert_int_equal(bytes[i], ' ');
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    for (int d = DTYPE_NONE + 1; d < DTYPE_END; d++) {
        for (uint8_t rank = 0; rank <= NPY_RANK_MAX; rank++) {
            for (unsigned width = 0; width <= (rank > 0 ? 20 : 0); width += 10) {
                struct npy_shape shape = {.dtype = (enum dtype)d, .rank = rank};
                for (unsigned i = 0; i < rank; i++)
                    shape.dims[i] = 7 + 1000 * i;
                char bytes[NPY_HEADER_BYTES];
                struct npy_shape back = {0};
                assert_int_equal(npy_header_write(&shape, width, bytes), 0);
                assert_int_equal(npy_header_parse(bytes, sizeof bytes, &back), 0);
                assert_int_equal(back.dtype, d);
                assert_int_equal(back.rank, rank);
                assert_memory_equal(back.dims, shape.dims, sizeof back.dims);
                assert_false(back.fortran_order);
                assert_int_equal(back.header_bytes, NPY_HEADER_BYTES);
            }
        }
    }
}

static void bad_shapes_are_not_written(void **state)
{
    (void)state;
    char bytes[NPY_HEADER_BYTES] = "untouched";
    struct npy_shape deep = {.dtype = DTYPE_F4, .rank = NPY_RANK_MAX + 1};
    struct npy_shape none = {.rank = 1, .dims = {1}};
    struct npy_shape wide = {.dtype = DTYPE_F4, .rank = 1, .dims = {12345}};
    struct npy_shape scalar = {.dtype = DTYPE_F4};
    assert_int_equal(npy_header_write(&deep, 0, bytes), -EINVAL);
    assert_int_equal(npy_header_write(&none, 0, bytes), -EINVAL);
    assert_int_equal(npy_header_write(&wide, 4, bytes), -EINVAL);
    assert_int_equal(npy_header_write(&wide, 100000, bytes), -EINVAL);
    assert_int_equal(npy_header_write(&scalar, 5, bytes), -EINVAL);
    assert_string_equal(bytes, "untouched");
}

static void sound_texts_are_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum dtype dtype;
        uint8_t rank;
        uint64_t dims[3];
        bool fortran_order;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }\n", DTYPE_F4, 1, {5}, false},
        {"{'descr': '<f8', 'fortran_order': True, 'shape': (5, 3), }", DTYPE_F8, 2, {5, 3}, true},
        {"{'shape':(),'fortran_order':False,'descr':'|u1'}", DTYPE_U1, 0, {0}, false},
        {"{\"shape\": (1, 2, 3,), \"descr\": \"<i8\", \"fortran_order\": False}",
         DTYPE_I8,
         3,
         {1, 2, 3},
         false},
        {" \t{ 'descr' : '<u2' , 'fortran_order' : False , 'shape' : ( 0 , ) , } \n",
         DTYPE_U2,
         1,
         {0},
         false},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (9223372036854775807,), }",
         DTYPE_I4,
         1,
         {INT64_MAX},
         false},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (10L, 20L), }",
         DTYPE_I4,
         2,
         {10, 20},
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct npy_shape shape = {0};
        assert_int_equal(parse_text(cases[i].text, &shape), 0);
        assert_int_equal(shape.dtype, cases[i].dtype);
        assert_int_equal(shape.rank, cases[i].rank);
        for (unsigned d = 0; d < cases[i].rank; d++)
            assert_int_equal(shape.dims[d], cases[i].dims[d]);
        assert_int_equal(shape.fortran_order, cases[i].fortran_order);
        assert_int_equal(shape.header_bytes, strlen(cases[i].text) + 10);
    }
}

static void sound_texts_of_other_dtypes_are_told_apart(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{'descr': '>f4', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '|b1', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '<c16', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '<f16', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': [('a', '<f4'), ('b', [('c', '|u1', (2,))])], 'fortran_order':True, 'shape':()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct npy_shape shape = {.rank = 77};
        assert_int_equal(parse_text(cases[i], &shape), -ENOTSUP);
        assert_int_equal(shape.rank, 77);
    }
}

static void broken_texts_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "{}",
        "[]",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), ",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), } x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-5,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (05,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5,,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 5, }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5, }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'shape': (5,)}",
        "{'fortran_order': False, 'shape': (5,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': Falsehood, 'shape': (5,), }",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (5,), }",
        "{'descr': <f4, 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (5,), }",
        "{'descr': [('a', '<f4'), 'fortran_order': False, 'shape': (5,), }",
        "{'descr': [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (5,), }",
        "{'descr' '<f4', 'fortran_order': False, 'shape': (5,), }",
        "{,'descr': '<f4', 'fortran_order': False, 'shape': (5,), }",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct npy_shape shape = {.rank = 77};
        int result = parse_text(cases[i], &shape);
        if (result != -EBADMSG)
            fail_msg("%d for: %s", result, cases[i]);
        assert_int_equal(shape.rank, 77);
    }
}

static void versions_two_and_three_have_a_longer_length(void **state)
{
    (void)state;
    static const char text[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }\n";
    char bytes[12 + sizeof text - 1];
    memcpy(bytes, "\x93NUMPY\x02\x00", 8);
    le_store_u32(bytes + 8, sizeof text - 1);
    memcpy(bytes + 12, text, sizeof text - 1);
    struct npy_shape shape;
    for (char version = 2; version <= 3; version++) {
        bytes[6] = version;
        assert_int_equal(npy_header_parse(bytes, sizeof bytes, &shape), 0);
        assert_int_equal(shape.header_bytes, sizeof bytes);
    }
    bytes[6] = 4;
    assert_int_equal(npy_header_parse(bytes, sizeof bytes, &shape), -EBADMSG);
    bytes[6] = 2;
    bytes[7] = 1;
    assert_int_equal(npy_header_parse(bytes, sizeof bytes, &shape), -EBADMSG);
    bytes[7] = 0;
    le_store_u32(bytes + 8, UINT32_MAX);
    assert_int_equal(npy_header_parse(bytes, sizeof bytes, &shape), -ENODATA);
}

static void every_shorter_length_says_that_more_is_needed(void **state)
{
    (void)state;
    char bytes[256];
    size_t length = header_of("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }\n", bytes,
                              sizeof bytes);
    struct npy_shape shape;
    for (size_t cut = 0; cut < length; cut++) {
        char *exact = malloc(cut + 1);
        assert_non_null(exact);
        memcpy(exact + 1, bytes, cut);
        assert_int_equal(npy_header_parse(exact + 1, cut, &shape), -ENODATA);
        free(exact);
    }
    assert_int_equal(npy_header_parse(bytes, length, &shape), 0);
    assert_int_equal(npy_header_parse("PK\x03\x04", 4, &shape), -EBADMSG);
}

/* Any one byte may be anything: an answer, whichever, and never a crash. */
static void every_byte_may_be_damaged(void **state)
{
    (void)state;
    char bytes[256];
    size_t length = header_of("{'descr': '<f4', 'fortran_order': False, 'shape': (12, 3), }\n",
                              bytes, sizeof bytes);
    for (size_t at = 0; at < length; at++) {
        char original = bytes[at];
        for (int value = 0; value < 256; value++) {
            bytes[at] = (char)value;
            char *exact = malloc(length);
            assert_non_null(exact);
            memcpy(exact, bytes, length);
            struct npy_shape shape = {0};
            int result = npy_header_parse(exact, length, &shape);
            assert_true(result == 0 || result == -EBADMSG || result == -ENODATA ||
                        result == -ENOTSUP);
            free(exact);
        }
        bytes[at] = original;
    }
}

static void sizes_that_overflow_are_told(void **state)
{
    (void)state;
    uint64_t elements;
    uint64_t bytes;
    struct npy_shape shape = {.dtype = DTYPE_F8, .rank = 2, .dims = {10, 3}};
    assert_true(npy_shape_bytes(&shape, &elements, &bytes));
    assert_int_equal(elements, 30);
    assert_int_equal(bytes, 240);
    shape.dims[0] = UINT64_C(1) << 62;
    assert_false(npy_shape_bytes(&shape, &elements, &bytes));
    shape.dims[1] = 8;
    assert_false(npy_shape_bytes(&shape, &elements, &bytes));
    shape.rank = 0;
    assert_true(npy_shape_bytes(&shape, &elements, &bytes));
    assert_int_equal(elements, 1);
}

static void growth_changes_one_byte(void **state)
{
    (void)state;
    static const uint64_t first[] = {9,   19,  39,   79,   99,   199,  399,
                                     799, 999, 1999, 3999, 7999, 9999, 19999};
    uint64_t rows = npy_grow_rows(0);
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        assert_int_equal(rows, first[i]);
        assert_int_equal(npy_grow_rows(rows), rows);
        assert_int_equal(npy_grow_rows(rows - 1), rows);
        rows = npy_grow_rows(rows + 1);
    }

    struct npy_shape shape = {.dtype = DTYPE_F4, .rank = 2, .dims = {9, 9}};
    char header[NPY_HEADER_BYTES];
    assert_int_equal(npy_header_write(&shape, 20, header), 0);
    unsigned growths = 0;
    for (uint64_t now = 9, next; (next = npy_grow_rows(now + 1)) != 0; now = next, growths++) {
        size_t offset = 0;
        char byte = 0;
        assert_int_equal(npy_grow_patch(header, now, next, &offset, &byte), 0);
        char wanted[NPY_HEADER_BYTES];
        shape.dims[0] = next;
        assert_int_equal(npy_header_write(&shape, 20, wanted), 0);
        assert_true(header[offset] != byte);
        header[offset] = byte;
        assert_memory_equal(header, wanted, sizeof header);
    }
    /* Four in each of 17 decades, then to 8 x 10^18 - 1. */
    assert_int_equal(growths, 71);
    assert_int_equal(npy_grow_rows(INT64_MAX), 0);
}

static void growth_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct npy_shape shape = {.dtype = DTYPE_F4, .rank = 1, .dims = {99}};
    char header[NPY_HEADER_BYTES];
    size_t offset = 7;
    char byte;
    assert_int_equal(npy_header_write(&shape, 0, header), 0);
    assert_int_equal(npy_grow_patch(header, 99, 199, &offset, &byte), -EINVAL); /* no room */
    assert_int_equal(npy_grow_patch(header, 79, 99, &offset, &byte), -EINVAL);  /* not 79 */
    assert_int_equal(npy_header_write(&shape, 20, header), 0);
    assert_int_equal(npy_grow_patch(header, 99, 399, &offset, &byte), -EINVAL);
    assert_int_equal(npy_grow_patch(header, 98, 99, &offset, &byte), -EINVAL);
    assert_int_equal(npy_grow_patch(header, 99, 99, &offset, &byte), -EINVAL);
    memset(header, 'x', sizeof header);
    assert_int_equal(npy_grow_patch(header, 99, 199, &offset, &byte), -EINVAL);
    assert_int_equal(offset, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_header_has_the_promised_form),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(bad_shapes_are_not_written),
        cmocka_unit_test(sound_texts_are_accepted),
        cmocka_unit_test(sound_texts_of_other_dtypes_are_told_apart),
        cmocka_unit_test(broken_texts_are_refused),
        cmocka_unit_test(versions_two_and_three_have_a_longer_length),
        cmocka_unit_test(every_shorter_length_says_that_more_is_needed),
        cmocka_unit_test(every_byte_may_be_damaged),
        cmocka_unit_test(sizes_that_overflow_are_told),
        cmocka_unit_test(growth_changes_one_byte),
        cmocka_unit_test(growth_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
