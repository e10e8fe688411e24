/* error_text.h - the sentence that goes with an error code. Libraries fill one in and never print
 * it. */
#ifndef INGEST_ERROR_TEXT_H
#define INGEST_ERROR_TEXT_H

#include <stdarg.h>

/* A message for a person: it names the thing, the place and the remedy. Empty when nothing failed.
 */
struct error_text {
    char text[512];
};

/* Writes the message (cut at the buffer's end) and returns `code`, so that `return error_set(...)`
 * reads well. `error` may be NULL: then only the code is passed on. `code` is a negative errno. */
__attribute__((format(printf, 3, 4))) int error_set(struct error_text *error, int code,
                                                    const char *format, ...);

/* As error_set(), then ": " and the system's name for `code`; that of -EBADMSG speaks of messages,
 * which is not what it stands for here. */
__attribute__((format(printf, 3, 4))) int error_set_errno(struct error_text *error, int code,
                                                          const char *format, ...);

#endif
