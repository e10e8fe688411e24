/* Exactly once: the sixteen sessions of a series, also when the writer was killed between any two
 * words. */
#include "store_fixture.h"

static struct series_rule rule;

static int append_one(struct series *series, uint64_t session, uint64_t sequence,
                      bool *ret_duplicate)
{
    struct series_append_result result;
    int64_t stamp_ns = T0_NS + (int64_t)series_count(series) * 1000;
    int status = append_stamped(series, stamp_ns, 1, session, sequence, &result);
    *ret_duplicate = result.duplicate;
    return status;
}

static void assert_appended(struct series *series, uint64_t session, uint64_t sequence)
{
    bool duplicate;
    uint64_t before = series_count(series);
    assert_int_equal(append_one(series, session, sequence, &duplicate), 0);
    assert_false(duplicate);
    assert_int_equal(series_count(series), before + 1);
}

static void assert_duplicate(struct series *series, uint64_t session, uint64_t sequence)
{
    bool duplicate;
    uint64_t before = series_count(series);
    assert_int_equal(append_one(series, session, sequence, &duplicate), 0);
    assert_true(duplicate);
    assert_int_equal(series_count(series), before);
}

static struct series *make(struct fixture *fixture, const char *name)
{
    rule = ring_of(1000);
    return fixture_create(fixture, name, SERIES_EXPLICIT, &rule);
}

static unsigned entry(unsigned slot, enum head_session_word word)
{
    return HEAD_SESSIONS + slot * HEAD_SESSION_WORDS + word;
}

static void test_sequences_are_taken_once(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "once");
    assert_appended(series, 7, 1);
    assert_duplicate(series, 7, 1);
    assert_appended(series, 7, 2);
    assert_appended(series, 7, 5); /* batches between went to other series */
    assert_duplicate(series, 7, 3);
    assert_appended(series, 8, 1); /* another session counts by itself */
    assert_duplicate(series, 7, 5);
    assert_appended(series, UINT64_MAX, UINT64_MAX);
    assert_duplicate(series, UINT64_MAX, 1);
    fixture_reopen(fixture);
    series = fixture_find(fixture, "once");
    assert_duplicate(series, 7, 5);
    assert_duplicate(series, 8, 1);
    assert_duplicate(series, UINT64_MAX, UINT64_MAX);
    assert_appended(series, 7, 6);
}

static void test_session_0_is_none(void **state)
{
    struct series *series = make(*state, "none");
    assert_appended(series, 0, 0);
    assert_appended(series, 0, 0);
    assert_int_equal(fixture_word(*state, "none", HEAD_SESSIONS), 0);
}

static void test_words_of_an_entry(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "words");
    assert_appended(series, 7, 3);
    assert_int_equal(fixture_word(fixture, "words", entry(0, HEAD_SESSION_ID)), 7);
    assert_int_equal(fixture_word(fixture, "words", entry(0, HEAD_SESSION_SEQUENCE)), 3);
    assert_int_equal(fixture_word(fixture, "words", entry(0, HEAD_SESSION_COUNT)), 1);
    assert_int_equal(fixture_word(fixture, "words", entry(0, HEAD_SESSION_BEFORE)), 0);
    assert_appended(series, 7, 9);
    assert_int_equal(fixture_word(fixture, "words", entry(0, HEAD_SESSION_SEQUENCE)), 9);
    assert_int_equal(fixture_word(fixture, "words", entry(0, HEAD_SESSION_COUNT)), 2);
    assert_int_equal(fixture_word(fixture, "words", entry(0, HEAD_SESSION_BEFORE)), 3);
}

static void test_seventeenth_session_evicts_the_oldest(void **state)
{
    struct series *series = make(*state, "evict");
    for (uint64_t session = 1; session <= 16; session++)
        assert_appended(series, session, 10);
    assert_appended(series, 1, 11); /* 2 has now waited longest */
    assert_appended(series, 17, 10);
    assert_duplicate(series, 1, 11);
    assert_duplicate(series, 3, 10);
    assert_duplicate(series, 17, 10);
    assert_appended(series, 2, 10); /* forgotten; it evicts 3 */
    assert_appended(series, 3, 10);
}

