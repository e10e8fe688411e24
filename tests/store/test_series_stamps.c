/* The rules of time, branch by branch: blocks whose samples have stamps of their own, and the last
 * stamp of any block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "series_time.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define S   INT64_C(1000000000)    /* a second in ns */
#define SPS INT64_C(1000000000000) /* a second in ps */
#define MS  INT64_C(1000000)
#define NOW (1000 * S)

#define NONE TIME_NONE_NS

/* In the order in which one reads them. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct explicit_case {
    const char *what;
    int64_t times_ns[6];
    uint64_t count;
    bool on_arrival;
    bool clamp;
    int64_t last_ns;
    int result;
    struct time_judgement judgement;
};

static const struct explicit_case explicit_cases[] = {
    {"rising stamps are kept as sent", {5, 6, 7}, 3, false, false, 4, 0, {3, 0, 0, 7, true}},
    {"an empty series takes any stamp",
     {INT64_MIN + 1},
     1,
     false,
     false,
     NONE,
     0,
     {1, 0, 0, INT64_MIN + 1, true}},
    {"the last stamp again is late", {4}, 1, false, false, 4, 0, {0, 1, 0, 4, false}},
    {"late in the middle is dropped",
     {5, 9, 6, 9, 10},
     5,
     false,
     false,
     4,
     0,
     {3, 2, 0, 10, false}},
    {"late in the middle is clamped", {5, 9, 6, 9, 20}, 5, false, true, 4, 0, {5, 0, 2, 20, false}},
    {"all late", {1, 2, 3}, 3, false, false, 4, 0, {0, 3, 0, 4, false}},
    {"all clamped", {1, 2, 3}, 3, false, true, 4, 0, {3, 0, 3, 7, false}},
    {"INT64_MIN means now",
     {INT64_MIN, INT64_MIN},
     2,
     true,
     false,
     4,
     0,
     {2, 0, 0, NOW + 1, false}},
    {"INT64_MIN is a stamp where it does not mean now",
     {INT64_MIN},
     1,
     false,
     false,
     NONE,
     0,
     {0, 1, 0, NONE, false}},
    {"on arrival after a last stamp ahead of our clock",
     {INT64_MIN},
     1,
     true,
     false,
     NOW + 9,
     0,
     {1, 0, 0, NOW + 10, false}},
    {"clamped past the end of time",
     {1},
     1,
     false,
     true,
     INT64_MAX,
     -EOVERFLOW,
     {0, 0, 0, 0, false}},
    {"dropped at the end of time", {1}, 1, false, false, INT64_MAX, 0, {0, 1, 0, INT64_MAX, false}},
};

static void test_explicit_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof explicit_cases / sizeof explicit_cases[0]; i++) {
        const struct explicit_case *c = &explicit_cases[i];
        /* Not aligned, as in a frame. */
        char bytes[sizeof c->times_ns + 1];
        memcpy(bytes + 1, c->times_ns, sizeof c->times_ns);
        struct series_block block = {.times_ns = bytes + 1,
                                     .count = c->count,
                                     .clock = BLOCK_EXPLICIT,
                                     .stamp_on_arrival = c->on_arrival};
        struct time_rules rules = {.clamp = c->clamp};
        struct time_judgement judgement = {0};
        int result = time_judge_explicit(&block, NOW, c->last_ns, &rules, &judgement);
        if (result != c->result || judgement.kept != c->judgement.kept ||
            judgement.late != c->judgement.late || judgement.clamped != c->judgement.clamped ||
            judgement.last_ns != c->judgement.last_ns || judgement.as_sent != c->judgement.as_sent)
            fail_msg("%s: result %d kept %lu late %lu clamped %lu last %ld as sent %d", c->what,
                     result, judgement.kept, judgement.late, judgement.clamped, judgement.last_ns,
                     judgement.as_sent);
    }
}

static void test_arrival_blocks(void **state)
{
    (void)state;
    struct series_block block = {.count = 1, .clock = BLOCK_ARRIVAL};
    struct time_rules rules = {.jitter_ns = 0};
    struct time_judgement judgement;
    assert_int_equal(time_judge_explicit(&block, NOW, NONE, &rules, &judgement), 0);
    assert_int_equal(judgement.last_ns, NOW);
    assert_int_equal(time_judge_explicit(&block, NOW, NOW, &rules, &judgement), 0);
    assert_int_equal(judgement.last_ns, NOW + 1);
    assert_int_equal(judgement.late, 0);
    assert_int_equal(time_judge_explicit(&block, NOW, INT64_MAX, &rules, &judgement), -EOVERFLOW);
}

static void test_block_last(void **state)
{
    (void)state;
    int64_t last_ns = 0;
    int64_t times_ns[] = {5, 900, 7};
    struct series_block block = {.times_ns = times_ns, .count = 3, .clock = BLOCK_EXPLICIT};
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), 0);
    assert_int_equal(last_ns, 900);
    times_ns[0] = INT64_MIN;
    block.stamp_on_arrival = true;
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), 0);
    assert_int_equal(last_ns, NOW);

    block = (struct series_block){.count = 1, .clock = BLOCK_ARRIVAL};
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), 0);
    assert_int_equal(last_ns, NOW);

    block = (struct series_block){
        .count = 11, .clock = BLOCK_REGULAR, .t0_ns = 100 * S, .period_ps = SPS};
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), 0);
    assert_int_equal(last_ns, 110 * S);
    block.t0_ns = INT64_MIN;
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), 0);
    assert_int_equal(last_ns, NOW);
    block.period_ps = 999;
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), -EINVAL);
    block.count = 1; /* one sample has no use for its period */
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), 0);
    assert_int_equal(last_ns, NOW);
    block.t0_ns = 50 * S;
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), 0);
    assert_int_equal(last_ns, 50 * S);
    block.period_ps = 0;
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), -EINVAL);
    block.period_ps = INT64_MAX;
    block.t0_ns = 100 * S;
    block.count = 1 << 20;
    assert_int_equal(series_block_last_ns(&block, NOW, &last_ns), -EOVERFLOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explicit_blocks),
        cmocka_unit_test(test_arrival_blocks),
        cmocka_unit_test(test_block_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
