#include "gateway_keys.h"

#include "certificate.h"

#include <errno.h>
#include <string.h>

/* -EINVAL is kept for the options. */
static int read_result(int result)
{
    return result == -EINVAL ? -EBADMSG : result;
}

static int read_server_key(const char *server_key, uint8_t ret_key[CURVE_KEY_BYTES],
                           struct error_text *error)
{
    if (curve_key_decode(server_key, strlen(server_key), ret_key))
        return 0;
    struct certificate certificate;
    int result = certificate_read(server_key, &certificate, error);
    if (result == 0) {
        memcpy(ret_key, certificate.public_key, CURVE_KEY_BYTES);
        certificate_clear(&certificate);
    }
    return read_result(result);
}

int gateway_keys_read(const char *key_file, const char *server_key, struct gateway_keys *ret_keys,
                      struct error_text *error)
{
    struct gateway_keys keys = {.is_curve = key_file != NULL};
    if ((key_file == NULL) != (server_key == NULL))
        return error_set(error, -EINVAL,
                         "CURVE needs both the gateway's own key and the daemon's public key");
    if (keys.is_curve) {
        struct certificate certificate;
        int result = certificate_read_secret(key_file, &certificate, error);
        if (result < 0)
            return read_result(result);
        memcpy(keys.public_key, certificate.public_key, CURVE_KEY_BYTES);
        memcpy(keys.secret_key, certificate.secret_key, CURVE_KEY_BYTES);
        certificate_clear(&certificate);
        result = read_server_key(server_key, keys.server_key, error);
        if (result < 0) {
            gateway_keys_clear(&keys);
            return result;
        }
    }
    *ret_keys = keys;
    gateway_keys_clear(&keys);
    return 0;
}

void gateway_keys_clear(struct gateway_keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}
