/* The table against a simple model, and its two lists. */
#include "session_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void finds_what_was_added(void **state)
{
    (void)state;
    struct session_table *table;
    assert_int_equal(session_table_new(1000, &table), 0);
    assert_null(session_table_find(table, 7));
    for (uint64_t id = 1; id <= 1000; id++)
        assert_non_null(session_table_add(table, id << 32));
    assert_int_equal(session_table_count(table), 1000);
    for (uint64_t id = 1; id <= 1000; id++)
        assert_int_equal(session_table_find(table, id << 32)->id, id << 32);
    assert_null(session_table_find(table, UINT64_C(1001) << 32));
    session_table_free(table);
}

static void oldest_goes_when_full(void **state)
{
    (void)state;
    struct session_table *table;
    assert_int_equal(session_table_new(3, &table), 0);
    for (uint64_t id = 1; id <= 3; id++)
        session_table_touch(table, session_table_add(table, id), (int64_t)id);
    session_table_touch(table, session_table_find(table, 1), 4);
    assert_non_null(session_table_add(table, 4));
    assert_null(session_table_find(table, 2));
    assert_non_null(session_table_find(table, 1));
    assert_non_null(session_table_find(table, 3));
    assert_int_equal(session_table_count(table), 3);
    session_table_free(table);
}

static void a_batch_may_be_forgotten(void **state)
{
    (void)state;
    struct session_table *table;
    assert_int_equal(session_table_new(3, &table), 0);
    struct session *session = session_table_add(table, 1);
    session->durable = 5;
    assert_true(session_table_may_forget(table, 1, 5, 0));
    assert_false(session_table_may_forget(table, 1, 6, 0)); /* not durable */
    assert_true(session_table_may_forget(table, 1, 6, 1));  /* not heard of since the start */
    session_table_touch(table, session, 100);
    assert_false(session_table_may_forget(table, 1, 6, 100));
    assert_true(session_table_may_forget(table, 1, 6, 101));
    assert_true(session_table_may_forget(table, 2, 1, 0)); /* not known any more */
    session_table_free(table);
}

static void evicted_session_leaves_the_lists(void **state)
{
    (void)state;
    struct session_table *table;
    assert_int_equal(session_table_new(1, &table), 0);
    struct session *session = session_table_add(table, 1);
    session_table_due_add(table, session);
    session_table_unsynced_add(table, session);
    assert_non_null(session_table_add(table, 2));
    assert_null(session_table_due_first(table));
    assert_null(session_table_unsynced_first(table));
    session_table_free(table);
}

static void lists_take_and_give_in_any_order(void **state)
{
    (void)state;
    struct session_table *table;
    struct session *sessions[5];
    assert_int_equal(session_table_new(10, &table), 0);
    for (size_t i = 0; i < 5; i++) {
        sessions[i] = session_table_add(table, i + 1);
        session_table_due_add(table, sessions[i]);
        session_table_due_add(table, sessions[i]);
    }
    session_table_due_remove(table, sessions[2]); /* from the middle */
    session_table_due_remove(table, sessions[4]); /* the first */
    session_table_due_remove(table, sessions[0]); /* the last */
    session_table_due_remove(table, sessions[0]);
    assert_ptr_equal(session_table_due_first(table), sessions[3]);
    assert_ptr_equal(sessions[3]->due_next, sessions[1]);
    assert_null(sessions[1]->due_next);
    session_table_free(table);
}

static void counts_who_was_heard_of(void **state)
{
    (void)state;
    struct session_table *table;
    assert_int_equal(session_table_new(10, &table), 0);
    for (uint64_t id = 1; id <= 5; id++)
        session_table_touch(table, session_table_add(table, id), (int64_t)id * 100);
    assert_int_equal(session_table_count_heard(table, 300, 100), 3);
    assert_int_equal(session_table_count_heard(table, 0, 100), 5);
    assert_int_equal(session_table_count_heard(table, 0, 2), 2);
    assert_int_equal(session_table_count_heard(table, 501, 100), 0);
    session_table_free(table);
}

/* Many adds with evictions: what the model holds is found, what it dropped is not. */
static void holds_the_newest_of_many(void **state)
{
    (void)state;
    enum { ADDED = 20000, KEPT = 500 };
    struct session_table *table;
    uint64_t ids[ADDED];
    uint64_t random = 12345;
    assert_int_equal(session_table_new(KEPT, &table), 0);
    for (size_t i = 0; i < ADDED; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        ids[i] = (random >> 40) << 16 | i; /* unique, and many with one home */
        session_table_touch(table, session_table_add(table, ids[i]), (int64_t)i);
    }
    for (size_t i = 0; i < ADDED; i++) {
        const struct session *session = session_table_find(table, ids[i]);
        assert_true((session != NULL) == (i >= ADDED - KEPT));
        if (session != NULL)
            assert_int_equal(session->id, ids[i]);
    }
    session_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added),
        cmocka_unit_test(oldest_goes_when_full),
        cmocka_unit_test(a_batch_may_be_forgotten),
        cmocka_unit_test(evicted_session_leaves_the_lists),
        cmocka_unit_test(lists_take_and_give_in_any_order),
        cmocka_unit_test(counts_who_was_heard_of),
        cmocka_unit_test(holds_the_newest_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