/* Durable up to a sequence, by session. */
static uint64_t durable_sessions_below;

static bool oracle(uint64_t session, uint64_t sequence, void *context)
{
    (void)sequence;
    assert_ptr_equal(context, &durable_sessions_below);
    return session < durable_sessions_below;
}

static void test_only_durable_sessions_go(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "durable");
    bool duplicate;
    store_set_session_oracle(fixture->store, oracle, &durable_sessions_below);
    durable_sessions_below = 0;
    for (uint64_t session = 101; session <= 116; session++)
        assert_appended(series, session, 1);
    assert_int_equal(append_one(series, 117, 1, &duplicate), -EBUSY);
    assert_false(series_takes(series, 1, 0, 117));
    assert_true(series_takes(series, 1, 0, 101) && series_takes(series, 1, 0, 0));
    assert_int_equal(series_count(series), 16);
    for (uint64_t session = 101; session <= 116; session++)
        assert_duplicate(series, session, 1);
    /* Those that have an entry go on. */
    assert_appended(series, 101, 2);
    durable_sessions_below = 103; /* 101 wrote last of these two, so 102 goes */
    assert_true(series_takes(series, 1, 0, 117));
    assert_appended(series, 117, 1);
    assert_duplicate(series, 101, 2);
    assert_appended(series, 102, 1);
    assert_appended(series, 101, 3);
}

/* Sixteen gateways that are gone left batches that were taken in part. One that takes the place of
 * another takes that of its entry in the journal too. */
static void test_partials_go_with_their_entries(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "partial");
    struct journal_entry entries[HEAD_SESSION_SLOTS];
    store_set_session_oracle(fixture->store, oracle, &durable_sessions_below);
    durable_sessions_below = 0;
    for (uint64_t session = 101; session <= 116; session++) {
        assert_appended(series, session, 1);
        assert_int_equal(store_note_partial(fixture->store, session, 1), 0);
    }
    assert_int_equal(fixture->store->partial_count, 16);
    assert_false(series_takes(series, 1, 0, 117));
    durable_sessions_below = 102;
    assert_true(series_takes(series, 1, 0, 117));
    assert_appended(series, 117, 1);
    assert_int_equal(store_note_partial(fixture->store, 117, 1), 0);
    assert_int_equal(fixture->store->partial_count, 16);
    assert_int_equal(store_partials_of(series, entries), 16);
    for (unsigned i = 0; i < 16; i++)
        assert_int_not_equal(entries[i].session, 101);
}

/* What the words of an append of (session 7, sequence 6) are after each store, over an entry (7, 5,
 * count 10, before 4). The kill comes before count becomes 11. */
static void test_kill_between_the_words_of_a_known_session(void **state)
{
    static const int64_t steps[][4] = {{7, 5, 10, 4}, {7, 5, 10, 5}, {7, 5, 11, 5}, {7, 6, 11, 5}};
    struct fixture *fixture = *state;
    for (unsigned step = 0; step < sizeof steps / sizeof steps[0]; step++) {
        char name[16];
        snprintf(name, sizeof name, "known/%u", step);
        struct series *series = make(fixture, name);
        for (uint64_t i = 0; i < 9; i++)
            assert_appended(series, 0, 0);
        assert_appended(series, 7, 5);
        store_close(fixture->store);
        fixture_set_word(fixture, name, HEAD_FRONTIER, 11);
        for (unsigned w = 0; w < HEAD_SESSION_WORDS; w++)
            fixture_set_word(fixture, name, HEAD_SESSIONS + w, steps[step][w]);
        fixture_open(fixture);
        series = fixture_find(fixture, name);
        assert_int_equal(series_count(series), 10);
        assert_duplicate(series, 7, 5);
        assert_appended(series, 7, 6);
        assert_duplicate(series, 7, 6);
    }
}

/* The same for a session that is new, in a free entry or over an evicted one: its session word
 * comes last. */
