/* Nothing that a reduced plot must show gets lost in the reduction. */
#include "cmocka_tests.h"

#include "plot_envelope.h"

#include <errno.h>
#include <math.h>

static struct plot_envelope *make(int64_t low_ns, int64_t high_ns, size_t columns)
{
    struct plot_envelope *envelope = NULL;
    assert_int_equal(plot_envelope_create(low_ns, high_ns, columns, &envelope), 0);
    return envelope;
}

static void add(struct plot_envelope *envelope, int64_t time_ns, double value)
{
    plot_envelope_add(envelope, &time_ns, &value, 1, 1);
}

/* Columns with values that no line leads to. */
static size_t pieces(const struct plot_envelope *envelope)
{
    size_t count = 0;
    for (size_t i = 0; i < envelope->columns_count; i++)
        count += envelope->columns[i].count > 0 && !envelope->columns[i].joined;
    return count;
}

static void a_spike_in_a_million_stays(void **state)
{
    (void)state;
    struct plot_envelope *envelope = make(0, 999999, 100);
    for (int64_t i = 0; i < 1000000; i++)
        add(envelope, i, i == 123456 ? 1e6 : i == 700001 ? -1e6 : 0.5);
    assert_int_equal(plot_envelope_finish(envelope), 0);
    assert_int_equal(envelope->finite, 1000000);
    assert_true(envelope->max == 1e6 && envelope->min == -1e6);
    assert_true(envelope->columns[12].max == 1e6 && envelope->columns[12].min == 0.5);
    assert_true(envelope->columns[70].min == -1e6);
    assert_true(envelope->columns[13].max == 0.5);
    assert_int_equal(pieces(envelope), 1);

    struct plot_envelope *narrow = NULL;
    assert_int_equal(plot_envelope_narrow(envelope, 30, &narrow), 0);
    assert_true(narrow->columns[3].max == 1e6 && narrow->columns[21].min == -1e6);
    uint64_t count = 0;
    for (size_t i = 0; i < 30; i++)
        count += narrow->columns[i].count;
    assert_int_equal(count, 1000000);
    plot_envelope_free(narrow);
    assert_int_equal(plot_envelope_narrow(envelope, 101, &narrow), -EINVAL);
    plot_envelope_free(envelope);
}

static void columns_know_first_last_and_mean(void **state)
{
    (void)state;
    struct plot_envelope *envelope = make(100, 199, 2);
    const int64_t times_ns[] = {99, 100, 110, 149, 150, 199, 200};
    const double values[] = {9, 0, 1, 0, 5, 0, 3, 0, 7, 0, 8, 0, 9};
    plot_envelope_add(envelope, times_ns, values, 2, 7);
    const struct envelope_column *column = &envelope->columns[0];
    assert_int_equal(envelope->finite, 5); /* the first and the last lie outside */
    assert_int_equal(column->count, 3);
    assert_true(column->first == 1 && column->last == 3 && column->min == 1 && column->max == 5);
    assert_int_equal(column->first_ns, 100);
    assert_int_equal(column->last_ns, 149);
    assert_true(envelope_column_mean(column) == 3);
    assert_int_equal(envelope->columns[1].count, 2);
    plot_envelope_free(envelope);
}

static void means_stay_within_the_values(void **state)
{
    (void)state;
    struct plot_envelope *envelope = make(0, 9, 1);
    add(envelope, 0, 1.7e308);
    add(envelope, 1, 1.7e308);
    add(envelope, 2, 1.6e308);
    double mean = envelope_column_mean(&envelope->columns[0]);
    assert_true(mean >= 1.6e308 && mean <= 1.7e308);
    plot_envelope_free(envelope);
}

static void missing_values_leave_a_gap(void **state)
{
    (void)state;
    struct plot_envelope *envelope = make(0, 999, 100);
    for (int64_t i = 0; i < 1000; i++)
        add(envelope, i, i >= 500 && i < 600 ? (i % 2 ? (double)NAN : (double)INFINITY) : 1);
    assert_int_equal(plot_envelope_finish(envelope), 0);
    assert_int_equal(envelope->missing, 100);
    assert_int_equal(envelope->columns[55].count, 0);
    assert_false(envelope->columns[60].joined);
    assert_int_equal(pieces(envelope), 2);
    plot_envelope_free(envelope);
}

static void one_missing_value_parts_sparse_samples(void **state)
{
    (void)state;
    struct plot_envelope *envelope = make(0, 999, 1000);
    for (int64_t i = 0; i < 1000; i += 100)
        add(envelope, i, i == 300 ? (double)NAN : 1);
    assert_int_equal(plot_envelope_finish(envelope), 0);
    assert_true(envelope->columns[200].joined);
    assert_false(envelope->columns[400].joined);
    assert_true(envelope->columns[500].joined);
    plot_envelope_free(envelope);
}

static void sparse_samples_are_joined_and_pauses_are_not(void **state)
{
    (void)state;
    struct plot_envelope *envelope = make(0, 1999, 500);
    for (int64_t i = 0; i < 2000; i += 20)
        if (i <= 1000 || i >= 1200)
            add(envelope, i + i / 20 % 3, (double)i); /* some jitter */
    assert_int_equal(plot_envelope_finish(envelope), 0);
    assert_int_equal(pieces(envelope), 2);
    assert_false(envelope->columns[300].joined);
    plot_envelope_free(envelope);
}

static void bursts_are_told_apart(void **state)
{
    (void)state;
    struct plot_envelope *envelope = make(0, 999999, 200);
    for (int64_t burst = 0; burst < 10; burst++)
        for (int64_t i = 0; i < 1000; i++)
            add(envelope, burst * 100000 + i, 1);
    assert_int_equal(plot_envelope_finish(envelope), 0);
    assert_int_equal(pieces(envelope), 10);
    plot_envelope_free(envelope);
}

static void any_times_fit(void **state)
{
    (void)state;
    struct plot_envelope *envelope = make(INT64_MIN, INT64_MAX, 7);
    add(envelope, INT64_MIN, 1);
    add(envelope, 0, 2);
    add(envelope, INT64_MAX, 3);
    assert_int_equal(plot_envelope_finish(envelope), 0);
    assert_int_equal(envelope->columns[0].count, 1);
    assert_int_equal(envelope->columns[3].count, 1);
    assert_int_equal(envelope->columns[6].count, 1);
    plot_envelope_free(envelope);
    envelope = make(5, 5, 3);
    add(envelope, 5, 1);
    assert_int_equal(envelope->columns[0].count, 1);
    plot_envelope_free(envelope);
    plot_envelope_free(NULL);
    assert_int_equal(plot_envelope_create(6, 5, 3, &envelope), -EINVAL);
    assert_int_equal(plot_envelope_create(5, 6, 0, &envelope), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spike_in_a_million_stays),
        cmocka_unit_test(columns_know_first_last_and_mean),
        cmocka_unit_test(means_stay_within_the_values),
        cmocka_unit_test(missing_values_leave_a_gap),
        cmocka_unit_test(one_missing_value_parts_sparse_samples),
        cmocka_unit_test(sparse_samples_are_joined_and_pauses_are_not),
        cmocka_unit_test(bursts_are_told_apart),
        cmocka_unit_test(any_times_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
