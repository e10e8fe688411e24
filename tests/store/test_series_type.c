#include "series_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void sizes(void **state)
{
    (void)state;
    struct series_type scalar = {.dtype = DTYPE_F8, .clock = SERIES_REGULAR};
    assert_int_equal(series_type_elements(&scalar), 1);
    assert_int_equal(series_type_sample_bytes(&scalar), 8);

    struct series_type step = {DTYPE_F4, SERIES_EXPLICIT, 3, {100, 500, 500}};
    assert_int_equal(series_type_elements(&step), 25000000);
    assert_int_equal(series_type_sample_bytes(&step), 100000000);
}

static void sizes_that_cannot_be(void **state)
{
    (void)state;
    struct series_type empty = {DTYPE_F4, SERIES_EXPLICIT, 2, {3, 0}};
    assert_int_equal(series_type_elements(&empty), 0);
    assert_int_equal(series_type_sample_bytes(&empty), 0);
    struct series_type huge = {DTYPE_F4, SERIES_EXPLICIT, 2, {UINT32_MAX, UINT32_MAX}};
    assert_true(series_type_elements(&huge) > 0);
    assert_int_equal(series_type_sample_bytes(&huge), 0);
    huge.rank = 3;
    huge.dims[2] = 2;
    assert_int_equal(series_type_elements(&huge), 0);
    huge.rank = 5;
    assert_int_equal(series_type_elements(&huge), 0);
    struct series_type none = {.clock = SERIES_REGULAR};
    assert_int_equal(series_type_sample_bytes(&none), 0);
}

static void equality(void **state)
{
    (void)state;
    const struct series_type a = {DTYPE_F4, SERIES_EXPLICIT, 2, {3, 4}};
    struct series_type b = a;
    assert_true(series_type_equal(&a, &b));
    b.dims[1] = 5;
    assert_false(series_type_equal(&a, &b));
    b = a;
    b.dtype = DTYPE_F8;
    assert_false(series_type_equal(&a, &b));
    b = a;
    b.clock = SERIES_REGULAR;
    assert_false(series_type_equal(&a, &b));
    b = a;
    b.rank = 1;
    assert_false(series_type_equal(&a, &b));
    b = a;
    b.dims[3] = 9; /* not one of its dims */
    assert_true(series_type_equal(&a, &b));
}

static void text(void **state)
{
    (void)state;
    char buffer[80];
    struct series_type type = {DTYPE_F4, SERIES_REGULAR, 1, {3}};
    assert_string_equal(series_type_text(&type, buffer, sizeof buffer), "f4 (3,) regular");
    type = (struct series_type){.dtype = DTYPE_U1, .clock = SERIES_EXPLICIT};
    assert_string_equal(series_type_text(&type, buffer, sizeof buffer), "u1 () explicit");
    type = (struct series_type){
        DTYPE_I8, SERIES_EXPLICIT, 4, {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    assert_string_equal(series_type_text(&type, buffer, sizeof buffer),
                        "i8 (4294967295, 4294967295, 4294967295, 4294967295) explicit");
    assert_string_equal(series_type_text(&type, buffer, 5), "i8 (");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(sizes_that_cannot_be),
        cmocka_unit_test(equality),
        cmocka_unit_test(text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
