#include "host_proc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Sectors of /proc/diskstats have this size whatever the device's own is. */
#define SECTOR_BYTES 512

bool host_proc_line(const char **text, char *line, size_t line_bytes)
{
    if (**text == '\0')
        return false;
    size_t length = strcspn(*text, "\n");
    size_t copied = length < line_bytes ? length : line_bytes - 1;
    memcpy(line, *text, copied);
    line[copied] = '\0';
    *text += length + ((*text)[length] == '\n');
    return true;
}

/* The next word, up to a blank or one of `ends`; cut at the buffer's end. */
static bool take_word(const char **text, const char *ends, char name[HOST_NAME_BYTES])
{
    *text += strspn(*text, " \t");
    size_t length = 0;
    for (; **text != '\0' && strchr(" \t", **text) == NULL && strchr(ends, **text) == NULL;
         (*text)++)
        if (length < HOST_NAME_BYTES - 1)
            name[length++] = **text;
    name[length] = '\0';
    return length > 0;
}

static bool take_number(const char **text, uint64_t *ret_number)
{
    char *end;
    *text += strspn(*text, " \t");
    if (!isdigit((unsigned char)**text))
        return false;
    *ret_number = strtoull(*text, &end, 10);
    *text = end;
    return true;
}

/* `count` numbers of a line. */
static bool take_numbers(const char **text, uint64_t *ret_numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!take_number(text, &ret_numbers[i]))
            return false;
    return true;
}

bool host_proc_cpu(const char *line, unsigned *ret_core, uint64_t *ret_busy, uint64_t *ret_total)
{
    enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
    uint64_t core, ticks[FIELDS] = {0};
    /* "cpu  1 2 3" is all cores together. */
    if (strncmp(line, "cpu", 3) != 0 || !isdigit((unsigned char)line[3]))
        return false;
    line += 3;
    if (!take_number(&line, &core) || !take_numbers(&line, ticks, IDLE + 1))
        return false;
    /* Old kernels know fewer. */
    for (size_t i = IOWAIT; i < FIELDS && take_number(&line, &ticks[i]); i++)
        ;
    uint64_t total = 0;
    for (size_t i = 0; i < FIELDS; i++)
        total += ticks[i];
    *ret_core = (unsigned)core;
    *ret_total = total;
    *ret_busy = total - ticks[IDLE] - ticks[IOWAIT];
    return true;
}

bool host_proc_memory(const char *line, char name[HOST_NAME_BYTES], uint64_t *ret_bytes)
{
    uint64_t kib;
    if (!take_word(&line, ":", name) || *line++ != ':' || !take_number(&line, &kib))
        return false;
    *ret_bytes = kib * 1024;
    return true;
}

bool host_proc_disk(const char *line, char name[HOST_NAME_BYTES], uint64_t *ret_read_bytes,
                    uint64_t *ret_written_bytes)
{
    enum { READS, READS_MERGED, SECTORS_READ, READ_MS, WRITES, WRITES_MERGED, SECTORS_WRITTEN };
    uint64_t device[2], fields[SECTORS_WRITTEN + 1];
    if (!take_numbers(&line, device, 2) || !take_word(&line, "", name) ||
        !take_numbers(&line, fields, SECTORS_WRITTEN + 1))
        return false;
    *ret_read_bytes = fields[SECTORS_READ] * SECTOR_BYTES;
    *ret_written_bytes = fields[SECTORS_WRITTEN] * SECTOR_BYTES;
    return true;
}

bool host_proc_network(const char *line, char name[HOST_NAME_BYTES], uint64_t *ret_received_bytes,
                       uint64_t *ret_sent_bytes)
{
    enum { RECEIVED = 0, SENT = 8 };
    uint64_t fields[SENT + 1];
    if (!take_word(&line, ":", name) || *line++ != ':' || !take_numbers(&line, fields, SENT + 1))
        return false;
    *ret_received_bytes = fields[RECEIVED];
    *ret_sent_bytes = fields[SENT];
    return true;
}

bool host_proc_load(const char *line, double *ret_load)
{
    char *end;
    double load = strtod(line, &end);
    if (end == line || *end != ' ')
        return false;
    *ret_load = load;
    return true;
}