static void test_kill_between_the_words_of_a_new_session(void **state)
{
    static const int64_t steps[][4] = {
        {0, 3, 2, 2}, {0, 3, 2, 0}, {0, 3, 11, 0}, {0, 1, 11, 0}, {8, 1, 11, 0}};
    struct fixture *fixture = *state;
    for (unsigned step = 0; step < sizeof steps / sizeof steps[0]; step++) {
        char name[16];
        snprintf(name, sizeof name, "new/%u", step);
        struct series *series = make(fixture, name);
        for (uint64_t i = 0; i < 10; i++)
            assert_appended(series, 0, 0);
        store_close(fixture->store);
        fixture_set_word(fixture, name, HEAD_FRONTIER, 11);
        for (unsigned w = 0; w < HEAD_SESSION_WORDS; w++)
            fixture_set_word(fixture, name, HEAD_SESSIONS + w, steps[step][w]);
        fixture_open(fixture);
        series = fixture_find(fixture, name);
        /* A session that has nothing here takes nobody's place. */
        assert_int_equal(fixture_word(fixture, name, HEAD_SESSIONS), 0);
        assert_appended(series, 8, 1);
        assert_duplicate(series, 8, 1);
    }
}

/* ---- what the heads say after a restart ---- */

struct seen {
    unsigned count;
    uint64_t session[8];
    uint64_t stored[8];
};

static int note(uint64_t session, uint64_t stored, void *context)
{
    struct seen *seen = context;
    assert_true(seen->count < 8);
    seen->session[seen->count] = session;
    seen->stored[seen->count++] = stored;
    return 0;
}

static uint64_t stored_of(struct fixture *fixture, uint64_t session)
{
    struct seen seen = {0};
    assert_int_equal(store_for_each_session(fixture->store, note, &seen), 0);
    uint64_t stored = UINT64_MAX;
    unsigned times = 0;
    for (unsigned i = 0; i < seen.count; i++) {
        if (seen.session[i] == session) {
            stored = seen.stored[i];
            times++;
        }
    }
    assert_int_equal(times, 1);
    return stored;
}

static void flush_sessions(struct fixture *fixture, const struct store_session *sessions,
                           size_t count)
{
    struct store_flush *flush = NULL;
    assert_int_equal(store_flush_begin(fixture->store, sessions, count, &flush), 0);
    assert_int_equal(store_flush_run(flush, &fixture->error), 0);
    store_flush_end(fixture->store, flush, true);
}

/* What the journal had, whatever the heads say. */
static void test_stored_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct series *a = make(fixture, "a");
    struct series *b = make(fixture, "b");
    assert_appended(a, 7, 1);
    assert_appended(b, 7, 1);
    assert_appended(a, 7, 2);
    flush_sessions(fixture, &(struct store_session){7, 2}, 1);
    assert_appended(b, 9, 4);
    assert_appended(b, 7, 3);
    fixture_reopen(fixture);
    assert_int_equal(stored_of(fixture, 7), 2);
    struct seen seen = {0};
    assert_int_equal(store_for_each_session(fixture->store, note, &seen), 0);
    assert_int_equal(seen.count, 1);
    /* The batch is sent again; the series that has its block drops it, the other takes it. */
    assert_duplicate(fixture_find(fixture, "b"), 7, 3);
    assert_appended(fixture_find(fixture, "a"), 7, 3);
}

static void test_kill_in_an_append(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "a");
    assert_appended(series, 7, 5);
    flush_sessions(fixture, &(struct store_session){7, 5}, 1);
    assert_appended(series, 7, 6);
    store_close(fixture->store);
    /* Count was not reached. */
    fixture_set_word(fixture, "a", HEAD_COUNT, 1);
    fixture_open(fixture);
    assert_int_equal(stored_of(fixture, 7), 5);
    assert_appended(fixture_find(fixture, "a"), 7, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sequences_are_taken_once, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_session_0_is_none, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_words_of_an_entry, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_seventeenth_session_evicts_the_oldest, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_partials_go_with_their_entries, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_only_durable_sessions_go, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_kill_between_the_words_of_a_known_session,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_kill_between_the_words_of_a_new_session, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_stored_after_a_restart, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_kill_in_an_append, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
