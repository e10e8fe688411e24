/* The rules of time, branch by branch: regular blocks and their runs. */
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

struct plan_case {
    const char *what;
    /* The block */
    int64_t t0_ns;
    int64_t period_ps;
    uint64_t samples;
    /* The series */
    int64_t last_ns;
    uint64_t count;
    struct time_run run; /* without its end */
    bool clamp;
    /* What comes of it */
    int result;
    struct time_plan plan;
};

#define NO_RUN                                                                                     \
    {                                                                                              \
        0, 0, 0, 0                                                                                 \
    }
#define NONE TIME_NONE_NS

static const struct plan_case plan_cases[] = {
    {"the first block begins a run at its t0",
     100 * S,
     SPS,
     5,
     NONE,
     0,
     NO_RUN,
     false,
     0,
     {5, 0, 0, 0, 100 * S, SPS, 104 * S}},
    {"on time: the run goes on",
     110 * S,
     SPS,
     3,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     false,
     0,
     {3, 0, 0, 3, 0, SPS, 112 * S}},
    {"20 ms late is jitter: the run's stamps hold",
     110 * S + 20 * MS,
     SPS,
     3,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     false,
     0,
     {3, 0, 0, 3, 0, SPS, 112 * S}},
    {"20 ms early is jitter too",
     110 * S - 20 * MS,
     SPS,
     3,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     false,
     0,
     {3, 0, 0, 3, 0, SPS, 112 * S}},
    {"jitter may reach back before the last sample",
     100 * S + 85 * MS,
     MS * 1000,
     10,
     100 * S + 99 * MS,
     100,
     {0, 100 * S, MS * 1000, 0},
     false,
     0,
     {10, 0, 0, 10, 0, MS * 1000, 100 * S + 109 * MS}},
    {"one ns more than jitter is a gap: a new run at t0",
     110 * S + 20 * MS + 1,
     SPS,
     3,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     false,
     0,
     {3, 0, 0, 0, 110 * S + 20 * MS + 1, SPS, 112 * S + 20 * MS + 1}},
    {"earlier than jitter and after the last: a new run at t0",
     110 * S - 20 * MS - 1,
     SPS,
     1,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     false,
     0,
     {1, 0, 0, 0, 110 * S - 20 * MS - 1, SPS, 110 * S - 20 * MS - 1}},
    {"another period is a new run, also on time",
     110 * S,
     SPS / 2,
     2,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     false,
     0,
     {2, 0, 0, 0, 110 * S, SPS / 2, 110 * S + S / 2}},
    {"begins before, ends after the last: squeezed",
     105 * S,
     SPS,
     10,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     false,
     0,
     {10, 0, 0, 0, 109 * S + S / 2, SPS / 2, 114 * S}},
    {"squeezed in front of clamp as well",
     105 * S,
     SPS,
     10,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     true,
     0,
     {10, 0, 0, 0, 109 * S + S / 2, SPS / 2, 114 * S}},
    {"squeezed where nanoseconds are fewer than samples",
     100 * S,
     1000,
     10,
     100 * S + 6,
     10,
     {0, 50 * S, SPS, 0},
     false,
     0,
     {10, 0, 0, 0, 100 * S + 7, 1000, 100 * S + 16}},
    {"begins and ends before the last: late, dropped whole",
     100 * S,
     SPS,
     10,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     false,
     0,
     {0, 10, 0, 0, 0, 0, 109 * S}},
    {"one sample at the last one's time is late",
     109 * S,
     SPS,
     1,
     109 * S,
     10,
     {0, 109 * S, SPS / 2, 0},
     false,
     0,
     {0, 1, 0, 0, 0, 0, 109 * S}},
    {"clamp: shifted whole, the run goes on",
     50 * S,
     SPS,
     10,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     true,
     0,
     {10, 0, 10, 10, 0, SPS, 119 * S}},
    {"clamp with another period: one period after the last",
     50 * S,
     SPS / 2,
     4,
     109 * S,
     10,
     {0, 100 * S, SPS, 0},
     true,
     0,
     {4, 0, 4, 0, 109 * S + S / 2, SPS / 2, 111 * S}},
    {"no clock: the last sample is stamped on arrival",
     INT64_MIN,
     SPS,
     11,
     NONE,
     0,
     NO_RUN,
     false,
     0,
     {11, 0, 0, 0, NOW - 10 * S, SPS, NOW}},
    {"no clock, within jitter of the run",
     INT64_MIN,
     SPS,
     10,
     NOW - 10 * S + 15 * MS,
     10,
     {0, NOW - 19 * S + 15 * MS, SPS, 0},
     false,
     0,
     {10, 0, 0, 10, 0, SPS, NOW + 15 * MS}},
    {"no clock, and ours stepped back: never late",
     INT64_MIN,
     SPS,
     4,
     NOW + 5 * S,
     10,
     {0, NOW - 100 * S, SPS * 2, 0},
     false,
     0,
     {4, 0, 0, 0, NOW + 5 * S + 1, 1000, NOW + 5 * S + 4}},
    {"one sample with a period too short for two: the run gets the shortest",
     100 * S,
     1,
     1,
     NONE,
     0,
     NO_RUN,
     false,
     0,
     {1, 0, 0, 0, 100 * S, 1000, 100 * S}},
    {"two samples with a period too short",
     100 * S,
     999,
     2,
     NONE,
     0,
     NO_RUN,
     false,
     -EINVAL,
     {0, 0, 0, 0, 0, 0, 0}},
    {"no period", 100 * S, 0, 1, NONE, 0, NO_RUN, false, -EINVAL, {0, 0, 0, 0, 0, 0, 0}},
    {"a negative period", 100 * S, -SPS, 1, NONE, 0, NO_RUN, false, -EINVAL, {0, 0, 0, 0, 0, 0, 0}},
    {"past the end of time",
     INT64_MAX - S,
     SPS,
     3,
     NONE,
     0,
     NO_RUN,
     false,
     -EOVERFLOW,
     {0, 0, 0, 0, 0, 0, 0}},
    {"up to the end of time",
     INT64_MAX - S,
     SPS,
     2,
     NONE,
     0,
     NO_RUN,
     false,
     0,
     {2, 0, 0, 0, INT64_MAX - S, SPS, INT64_MAX}},
    {"no clock, before the beginning of time",
     INT64_MIN,
     INT64_MAX,
     3000,
     NONE,
     0,
     NO_RUN,
     false,
     -EOVERFLOW,
     {0, 0, 0, 0, 0, 0, 0}},
    {"clamped past the end of time",
     0,
     SPS,
     2,
     INT64_MAX - S,
     1,
     {0, INT64_MAX - S, 2 * SPS, 0},
     true,
     -EOVERFLOW,
     {0, 0, 0, 0, 0, 0, 0}},
};

