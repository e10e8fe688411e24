#include "verdict.h"

#include "printable.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_begin(struct verdict *verdict)
{
    verdict->code = WIRE_OK;
    verdict->refused_blocks = 0;
    verdict->blocks = 0;
    verdict->samples = 0;
    verdict->late = 0;
    verdict->clamped = 0;
    verdict->duplicates = 0;
    verdict->series[0] = '\0';
    verdict->text[0] = '\0';
}

void verdict_refuse(struct verdict *verdict, enum wire_code code, const char *name,
                    size_t name_bytes, const char *format, ...)
{
    verdict->refused_blocks++;
    /* A gateway that reads a permanent code forgets the batch: what must come again has to be said
     * first. */
    bool goes_first = verdict->code == WIRE_OK ||
                      (wire_code_is_permanent(verdict->code) && !wire_code_is_permanent(code));
    if (!goes_first)
        return;
    verdict->code = code;
    verdict->series[0] = '\0';
    size_t used = 0;
    if (name != NULL) {
        printable_copy(verdict->series, sizeof verdict->series, name, name_bytes);
        int length = snprintf(verdict->text, sizeof verdict->text, "series %s: ", verdict->series);
        used = length > 0 && (size_t)length < sizeof verdict->text ? (size_t)length : 0;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->text + used, sizeof verdict->text - used, format, arguments);
    va_end(arguments);
}

void verdict_refuse_all(struct verdict *verdict, enum wire_code code, uint32_t block_count,
                        const char *format, ...)
{
    verdict_begin(verdict);
    verdict->code = code;
    verdict->refused_blocks = block_count;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
    va_end(arguments);
}
