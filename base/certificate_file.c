/* Certificates as files: who may read and write them, and how they come to be. */
#include "certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, char *buffer, size_t buffer_bytes, size_t *ret_read_bytes)
{
    size_t used = 0;
    while (used < buffer_bytes) {
        ssize_t got = read(fd, buffer + used, buffer_bytes - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    *ret_read_bytes = used;
    return 0;
}

/* Whoever can write a certificate decides who comes in, and whoever can read the secret key is its
 * owner. A group that may read it is the administrator's choice. */
static int check_mode(const char *path, mode_t mode, bool has_secret_key, struct error_text *error)
{
    if (has_secret_key && (mode & (S_IRWXO | S_IWGRP)) != 0)
        return error_set(error, -EPERM,
                         "%s: holds a secret key, and others may read or write it; chmod 600 %s, "
                         "and make a new key if somebody could have read it",
                         path, path);
    if ((mode & S_IWOTH) != 0)
        return error_set(error, -EPERM, "%s: others may write it; chmod o-w %s", path, path);
    return 0;
}

static int read_open(const char *path, int fd, struct certificate *ret_certificate,
                     struct error_text *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set_errno(error, -errno, "%s", path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, -EINVAL, "%s: not a file; name a certificate", path);
    char *text = malloc(CERTIFICATE_FILE_BYTES_MAX + 1);
    if (text == NULL)
        return error_set_errno(error, -ENOMEM, "%s", path);
    size_t text_bytes = 0;
    struct certificate certificate = {.has_secret_key = false};
    int result = read_all(fd, text, CERTIFICATE_FILE_BYTES_MAX + 1, &text_bytes);
    if (result < 0)
        error_set_errno(error, result, "%s", path);
    else if (text_bytes > CERTIFICATE_FILE_BYTES_MAX)
        result = error_set(error, -EINVAL, "%s: longer than 64 KiB: no certificate", path);
    else
        result = certificate_parse(path, text, text_bytes, &certificate, error);
    explicit_bzero(text, text_bytes);
    free(text);
    if (result < 0)
        return result;
    result = check_mode(path, status.st_mode, certificate.has_secret_key, error);
    if (result < 0)
        certificate_clear(&certificate);
    else
        *ret_certificate = certificate;
    return result;
}

int certificate_read(const char *path, struct certificate *ret_certificate,
                     struct error_text *error)
{
    /* Not waiting: a FIFO in a folder of certificates must not hold up its reader. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set_errno(error, -errno, "%s", path);
    int result = read_open(path, fd, ret_certificate, error);
    close(fd);
    return result;
}

/* path_secret, allocated; NULL: no memory. */
static char *secret_path(const char *path)
{
    char *secret = NULL;
    return asprintf(&secret, "%s" CERTIFICATE_SECRET_SUFFIX, path) < 0 ? NULL : secret;
}

int certificate_read_secret(const char *path, struct certificate *ret_certificate,
                            struct error_text *error)
{
    char *secret = secret_path(path);
    if (secret == NULL)
        return error_set_errno(error, -ENOMEM, "%s", path);
    bool is_beside = access(secret, F_OK) == 0 || errno != ENOENT;
    const char *from = is_beside ? secret : path;
    struct certificate certificate = {.has_secret_key = false};
    int result = certificate_read(from, &certificate, error);
    if (result == 0 && !certificate.has_secret_key) {
        certificate_clear(&certificate);
        result = error_set(error, -EINVAL,
                           "%s: holds no secret key, and there is no %s; name the file whose name "
                           "ends in " CERTIFICATE_SECRET_SUFFIX,
                           from, secret);
    }
    if (result == 0)
        *ret_certificate = certificate;
    free(secret);
    return result;
}

static int write_all(int fd, const char *text, size_t text_bytes)
{
    while (text_bytes > 0) {
        ssize_t written = write(fd, text, text_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        text += written;
        text_bytes -= (size_t)written;
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

static int create_file(const char *path, mode_t mode, const char *text, struct error_text *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        return error_set(error, -EEXIST,
                         "%s: is there already, and a key is never overwritten; move it away, or "
                         "choose another name",
                         path);
    if (fd < 0)
        return error_set_errno(error, -errno, "%s", path);
    int result = write_all(fd, text, strlen(text));
    if (close(fd) != 0 && result == 0)
        result = -errno;
    if (result < 0) {
        unlink(path);
        return error_set_errno(error, result, "%s", path);
    }
    return 0;
}

static int create_both(const char *path, const char *secret_file, const char *public_text,
                       const char *secret_text, struct error_text *error)
{
    static const char public_form[] = "#   ZeroMQ CURVE Public Certificate\n"
                                      "#   It may be given away. Of a gateway: put it into the "
                                      "daemon's clients_dir, and say which\n"
                                      "#   series it may write; without that it may write none.\n"
                                      "\n"
                                      "metadata\n"
                                      "#    write = \"plant1/** lab/*\"\n"
                                      "curve\n"
                                      "    public-key = \"%s\"\n";
    static const char secret_form[] = "#   ZeroMQ CURVE **Secret** Certificate\n"
                                      "#   DO NOT GIVE IT AWAY, and keep it from other users.\n"
                                      "\n"
                                      "metadata\n"
                                      "curve\n"
                                      "    public-key = \"%s\"\n"
                                      "    secret-key = \"%s\"\n";
    char text[1024];
    snprintf(text, sizeof text, secret_form, public_text, secret_text);
    int result = create_file(secret_file, S_IRUSR | S_IWUSR, text, error);
    explicit_bzero(text, sizeof text);
    if (result < 0)
        return result;
    snprintf(text, sizeof text, public_form, public_text);
    result = create_file(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH, text, error);
    if (result < 0)
        unlink(secret_file);
    return result;
}

int certificate_create(const char *path, const uint8_t public_key[CURVE_KEY_BYTES],
                       const uint8_t secret_key[CURVE_KEY_BYTES], struct error_text *error)
{
    static const char suffix[] = CERTIFICATE_SECRET_SUFFIX;
    size_t path_bytes = strlen(path);
    size_t suffix_bytes = sizeof suffix - 1;
    if (path_bytes > suffix_bytes && strcmp(path + path_bytes - suffix_bytes, suffix) == 0)
        path_bytes -= suffix_bytes;
    char *public_file = strndup(path, path_bytes);
    char *secret_file = public_file != NULL ? secret_path(public_file) : NULL;
    if (secret_file == NULL) {
        free(public_file);
        return error_set_errno(error, -ENOMEM, "%s", path);
    }
    char public_text[CURVE_KEY_TEXT_BYTES + 1];
    char secret_text[CURVE_KEY_TEXT_BYTES + 1];
    curve_key_encode(public_key, public_text);
    curve_key_encode(secret_key, secret_text);
    int result = create_both(public_file, secret_file, public_text, secret_text, error);
    explicit_bzero(secret_text, sizeof secret_text);
    free(secret_file);
    free(public_file);
    return result;
}
