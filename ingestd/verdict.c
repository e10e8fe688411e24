#include "verdict.h"

#include "printable.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void verdict_begin(struct verdict *verdict)
{
    verdict->code = WIRE_OK;
    verdict->refused_blocks = 0;
    verdict->blocks = 0;
    verdict->samples = 0;
    verdict->late = 0;
    verdict->clamped = 0;
    verdict->duplicates = 0;
    verdict->block = 0;
    verdict->run_first = 0;
    verdict->run_end = 0;
    verdict->series[0] = '\0';
    verdict->text[0] = '\0';
    verdict->refused_list[0] = '\0';
    verdict->list_is_cut = false;
}

/* Adds the last run to the list. */
static void verdict_list_run(struct verdict *verdict)
{
    char *list = verdict->refused_list;
    const size_t used = strlen(list), left = sizeof verdict->refused_list - used;
    const char *comma = used > 0 ? "," : "";
    const uint32_t last = verdict->run_end - 1;
    int length = verdict->run_first == last ? snprintf(list + used, left, "%s%" PRIu32, comma, last)
                                            : snprintf(list + used, left, "%s%" PRIu32 "-%" PRIu32,
                                                       comma, verdict->run_first, last);
    if (length < 0 || (size_t)length >= left) {
        list[used] = '\0';
        verdict->list_is_cut = true;
    }
}

static void verdict_note_block(struct verdict *verdict)
{
    if (verdict->run_end == verdict->block && verdict->run_end > 0) {
        verdict->run_end++;
        return;
    }
    if (verdict->run_end > 0)
        verdict_list_run(verdict);
    verdict->run_first = verdict->block;
    verdict->run_end = verdict->block + 1;
}

void verdict_end(struct verdict *verdict, uint32_t block_count)
{
    if (verdict->refused_blocks == 0 || verdict->refused_blocks >= block_count)
        return;
    verdict_list_run(verdict);
    if (verdict->list_is_cut)
        return;
    char list[sizeof verdict->refused_list + 16];
    int length = snprintf(list, sizeof list, " [blocks %s]", verdict->refused_list);
    /* The reason gives way. */
    size_t limit = WIRE_REPLY_TEXT_MAX - (size_t)length, used = strlen(verdict->text);
    if (used > limit)
        used = limit;
    while (used > 0 && (verdict->text[used] & 0xC0) == 0x80)
        used--;
    memcpy(verdict->text + used, list, (size_t)length + 1);
}

void verdict_refuse(struct verdict *verdict, enum wire_code code, const char *name,
                    size_t name_bytes, const char *format, ...)
{
    verdict->refused_blocks++;
    verdict_note_block(verdict);
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
