/* certificate.h - CURVE certificates as czmq and pyzmq write them: text files in ZPL (ZeroMQ RFC
 * 4).
 *
 *     metadata
 *         write = "plant1/pump* lab/run?"
 *     curve
 *         public-key = "40 characters of Z85"
 *         secret-key = "40 characters of Z85"
 *
 * The secret key is in the file NAME_secret; NAME beside it has the public one alone and may be
 * given away. Sections stand at the beginning of a line, their entries are indented; '#' begins a
 * comment. Everything else is a mistake. */
#ifndef INGEST_CERTIFICATE_H
#define INGEST_CERTIFICATE_H

#include "curve_key.h"
#include "error_text.h"

#define CERTIFICATE_FILE_BYTES_MAX 65536
#define CERTIFICATE_METADATA_MAX   64
#define CERTIFICATE_SECRET_SUFFIX  "_secret"
#define CERTIFICATE_NAME_CHARACTERS                                                                \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789$-_@.&+/"

struct certificate_entry {
    char *name;
    char *value;
    unsigned line; /* in the file, for messages */
};

struct certificate {
    uint8_t public_key[CURVE_KEY_BYTES];
    uint8_t secret_key[CURVE_KEY_BYTES];
    bool has_secret_key;
    unsigned secret_line;               /* where it stands, for messages; 0 = nowhere */
    struct certificate_entry *metadata; /* in the file's order, each name once */
    size_t metadata_count;
};

/* Reads the text of a certificate. `path` is for messages only. 0; -EINVAL: a mistake, and the
 * error says "path:line: what is wrong and what would be right"; -ENOMEM. On failure nothing is
 * returned. */
int certificate_parse(const char *path, const char *text, size_t text_bytes,
                      struct certificate *ret_certificate, struct error_text *error);

/* Reads a file. Besides: -EPERM when others could write it (or, with a secret key, read it), and
 * what opening and reading fail with; each with a sentence. */
int certificate_read(const char *path, struct certificate *ret_certificate,
                     struct error_text *error);

/* Reads the certificate with the secret key that `path` stands for: path_secret where that is
 * there, as czmq does it, else path itself. -EINVAL: there is no secret key in it. */
int certificate_read_secret(const char *path, struct certificate *ret_certificate,
                            struct error_text *error);

/* Writes two new files: the public certificate to `path` and the secret one, mode 0600, to
 * path_secret; a path that ends in _secret is taken as the name of the second. They are synced.
 * -EEXIST when one of them is there: then nothing is written. */
int certificate_create(const char *path, const uint8_t public_key[CURVE_KEY_BYTES],
                       const uint8_t secret_key[CURVE_KEY_BYTES], struct error_text *error);

/* NULL when there is no such entry. */
const struct certificate_entry *certificate_find(const struct certificate *certificate,
                                                 const char *name);

/* Frees what is in it and wipes its keys; one that is zeroed is allowed. */
void certificate_clear(struct certificate *certificate);

#endif
