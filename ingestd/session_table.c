#include "session_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SLOTS_FIRST 256

struct session_table {
    struct session **slots; /* open addressing, linear probing; NULL = free */
    size_t slot_count;      /* a power of two, at least twice the sessions */
    size_t count;
    size_t session_max;
    struct session *newest, *oldest;
    struct session *due_first;
    struct session *unsynced_first;
};

/* Session numbers are random in good gateways and 1, 2, 3 in careless ones: spread them. */
static size_t session_table_home(const struct session_table *table, uint64_t id)
{
    uint64_t mixed = (id ^ (id >> 32)) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(mixed >> 32) & (table->slot_count - 1);
}

int session_table_new(size_t session_max, struct session_table **ret_table)
{
    struct session_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return -ENOMEM;
    table->slots = calloc(SLOTS_FIRST, sizeof(struct session *));
    if (table->slots == NULL) {
        free(table);
        return -ENOMEM;
    }
    table->slot_count = SLOTS_FIRST;
    table->session_max = session_max;
    *ret_table = table;
    return 0;
}

void session_table_free(struct session_table *table)
{
    if (table == NULL)
        return;
    struct session *session = table->newest;
    while (session != NULL) {
        struct session *older = session->older;
        free(session);
        session = older;
    }
    free(table->slots);
    free(table);
}

size_t session_table_count(const struct session_table *table)
{
    return table->count;
}

/* The slot that holds the session, or the free one where it would go. */
static size_t session_table_slot(const struct session_table *table, uint64_t id)
{
    size_t slot = session_table_home(table, id);
    while (table->slots[slot] != NULL && table->slots[slot]->id != id)
        slot = (slot + 1) & (table->slot_count - 1);
    return slot;
}

struct session *session_table_find(const struct session_table *table, uint64_t id)
{
    return table->slots[session_table_slot(table, id)];
}

static void session_table_unlink_age(struct session_table *table, struct session *session)
{
    if (session->newer != NULL)
        session->newer->older = session->older;
    else
        table->newest = session->older;
    if (session->older != NULL)
        session->older->newer = session->newer;
    else
        table->oldest = session->newer;
    session->newer = session->older = NULL;
}

static void session_table_link_newest(struct session_table *table, struct session *session)
{
    session->newer = NULL;
    session->older = table->newest;
    if (table->newest != NULL)
        table->newest->newer = session;
    else
        table->oldest = session;
    table->newest = session;
}

/* Linear probing without tombstones: what probed over the emptied slot moves up. */
static void session_table_empty_slot(struct session_table *table, size_t slot)
{
    size_t mask = table->slot_count - 1;
    size_t hole = slot;
    for (size_t next = (slot + 1) & mask; table->slots[next] != NULL; next = (next + 1) & mask) {
        size_t home = session_table_home(table, table->slots[next]->id);
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            table->slots[hole] = table->slots[next];
            hole = next;
        }
    }
    table->slots[hole] = NULL;
}

static void session_table_evict_oldest(struct session_table *table)
{
    struct session *session = table->oldest;
    assert(session != NULL);
    session_table_empty_slot(table, session_table_slot(table, session->id));
    session_table_unlink_age(table, session);
    session_table_due_remove(table, session);
    session_table_unsynced_remove(table, session);
    free(session);
    table->count--;
}

static int session_table_grow(struct session_table *table)
{
    struct session **slots = calloc(table->slot_count * 2, sizeof(struct session *));
    if (slots == NULL)
        return -ENOMEM;
    free(table->slots);
    table->slots = slots;
    table->slot_count *= 2;
    for (struct session *session = table->newest; session != NULL; session = session->older)
        slots[session_table_slot(table, session->id)] = session;
    return 0;
}

struct session *session_table_add(struct session_table *table, uint64_t id)
{
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    if (table->count >= table->session_max)
        session_table_evict_oldest(table);
    if ((table->count + 1) * 2 > table->slot_count && session_table_grow(table) < 0) {
        free(session);
        return NULL;
    }
    size_t slot = session_table_slot(table, id);
    assert(table->slots[slot] == NULL);
    session->id = id;
    table->slots[slot] = session;
    session_table_link_newest(table, session);
    table->count++;
    return session;
}

bool session_table_may_forget(const struct session_table *table, uint64_t id, uint64_t sequence,
                              int64_t since_ns)
{
    const struct session *session = session_table_find(table, id);
    return session == NULL || session->durable >= sequence || session->heard_ns < since_ns;
}

void session_table_touch(struct session_table *table, struct session *session, int64_t now_ns)
{
    session->heard_ns = now_ns;
    if (table->newest == session)
        return;
    session_table_unlink_age(table, session);
    session_table_link_newest(table, session);
}

size_t session_table_count_heard(const struct session_table *table, int64_t since_ns, size_t limit)
{
    size_t count = 0;
    for (const struct session *session = table->newest; session != NULL && count < limit;
         session = session->older) {
        if (session->heard_ns < since_ns)
            break;
        count++;
    }
    return count;
}

void session_table_due_add(struct session_table *table, struct session *session)
{
    if (session->is_due)
        return;
    session->is_due = true;
    session->due_before = NULL;
    session->due_next = table->due_first;
    if (table->due_first != NULL)
        table->due_first->due_before = session;
    table->due_first = session;
}

void session_table_due_remove(struct session_table *table, struct session *session)
{
    if (!session->is_due)
        return;
    session->is_due = false;
    if (session->due_before != NULL)
        session->due_before->due_next = session->due_next;
    else
        table->due_first = session->due_next;
    if (session->due_next != NULL)
        session->due_next->due_before = session->due_before;
}

struct session *session_table_due_first(const struct session_table *table)
{
    return table->due_first;
}

void session_table_unsynced_add(struct session_table *table, struct session *session)
{
    if (session->is_unsynced)
        return;
    session->is_unsynced = true;
    session->unsynced_before = NULL;
    session->unsynced_next = table->unsynced_first;
    if (table->unsynced_first != NULL)
        table->unsynced_first->unsynced_before = session;
    table->unsynced_first = session;
}

void session_table_unsynced_remove(struct session_table *table, struct session *session)
{
    if (!session->is_unsynced)
        return;
    session->is_unsynced = false;
    if (session->unsynced_before != NULL)
        session->unsynced_before->unsynced_next = session->unsynced_next;
    else
        table->unsynced_first = session->unsynced_next;
    if (session->unsynced_next != NULL)
        session->unsynced_next->unsynced_before = session->unsynced_before;
}

struct session *session_table_unsynced_first(const struct session_table *table)
{
    return table->unsynced_first;
}

struct session *session_table_newest(const struct session_table *table)
{
    return table->newest;
}

struct session *session_table_older(const struct session *session)
{
    return session->older;
}
