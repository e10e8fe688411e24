#include "series_facts.h"

#include "query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define TRIES    50
#define PAUSE_NS 10000000L

/* The time of the oldest row, which a writer may be about to overwrite. */
static int find_first_time(struct series_facts *facts)
{
    facts->first_time_ns = INT64_MIN;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        if (facts->snapshot.first == facts->snapshot.count)
            return 0;
        int error = reader_time_ns(facts->reader, facts->snapshot.first, &facts->first_time_ns);
        if (error != -ERANGE)
            return error;
        error = reader_snapshot(facts->reader, &facts->snapshot);
        if (error < 0)
            return error;
    }
    return 0;
}

int series_facts_open(const char *store, const char *name, struct series_facts *ret_facts)
{
    struct error_text text = {""};
    for (unsigned tries = 1;; tries++) {
        struct series_facts facts = {0};
        int error = reader_open(store, name, &facts.reader, &text);
        if (error == 0)
            error = reader_snapshot(facts.reader, &facts.snapshot);
        if (error == 0)
            error = find_first_time(&facts);
        if (error == 0) {
            *ret_facts = facts;
            return 0;
        }
        reader_close(facts.reader);
        if (error != -ESTALE || tries == TRIES) {
            return query_series_error(store, name, error, &text);
        }
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
}

void series_facts_close(struct series_facts *facts)
{
    reader_close(facts->reader);
    facts->reader = NULL;
}

const char *shape_text(const struct series_type *type, char buffer[SHAPE_TEXT_BYTES])
{
    size_t used = 1;
    buffer[0] = '(';
    for (unsigned i = 0; i < type->rank && used < SHAPE_TEXT_BYTES; i++) {
        int length = snprintf(buffer + used, SHAPE_TEXT_BYTES - used, "%s%" PRIu32,
                              i == 0 ? "" : ", ", type->dims[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    if (used < SHAPE_TEXT_BYTES)
        snprintf(buffer + used, SHAPE_TEXT_BYTES - used, "%s", type->rank == 1 ? ",)" : ")");
    return buffer;
}

const char *clock_text(const struct series_type *type)
{
    return type->clock == SERIES_REGULAR ? "regular" : "explicit";
}

const char *mode_text(const struct reader_info *info)
{
    return info->capacity > 0 ? "ring" : "grow";
}
