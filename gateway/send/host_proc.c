#include "host_proc.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
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

bool host_proc_cpu(const char *line, unsigned *ret_core, uint64_t *ret_busy, uint64_t *ret_total)
{
    enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
    uint64_t ticks[FIELDS] = {0};
    unsigned core;
    /* "cpu  1 2 3" is all cores together. */
    if (strncmp(line, "cpu", 3) != 0 || !isdigit((unsigned char)line[3]))
        return false;
    int fields = sscanf(line,
                        "cpu%u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                        " %" SCNu64 " %" SCNu64,
                        &core, &ticks[USER], &ticks[NICE], &ticks[SYSTEM], &ticks[IDLE],
                        &ticks[IOWAIT], &ticks[IRQ], &ticks[SOFTIRQ], &ticks[STEAL]);
    if (fields < 1 + IDLE + 1)
        return false;
    uint64_t total = 0;
    for (int i = 0; i < FIELDS; i++)
        total += ticks[i];
    *ret_core = core;
    *ret_total = total;
    *ret_busy = total - ticks[IDLE] - ticks[IOWAIT];
    return true;
}

bool host_proc_memory(const char *line, char name[HOST_NAME_BYTES], uint64_t *ret_bytes)
{
    uint64_t kib;
    if (sscanf(line, "%63[^:]: %" SCNu64 " kB", name, &kib) != 2)
        return false;
    *ret_bytes = kib * 1024;
    return true;
}

bool host_proc_disk(const char *line, char name[HOST_NAME_BYTES], uint64_t *ret_read_bytes,
                    uint64_t *ret_written_bytes)
{
    uint64_t read_sectors, written_sectors;
    if (sscanf(line, " %*u %*u %63s %*u %*u %" SCNu64 " %*u %*u %*u %" SCNu64, name, &read_sectors,
               &written_sectors) != 3)
        return false;
    *ret_read_bytes = read_sectors * SECTOR_BYTES;
    *ret_written_bytes = written_sectors * SECTOR_BYTES;
    return true;
}

bool host_proc_network(const char *line, char name[HOST_NAME_BYTES], uint64_t *ret_received_bytes,
                       uint64_t *ret_sent_bytes)
{
    return sscanf(line, " %63[^: |]: %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, name,
                  ret_received_bytes, ret_sent_bytes) == 3;
}

bool host_proc_load(const char *line, double *ret_load)
{
    return sscanf(line, "%lf %*f %*f", ret_load) == 1;
}
