#include "error_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error_text *error, int code, const char *format, ...)
{
    if (error == NULL)
        return code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return code;
}

int error_set_errno(struct error_text *error, int code, const char *format, ...)
{
    if (error == NULL)
        return code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);

    char buffer[128];
    const char *reason = code == -EBADMSG
                             ? "it is damaged, or is no regular file"
                             : strerror_r(code < 0 ? -code : code, buffer, sizeof buffer);
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, ": %s", reason);
    return code;
}
