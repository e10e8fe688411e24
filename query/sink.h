/* sink.h - where output bytes go: standard output, or a file that appears under its name only when
 * it is complete.
 *
 * Errors are kept and told once, by sink_close(), but for a closed pipe, which is none: it only
 * ends the work (sink_failed()). Callers ignore SIGPIPE. Not more than one buffer of memory. */
#ifndef INGEST_SINK_H
#define INGEST_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink;

/* Opens `path`, or standard output for NULL. A regular file is written beside its place and
 * renamed; a pipe, a device, or a name of standard output (/dev/stdout) is written to as it is.
 * `patched`: the beginning is written last (sink_patch()); what cannot be patched is then gathered
 * in a temporary file first. Prints its message; 0 or an exit code. */
int sink_open(const char *path, bool patched, struct sink **ret_sink);

/* A sink whose bytes are handed to `take`, what one sink_write() wrote always in one piece. It
 * returns 0 or a negative errno, which ends the work; -ECANCELED is not told as a failure. */
int sink_open_taken(int (*take)(void *context, const void *bytes, size_t count), void *context,
                    struct sink **ret_sink);

void sink_write(struct sink *sink, const void *bytes, size_t count);
__attribute__((format(printf, 2, 3))) void sink_print(struct sink *sink, const char *format, ...);

/* Hands on what is in the buffer. */
void sink_flush(struct sink *sink);

/* Overwrites the first bytes; only of a sink opened as patched, and nothing may be written after
 * it. */
void sink_patch(struct sink *sink, const void *bytes, size_t count);

/* True when a write has failed: go no further. */
bool sink_failed(const struct sink *sink);

/* The file descriptor that it ends at, for questions such as isatty(). */
int sink_descriptor(const struct sink *sink);

/* Ends it and frees it: renames when `good` and nothing failed, else leaves nothing behind. 0 or an
 * exit code, with its message printed. NULL is allowed. */
int sink_close(struct sink *sink, bool good);

#endif
