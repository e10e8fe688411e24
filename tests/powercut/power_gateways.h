/* power_gateways.h - the gateways of a run: they send their batches to the store in this process,
 * and again from where it fell back to. */
#ifndef INGEST_POWER_GATEWAYS_H
#define INGEST_POWER_GATEWAYS_H

#include "power_model.h"
#include "store.h"

struct gateways {
    struct model model;
    struct store *store;
    struct error_text error;                  /* of the call that failed */
    struct series *series[MODEL_SERIES];      /* NULL: is not there */
    uint32_t generation[MODEL_SERIES];        /* of that one, or of the last one */
    struct model_cursor cursor[MODEL_SERIES]; /* of series with a session */
    uint64_t stored[MODEL_SESSIONS];          /* last sequence sent, by session number - 1 */
    uint64_t durable[MODEL_SERIES];           /* rows that the store said to be durable */
    struct power_mark mark;                   /* what was promised */
};

/* Opens the store of a model and goes on from there; renames that were cut are ended. 0 or -errno;
 * -EPROTO: a series has a name that it should not have. */
int gateways_open(struct gateways *gateways, const char *path, uint64_t seed,
                  const struct power_mark *mark);

/* Sends the next batch of a session. -EAGAIN: it has to wait for a flush. -EPROTO: the store did
 * not take it as it should have. */
int gateways_send(struct gateways *gateways, uint64_t session);

/* Appends to a series that has no session. As gateways_send(). */
int gateways_append_free(struct gateways *gateways, size_t number, uint64_t rows);

/* Deletes a series, so that its next life can begin. Only before the first batch is sent. */
int gateways_delete(struct gateways *gateways, size_t number);

/* Renames a series that is there to its other name. Only before the first batch is sent. */
int gateways_rename(struct gateways *gateways, size_t number);

/* The name that a series has, or will be made with. */
const char *gateways_name(const struct gateways *gateways, size_t number);

/* True when every series holds whole batches: none is cut in half. */
bool gateways_are_whole(const struct gateways *gateways);

/* The mark that holds once all that is in the store now is durable. */
void gateways_promise(const struct gateways *gateways, struct power_mark *ret_mark);

/* All sessions that sent something, as a flush wants them; returns how many. */
size_t gateways_sessions(const struct gateways *gateways,
                         struct store_session ret_sessions[MODEL_SESSIONS]);

#endif
