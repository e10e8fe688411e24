/* verify beside a live writer, and after it was killed: nothing is found, since nothing is wrong.
 */
#include "clock_ns.h"
#include "raw_series.h"
#include "store.h"
#include "verify_findings.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIVE_SERIES = 5 };

static const struct {
    const char *name;
    enum series_clock clock;
    enum series_mode mode;
    uint64_t capacity;
    uint64_t run_rows;
} live[LIVE_SERIES] = {
    {"live/ring/explicit", SERIES_EXPLICIT, SERIES_MODE_RING, 500, 0},
    {"live/ring/regular", SERIES_REGULAR, SERIES_MODE_RING, 500, 10},
    {"live/ring/runs", SERIES_REGULAR, SERIES_MODE_RING, 5000, 2},
    {"live/grow/explicit", SERIES_EXPLICIT, SERIES_MODE_GROW, 0, 0},
    {"live/grow/regular", SERIES_REGULAR, SERIES_MODE_GROW, 0, 3},
};

static struct series *live_create(struct store *store, unsigned number)
{
    struct series_rule rule = series_rule_default;
    struct series *series = NULL;
    rule.mode = live[number].mode;
    rule.capacity = live[number].capacity;
    rule.capacity_unit = rule.capacity > 0 ? SERIES_CAPACITY_SAMPLES : SERIES_CAPACITY_DEFAULT;
    rule.jitter_ns = 0;
    const struct series_type type = {.dtype = DTYPE_F8, .clock = live[number].clock};
    if (store_create(store, live[number].name, strlen(live[number].name), &type, &rule, 1000000,
                     &series, NULL) < 0)
        _exit(2);
    return series;
}

/* Sessions come and go, a tick ends now and then, and the growing series are made anew. */
static void live_append(struct series *series, unsigned number, uint64_t round)
{
    static double values[64];
    int64_t times_ns[64];
    uint64_t first = series_count(series);
    uint64_t run_rows = live[number].run_rows;
    uint64_t count = run_rows > 0 ? run_rows : 1 + round % 64;
    for (uint64_t i = 0; i < count; i++)
        times_ns[i] = RAW_SERIES_T0_NS + (int64_t)(first + i) * 10000;
    struct series_block block = {
        .values = values, .times_ns = times_ns, .count = count, .clock = BLOCK_EXPLICIT};
    if (run_rows > 0) {
        block.clock = BLOCK_REGULAR;
        block.t0_ns = times_ns[0];
        block.period_ps = 1000000;
    }
    struct series_append_result result;
    int r =
        series_append(series, &block, 1 + round / 50 % 40, round + 1, RAW_SERIES_T0_NS, &result);
    if (r < 0 || result.appended != count)
        _exit(3);
}

static void live_writer(const char *folder)
{
    struct store *store = NULL;
    struct series *series[LIVE_SERIES];
    const struct store_limits limits = {
        .bytes_max = UINT64_C(1) << 40, .series_max = 100, .journal_bytes = 256 << 10};
    if (store_open(folder, &limits, &store, NULL) < 0)
        _exit(1);
    for (unsigned i = 0; i < LIVE_SERIES; i++)
        series[i] = live_create(store, i);
    for (uint64_t round = 0;; round++) {
        for (unsigned i = 0; i < LIVE_SERIES; i++)
            live_append(series[i], i, round);
        struct store_flush *flush = NULL;
        if (round % 100 == 0 && store_flush_begin(store, NULL, 0, &flush) == 0 && flush != NULL) {
            if (store_flush_run(flush, NULL) < 0)
                _exit(5);
            store_flush_end(store, flush, true);
        }
        if (series_count(series[3]) > 100000) {
            for (unsigned i = 3; i < LIVE_SERIES; i++) {
                if (store_delete(store, &series[i], 1, NULL, NULL, NULL) < 0)
                    _exit(4);
                series[i] = live_create(store, i);
            }
        }
    }
}

static void nothing_is_found_beside_a_writer(void **state)
{
    fflush(NULL);
    pid_t parent = getpid();
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            live_writer(*state);
        _exit(0);
    }
    int64_t end_ns = clock_monotonic_ns() + 4 * NS_PER_S;
    unsigned looks = 0;
    unsigned gone = 0;
    struct findings findings = {.count = 0};
    while (clock_monotonic_ns() < end_ns && findings.count == 0) {
        const struct verify_sink sink = {.finding = add_finding, .context = &findings};
        for (unsigned i = 0; i < LIVE_SERIES; i++) {
            int r = verify_series(*state, live[i].name, &sink, NULL);
            if (r == 0)
                looks++;
            else if (r == -ENOENT || r == -ESTALE)
                gone++;
            else
                fail_msg("%s: %d", live[i].name, r);
        }
    }
    if (findings.count == 0)
        findings = verify_rest(*state);
    int status = 0;
    pid_t ended = waitpid(writer, &status, WNOHANG);
    kill(writer, SIGKILL);
    if (ended == 0)
        waitpid(writer, NULL, 0);
    expect_nothing(&findings);
    if (ended != 0)
        fail_msg("the writer ended: %d", status);
    assert_true(looks > 20);

    /* Killed in the middle of it, it leaves nothing wrong either. */
    for (unsigned i = 0; i < LIVE_SERIES; i++) {
        const struct verify_sink sink = {.finding = add_finding, .context = &findings};
        int r = verify_series(*state, live[i].name, &sink, NULL);
        assert_true(r == 0 || r == -ENOENT);
        expect_nothing(&findings);
    }
    findings = verify_rest(*state);
    expect_nothing(&findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_found_beside_a_writer, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
