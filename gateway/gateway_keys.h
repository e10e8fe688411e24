/* gateway_keys.h - the keys of a connection with CURVE. */
#ifndef INGEST_GATEWAY_KEYS_H
#define INGEST_GATEWAY_KEYS_H

#include "curve_key.h"
#include "error_text.h"

struct gateway_keys {
    bool is_curve; /* false: no keys, and no CURVE */
    uint8_t public_key[CURVE_KEY_BYTES];
    uint8_t secret_key[CURVE_KEY_BYTES];
    uint8_t server_key[CURVE_KEY_BYTES]; /* the daemon's, public */
};

/* Reads what ingest_gateway_options.key_file and .server_key name; both NULL: no keys. -EINVAL: one
 * without the other; -EBADMSG: not a certificate; -EPERM: others can reach the secret key; -ENOMEM;
 * what opening fails with. Each with a sentence. */
int gateway_keys_read(const char *key_file, const char *server_key, struct gateway_keys *ret_keys,
                      struct error_text *error);

/* Wipes them. */
void gateway_keys_clear(struct gateway_keys *keys);

#endif
