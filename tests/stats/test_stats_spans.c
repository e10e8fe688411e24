/* Lengths of windows of time against a search from the beginning. */
#include "exact.h"
#include "stats_kernels.h"
#include "stats_spans.h"

#include "cmocka_tests.h"

#include <stdlib.h>

#define STAMPS 5000

static int64_t times[STAMPS];
static size_t lengths[STAMPS];

static void run(int64_t span_ns, uint64_t seed)
{
    size_t room = 10, piece = 700;
    struct stats_spans *spans =
        stats_spans_init(malloc(stats_spans_bytes(room, piece)), room, piece, span_ns);
    for (size_t i = 0; i < STAMPS;) {
        size_t take = 1 + random_next(&seed) % piece, length = stats_spans_length(spans);
        if (take > STAMPS - i)
            take = STAMPS - i;
        if (length > room) {
            room = 2 * length;
            struct stats_spans *larger =
                stats_spans_init(malloc(stats_spans_bytes(room, piece)), room, piece, span_ns);
            stats_spans_transfer(larger, spans);
            free(spans);
            spans = larger;
        }
        stats_spans_slide(spans, times + i, take, lengths + i);
        i += take;
        assert_int_equal(stats_spans_length(spans), lengths[i - 1]);
    }
    free(spans);
    for (size_t i = 0, begin = 0; i < STAMPS; i++) {
        while ((exact)times[begin] <= (exact)times[i] - (exact)span_ns)
            begin++;
        if (lengths[i] != i + 1 - begin)
            fail_msg("span %lld, stamp %zu: %zu, not %zu", (long long)span_ns, i, lengths[i],
                     i + 1 - begin);
    }
}

static void test_lengths(void **unused)
{
    (void)unused;
    static const int64_t spans[] = {1, 2, 5, 100, 5000, 1000000, INT64_MAX};
    for (unsigned kind = 0; kind < 4; kind++) {
        uint64_t seed = kind;
        int64_t at = kind == 0 ? INT64_MIN : kind == 1 ? INT64_MAX - INT64_C(20) * STAMPS : 0;
        for (size_t i = 0; i < STAMPS; i++) {
            times[i] = at;
            at += kind < 2 ? 1 + (int64_t)(random_next(&seed) % 20) : 1;
            if (kind == 3 && random_next(&seed) % 300 == 0)
                at += 3000;
        }
        for (size_t k = 0; k < sizeof spans / sizeof *spans; k++)
            run(spans[k], k);
    }
}

/* Each width of vectors that this processor has, numbers of cut-offs that do not fill them. */
static void test_widths(void **unused)
{
    (void)unused;
    const struct stats_kernels *kernels;
    int64_t cuts[STATS_TILE];
    size_t begins[STATS_TILE];
    uint64_t seed = 1;
    for (size_t i = 0; i < STAMPS; i++)
        times[i] = (i > 0 ? times[i - 1] : -20000) + 1 + (int64_t)(random_next(&seed) % 9);
    for (size_t w = 0; (kernels = stats_kernels_at(w)) != NULL; w++) {
        for (size_t i = 0, first = 0, take; i < STAMPS; i += take) {
            take = 1 + random_next(&seed) % STATS_TILE;
            take = take < STAMPS - i ? take : STAMPS - i;
            for (size_t k = 0; k < take; k++)
                cuts[k] = times[i + k] - 100;
            size_t last = kernels->span_begins(times, cuts, take, first, begins);
            for (size_t k = 0; k < take; k++) {
                while (times[first] < cuts[k])
                    first++;
                assert_int_equal(begins[k], first);
            }
            assert_int_equal(last, first);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lengths),
                                       cmocka_unit_test(test_widths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
