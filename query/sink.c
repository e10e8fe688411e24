#include "sink.h"

#include "query.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES 65536

struct sink {
    int fd;           /* what is written to now: the file, standard output, or the temporary file */
    int final_fd;     /* where the temporary file goes in the end, or -1 */
    const char *path; /* as given, or "standard output" */
    char *final_path; /* where the file will be: what a symbolic link points to */
    char *temporary;  /* renamed to it in the end; NULL for what is written to as it is */
    int slot;         /* in `leftovers`, or -1 */
    int (*take)(void *context, const void *bytes, size_t count); /* instead of a file; or NULL */
    void *take_context;
    int error; /* the first one, as a negative errno */
    size_t used;
    char buffer[BUFFER_BYTES];
};

/* Temporary files that a signal must not leave behind: a command writes at most an array and its
 * times. */
#define LEFTOVERS 2
static char *volatile leftovers[LEFTOVERS];

static void remove_leftovers(int number)
{
    for (size_t i = 0; i < LEFTOVERS; i++) {
        char *path = leftovers[i];
        if (path != NULL)
            unlink(path);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void remember_leftover(struct sink *sink)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (int i = 0; i < LEFTOVERS; i++) {
        if (leftovers[i] == NULL) {
            leftovers[i] = sink->temporary;
            sink->slot = i;
            break;
        }
    }
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action = {.sa_handler = remove_leftovers};
        sigaction(signals[i], &action, NULL);
    }
}

/* An unlinked file in $TMPDIR. */
static int open_gathering(void)
{
    const char *folder = getenv("TMPDIR");
    char *name = NULL;
    if (asprintf(&name, "%s/" PROGRAM "-XXXXXX",
                 folder != NULL && folder[0] != '\0' ? folder : "/tmp") < 0)
        return -ENOMEM;
    int fd = mkostemp(name, O_CLOEXEC);
    int error = fd < 0 ? -errno : 0;
    if (fd >= 0)
        unlink(name);
    free(name);
    return fd < 0 ? error : fd;
}

/* The file beside its place, with the mode that a new file would have, or that of the one it
 * replaces. A link stays, and the file that it leads to is replaced. */
static int open_temporary(struct sink *sink, const struct stat *old)
{
    sink->final_path = old != NULL ? realpath(sink->path, NULL) : strdup(sink->path);
    if (sink->final_path == NULL)
        return -errno;
    if (asprintf(&sink->temporary, "%s.XXXXXX", sink->final_path) < 0) {
        sink->temporary = NULL;
        return -ENOMEM;
    }
    int fd = mkostemp(sink->temporary, O_CLOEXEC);
    if (fd < 0) {
        int error = -errno;
        free(sink->temporary);
        sink->temporary = NULL;
        return error;
    }
    mode_t mask = umask(0);
    umask(mask);
    (void)fchmod(fd, old != NULL ? old->st_mode & 07777 : 0666 & ~mask);
    remember_leftover(sink);
    return fd;
}

/* The descriptor that a name such as /dev/stdout stands for, or -1. Such a name must not be
 * replaced by a file. */
static int standard_descriptor(const struct stat *named)
{
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        struct stat status;
        if (fstat(fd, &status) == 0 && status.st_dev == named->st_dev &&
            status.st_ino == named->st_ino)
            return fd;
    }
    return -1;
}

static int open_path(struct sink *sink, const char *path, bool patched)
{
    struct stat status;
    bool there = path != NULL && stat(path, &status) == 0;
    int fd = path == NULL ? STDOUT_FILENO : there ? standard_descriptor(&status) : -1;
    if (fd < 0 && (!there || S_ISREG(status.st_mode)))
        return open_temporary(sink, there ? &status : NULL);
    if (fd < 0 && S_ISDIR(status.st_mode))
        return -EISDIR;
    if (fd < 0)
        fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (patched) {
        sink->final_fd = fd;
        fd = open_gathering();
    }
    return fd;
}

/* Without the buffer, which needs no value. */
static struct sink *make_sink(const char *path)
{
    struct sink *sink = malloc(sizeof *sink);
    if (sink == NULL)
        return NULL;
    sink->path = path;
    sink->final_path = sink->temporary = NULL;
    sink->fd = sink->final_fd = sink->slot = -1;
    sink->take = NULL;
    sink->take_context = NULL;
    sink->error = 0;
    sink->used = 0;
    return sink;
}

