#include "gateways.h"

#include "clock_ns.h"
#include "log.h"

#include <stdio.h>

int gateways_open(struct daemon *daemon)
{
    struct error_text error;
    int result = gateways_file_create(daemon->started->store_path, &daemon->gateways.file, &error);
    if (result < 0)
        log_error("%s", error.text);
    return result;
}

void gateways_close(struct daemon *daemon)
{
    gateways_file_close(daemon->gateways.file);
}

/* Rows are given out in turn; a row that is taken over belongs to whoever was heard of longest ago
 * or nearly so. */
static unsigned gateways_row(struct gateways_state *state, const struct session *session)
{
    if (session->row < GATEWAYS_ROWS && state->owners[session->row] == session->id)
        return session->row;
    unsigned row = state->row_next;
    state->row_next = (row + 1) % GATEWAYS_ROWS;
    state->owners[row] = session->id;
    return row;
}

void gateways_beat(struct daemon *daemon)
{
    struct gateways_state *state = &daemon->gateways;
    int64_t since_ns = state->beat_ns;
    int64_t now_ns = clock_realtime_ns();
    unsigned count = 0;
    state->beat_ns = daemon->now_ns;
    for (struct session *session = session_table_newest(daemon->sessions);
         session != NULL && count < GATEWAYS_ROWS;
         session = session_table_older(session), count++) {
        /* One that is quiet may still become durable. */
        if (session->heard_ns < since_ns && session->told_durable == session->durable)
            break;
        if (session->heard_ns == 0)
            break;
        struct gateways_row row = {
            .session = session->id,
            .seen_ns = now_ns - (daemon->now_ns - session->heard_ns),
            .stored = session->stored,
            .durable = session->durable,
            .late = session->late_samples,
            .refused = session->refused_batches,
        };
        snprintf(row.name, sizeof row.name, "%s", session->name);
        snprintf(row.address, sizeof row.address, "%s", session->address);
        session->told_durable = session->durable;
        session->row = gateways_row(state, session);
        gateways_file_set(state->file, session->row, &row);
    }
}
