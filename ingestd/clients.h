/* clients.h - the gateways that may write, and what: one public certificate each in a folder
 * (ingestd.ini(5), "CERTIFICATES"). A set never changes: a reload makes a new one. */
#ifndef INGEST_CLIENTS_H
#define INGEST_CLIENTS_H

#include "config.h"
#include "curve_key.h"
#include "error_text.h"

struct client {
    char key[CURVE_KEY_TEXT_BYTES + 1]; /* Z85; "" for client_anyone */
    char *name;                         /* of its file, without ".key"; printable */
    char **patterns;                    /* of the names that it may write */
    size_t pattern_count;
    bool may_write_all; /* whatever the patterns say */
    bool is_revoked;
};

/* Whoever reaches an endpoint without authentication. */
extern const struct client client_anyone;

bool client_may_write(const struct client *client, const char *name, size_t name_bytes);

struct clients;

#define CLIENTS_MAX 100000

/* Reads all certificates of a folder. Every mistake in one is reported, and one is enough for
 * -EINVAL: nothing is returned then. Errors of the folder itself as opening it has them, and
 * -ENOMEM, with a sentence in `error`, which stays as it is otherwise. */
int clients_load(const char *folder, config_report *report, void *context,
                 struct clients **ret_clients, struct error_text *error);
void clients_free(struct clients *clients); /* NULL is allowed */

/* The folder that it was read from. */
const char *clients_folder(const struct clients *clients);

/* In the order of their keys. */
size_t clients_count(const struct clients *clients);
const struct client *clients_at(const struct clients *clients, size_t index);

/* Whose key this is; NULL: nobody's. A revoked one is found too. */
const struct client *clients_find(const struct clients *clients, const char *key);

#endif
