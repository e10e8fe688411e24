#include "gateways.h"

#include "clock_ns.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

static void gateways_set(struct daemon *daemon, struct session *session, int64_t now_ns)
{
    struct gateways_state *state = &daemon->gateways;
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
    snprintf(row.owner, sizeof row.owner, "%s", session->owner);
    session->told_durable = session->durable;
    session->row = gateways_row(state, session);
    gateways_file_set(state->file, session->row, &row);
}

/* The session of a row of the daemon before this one belongs to whom it did, whoever asks first. A
 * key that is not authorised any more holds nothing. -ENOMEM. */
static int gateways_restore(struct daemon *daemon, struct gateways_row *row)
{
    struct session *session = session_table_find(daemon->sessions, row->session);
    if (session == NULL)
        session = session_table_add(daemon->sessions, row->session);
    if (session == NULL)
        return -ENOMEM;
    snprintf(session->owner, sizeof session->owner, "%.*s", CURVE_KEY_TEXT_BYTES, row->owner);
    row->stored = session->stored;
    row->durable = session->durable;
    row->late = row->refused = 0;
    session->row = gateways_row(&daemon->gateways, session);
    gateways_file_set(daemon->gateways.file, session->row, row);
    return 0;
}

int gateways_open(struct daemon *daemon)
{
    const struct config *config = daemon->started;
    struct gateways_row *rows = NULL;
    size_t count = 0;
    struct error_text error;
    int result = 0;
    if (config->security_mode == CONFIG_SECURITY_CURVE)
        result = gateways_file_read(config->store_path, &rows, &count, &error);
    /* None, or none of ours: it is made anew. */
    if (result == 0 || result == -ENOENT || result == -EBADMSG)
        result = gateways_file_create(config->store_path, &daemon->gateways.file, &error);
    for (size_t i = 0; i < count && result == 0; i++) {
        result = rows[i].owner[0] != '\0' ? gateways_restore(daemon, &rows[i]) : 0;
        if (result < 0)
            error_set_errno(&error, result, "session %016" PRIx64, rows[i].session);
    }
    free(rows);
    if (result < 0)
        log_error("%s", error.text);
    return result;
}

void gateways_note_owner(struct daemon *daemon, struct session *session)
{
    gateways_set(daemon, session, clock_realtime_ns());
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
        gateways_set(daemon, session, now_ns);
    }
}
