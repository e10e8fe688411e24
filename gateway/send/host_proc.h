/* host_proc.h - what Linux says about itself in /proc, as numbers. Pure functions on the text of a
 * file; each is called for one line after the other by host_proc_line(). */
#ifndef INGEST_HOST_PROC_H
#define INGEST_HOST_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_NAME_BYTES 64

/* Copies the next line of *text, without its end, and moves *text on; a longer line is cut. False
 * at the end. */
bool host_proc_line(const char **text, char *line, size_t line_bytes);

/* "cpu3 1 2 3 4 ..." of /proc/stat: core 3, and its clock ticks busy and altogether. False for
 * other lines. */
bool host_proc_cpu(const char *line, unsigned *ret_core, uint64_t *ret_busy, uint64_t *ret_total);

/* "MemAvailable:  123 kB" of /proc/meminfo: its name and bytes. */
bool host_proc_memory(const char *line, char name[HOST_NAME_BYTES], uint64_t *ret_bytes);

/* A line of /proc/diskstats: the device, and bytes read and written since boot. */
bool host_proc_disk(const char *line, char name[HOST_NAME_BYTES], uint64_t *ret_read_bytes,
                    uint64_t *ret_written_bytes);

/* A line of /proc/net/dev: the interface, and bytes received and sent. False for its two header
 * lines. */
bool host_proc_network(const char *line, char name[HOST_NAME_BYTES], uint64_t *ret_received_bytes,
                       uint64_t *ret_sent_bytes);

/* /proc/loadavg: the first of its three averages. */
bool host_proc_load(const char *line, double *ret_load);

#endif
