#include "keygen.h"

#include "certificate.h"
#include "log.h"
#include "network.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static int keygen_exit_code(int result)
{
    switch (result) {
    case -ENOSPC:
    case -EDQUOT:
    case -EIO:
        return EX_IOERR;
    case -ENOMEM:
        return EX_TEMPFAIL;
    default:
        return EX_CANTCREAT;
    }
}

int keygen(const char *file)
{
    uint8_t public_key[CURVE_KEY_BYTES];
    uint8_t secret_key[CURVE_KEY_BYTES];
    int result = network_make_keys(public_key, secret_key);
    if (result < 0) {
        log_error("--keygen: %s", result == -ENOTSUP ? NETWORK_NO_CURVE : "no key could be made");
        return EX_UNAVAILABLE;
    }
    struct error_text error;
    result = certificate_create(file, public_key, secret_key, &error);
    explicit_bzero(secret_key, sizeof secret_key);
    if (result < 0) {
        log_error("--keygen: %s", error.text);
        return keygen_exit_code(result);
    }
    char text[CURVE_KEY_TEXT_BYTES + 1];
    curve_key_encode(public_key, text);
    printf("public key: %s\n", text);
    if (fflush(stdout) == 0)
        return EX_OK;
    log_error("cannot write to standard output; the key is made");
    return EX_IOERR;
}