int sink_open_taken(int (*take)(void *context, const void *bytes, size_t count), void *context,
                    struct sink **ret_sink)
{
    struct sink *sink = make_sink("output");
    if (sink == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    sink->take = take;
    sink->take_context = context;
    *ret_sink = sink;
    return 0;
}

int sink_open(const char *path, bool patched, struct sink **ret_sink)
{
    struct sink *sink = make_sink(path != NULL ? path : "standard output");
    if (sink == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    sink->fd = open_path(sink, path, patched);
    if (sink->fd < 0) {
        int error = sink->fd;
        free(sink->final_path);
        free(sink);
        return query_error(QUERY_FAILED, "cannot write %s: %s", path != NULL ? path : "output",
                           strerror(-error));
    }
    *ret_sink = sink;
    return 0;
}

static void write_all(struct sink *sink, int fd, const char *bytes, size_t count)
{
    if (sink->take != NULL && count > 0 && sink->error == 0) {
        sink->error = sink->take(sink->take_context, bytes, count);
        return;
    }
    while (count > 0 && sink->error == 0) {
        ssize_t done = write(fd, bytes, count);
        if (done < 0) {
            if (errno != EINTR)
                sink->error = -errno;
            continue;
        }
        bytes += done;
        count -= (size_t)done;
    }
}

void sink_flush(struct sink *sink)
{
    write_all(sink, sink->fd, sink->buffer, sink->used);
    sink->used = 0;
}

void sink_write(struct sink *sink, const void *bytes, size_t count)
{
    if (count > BUFFER_BYTES - sink->used)
        sink_flush(sink);
    if (count > BUFFER_BYTES) {
        write_all(sink, sink->fd, bytes, count);
        return;
    }
    memcpy(sink->buffer + sink->used, bytes, count);
    sink->used += count;
}

void sink_print(struct sink *sink, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0)
        sink_write(sink, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

void sink_patch(struct sink *sink, const void *bytes, size_t count)
{
    sink_flush(sink);
    if (sink->error == 0 && lseek(sink->fd, 0, SEEK_SET) != 0)
        sink->error = -errno;
    write_all(sink, sink->fd, bytes, count);
}

bool sink_failed(const struct sink *sink)
{
    return sink->error != 0;
}

int sink_descriptor(const struct sink *sink)
{
    return sink->final_fd >= 0 ? sink->final_fd : sink->fd;
}

/* From the temporary file to where it was to go. */
static void copy_gathered(struct sink *sink)
{
    if (sink->error == 0 && lseek(sink->fd, 0, SEEK_SET) != 0)
        sink->error = -errno;
    while (sink->error == 0) {
        ssize_t got = read(sink->fd, sink->buffer, BUFFER_BYTES);
        if (got == 0)
            return;
        if (got > 0)
            write_all(sink, sink->final_fd, sink->buffer, (size_t)got);
        else if (errno != EINTR)
            sink->error = -errno;
    }
}

static void close_descriptor(struct sink *sink, int fd)
{
    if (fd > STDERR_FILENO && close(fd) != 0 && sink->error == 0)
        sink->error = -errno;
}

int sink_close(struct sink *sink, bool good)
{
    if (sink == NULL)
        return 0;
    sink_flush(sink);
    if (sink->final_fd >= 0 && good)
        copy_gathered(sink);
    close_descriptor(sink, sink->fd);
    close_descriptor(sink, sink->final_fd);
    if (sink->temporary != NULL) {
        if (good && sink->error == 0 && rename(sink->temporary, sink->final_path) != 0)
            sink->error = -errno;
        if (!good || sink->error != 0)
            unlink(sink->temporary);
        if (sink->slot >= 0)
            leftovers[sink->slot] = NULL;
    }
    int code = 0;
    /* Who closed the pipe has read what was wanted. */
    if (sink->error != 0 && sink->error != -EPIPE && sink->error != -ECANCELED)
        code = query_error(QUERY_FAILED, "cannot write %s: %s", sink->path, strerror(-sink->error));
    free(sink->temporary);
    free(sink->final_path);
    free(sink);
    return code;
}