static void test_regular_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plan_cases / sizeof plan_cases[0]; i++) {
        const struct plan_case *c = &plan_cases[i];
        struct series_block block = {.count = c->samples,
                                     .clock = BLOCK_REGULAR,
                                     .t0_ns = c->t0_ns,
                                     .period_ps = c->period_ps};
        struct time_rules rules = {.jitter_ns = 20 * MS, .clamp = c->clamp};
        struct time_run run = {0};
        if (c->run.period_ps > 0)
            run = time_run_make(c->run.first, c->run.t0_ns, c->run.period_ps);
        struct time_plan plan = {0};
        int result = time_plan_regular(&block, NOW, c->last_ns, c->count, &run, &rules, &plan);
        if (result != c->result || plan.kept != c->plan.kept || plan.late != c->plan.late ||
            plan.clamped != c->plan.clamped || plan.continued != c->plan.continued ||
            plan.t0_ns != c->plan.t0_ns || plan.period_ps != c->plan.period_ps ||
            plan.last_ns != c->plan.last_ns)
            fail_msg("%s: result %d kept %lu late %lu clamped %lu continued %lu t0 %ld period %ld "
                     "last %ld",
                     c->what, result, plan.kept, plan.late, plan.clamped, plan.continued,
                     plan.t0_ns, plan.period_ps, plan.last_ns);
    }
}

