#include "error_text.h"
#include "progress.h"
#include "query.h"
#include "store_format.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local struct query_messages *gathered;

void query_messages_gather(struct query_messages *messages)
{
    gathered = messages;
}

void query_messages_print(const struct query_messages *messages)
{
    if (messages->bytes == 0)
        return;
    progress_end();
    fwrite(messages->text, 1, messages->bytes, stderr);
}

void query_messages_free(struct query_messages *messages)
{
    free(messages->text);
}

/* Without memory for it, a message is printed at once. */
static bool gather(const char *text)
{
    size_t bytes = strlen(PROGRAM ": \n") + strlen(text);
    char *longer = gathered != NULL ? realloc(gathered->text, gathered->bytes + bytes + 1) : NULL;
    if (longer == NULL)
        return false;
    snprintf(longer + gathered->bytes, bytes + 1, PROGRAM ": %s\n", text);
    gathered->text = longer;
    gathered->bytes += bytes;
    return true;
}

int query_error(int code, const char *format, ...)
{
    va_list arguments;
    char text[1024];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (gather(text))
        return code;
    progress_end();
    fprintf(stderr, PROGRAM ": %s\n", text);
    return code;
}

int query_exit_code(int error)
{
    switch (error) {
    case 0:
        return 0;
    case -ENOENT:
    case -ENOTDIR:
    case -EINVAL: /* a name that no series can have */
    case -EACCES: /* an input that cannot be read, says sysexits.h */
        return EX_NOINPUT;
    case -EBADMSG:
    case -ENODATA:
    case -EFAULT:
    case -EPROTONOSUPPORT:
        return EX_DATAERR;
    default:
        return QUERY_FAILED;
    }
}

int query_series_error(const char *store, const char *name, int error,
                       const struct error_text *text)
{
    int code = query_exit_code(error);
    char path[4096];
    if (error == -ENOENT) {
        snprintf(path, sizeof path, "%s/" STORE_SERIES_DIR, store);
        if (access(path, F_OK) != 0)
            return query_error(code, "%s is no store: it has no folder \"" STORE_SERIES_DIR "\"",
                               store);
        return query_error(code, "no series \"%s\" in %s", name, store);
    }
    if (text != NULL && text->text[0] != '\0')
        return query_error(code, "%s", text->text);
    if (error == -EFAULT || error == -ENODATA)
        return query_error(code, "%s: a file is shorter than its header says", name);
    if (error == -EBADMSG)
        return query_error(
            code, "%s: the counts in its head or its runs are damaged; see " PROGRAM " verify",
            name);
    return query_error(code, "%s: %s", name, strerror(-error));
}

bool query_may_colour(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_color != NULL && no_color[0] != '\0')
        return false;
    return term != NULL && strcmp(term, "dumb") != 0 && isatty(fd);
}