/* A run is closed before (index - first) x period passes 2^62. */
static void test_run_span(void **state)
{
    (void)state;
    static const int64_t periods_ps[] = {
        1000, 1001, SPS, 86400 * SPS, RUN_SPAN_PS_MAX, RUN_SPAN_PS_MAX + 1, INT64_MAX};
    for (size_t i = 0; i < sizeof periods_ps / sizeof periods_ps[0]; i++) {
        uint64_t samples = time_run_samples_max(periods_ps[i]);
        assert_true(samples >= 1);
        __extension__ __int128 last = (__int128)(samples - 1) * periods_ps[i];
        __extension__ __int128 next = (__int128)samples * periods_ps[i];
        assert_true(last <= RUN_SPAN_PS_MAX);
        assert_true(next > RUN_SPAN_PS_MAX);
    }
}

/* A block that fills the current run goes on in a new one, where the old one would have gone. */
static void test_full_run(void **state)
{
    (void)state;
    int64_t period_ps = 86400 * SPS;
    struct time_run run = time_run_make(1000, 100 * S, period_ps);
    uint64_t held = run.end - run.first;
    uint64_t count = run.end - 2;
    struct series_block block = {.count = 5,
                                 .clock = BLOCK_REGULAR,
                                 .t0_ns = 100 * S + (int64_t)(held - 2) * 86400 * S,
                                 .period_ps = period_ps};
    struct time_rules rules = {.jitter_ns = 20 * MS};
    struct time_plan plan;
    int64_t last_ns = time_run_stamp_ns(&run, count - 1);
    assert_int_equal(time_plan_regular(&block, NOW, last_ns, count, &run, &rules, &plan), 0);
    assert_int_equal(plan.kept, 5);
    assert_int_equal(plan.continued, 2);
    assert_int_equal(plan.t0_ns, 100 * S + (int64_t)held * 86400 * S);
    assert_int_equal(plan.last_ns, 100 * S + (int64_t)(held + 2) * 86400 * S);

    /* The run is full when the block comes. */
    block.t0_ns = 100 * S + (int64_t)held * 86400 * S;
    last_ns = time_run_stamp_ns(&run, run.end - 1);
    assert_int_equal(time_plan_regular(&block, NOW, last_ns, run.end, &run, &rules, &plan), 0);
    assert_int_equal(plan.continued, 0);
    assert_int_equal(plan.t0_ns, block.t0_ns);
}

/* Fractions of a nanosecond count from the run's first sample, and do not add up. */
static void test_fractions(void **state)
{
    (void)state;
    struct time_run run = time_run_make(0, 0, 1500);
    static const int64_t stamps_ns[] = {0, 1, 3, 4, 6, 7, 9};
    for (uint64_t i = 0; i < sizeof stamps_ns / sizeof stamps_ns[0]; i++)
        assert_int_equal(time_run_stamp_ns(&run, i), stamps_ns[i]);
    struct series_block block = {.count = 2, .clock = BLOCK_REGULAR, .t0_ns = 4, .period_ps = 1500};
    struct time_rules rules = {.jitter_ns = 0};
    struct time_plan plan;
    assert_int_equal(time_plan_regular(&block, NOW, 3, 3, &run, &rules, &plan), 0);
    assert_int_equal(plan.continued, 2);
    assert_int_equal(plan.last_ns, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regular_blocks),
        cmocka_unit_test(test_run_span),
        cmocka_unit_test(test_full_run),
        cmocka_unit_test(test_fractions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
