/* Reads all sensors of a host at once. */
#include "clock_ns.h"
#include "host_sensors_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes what was read for a sensor, and makes its value of it and of the sample before. */
static void take(struct host_sensors *sensors, size_t index, double counter, double whole)
{
    struct host_reading *reading = &sensors->readings[index];
    double grown = counter - reading->counter;
    switch (reading->kind) {
    case READING_VALUE:
        reading->value = counter;
        break;
    case READING_RATE: {
        double seconds = (double)(sensors->now_ns - sensors->last_ns) / (double)NS_PER_S;
        /* A counter that fell began anew. */
        reading->value =
            reading->is_known && grown >= 0 && seconds > 0 ? grown / seconds : (double)NAN;
        break;
    }
    case READING_SHARE:
        /* The kernel counts ticks of 10 ms: between two of them the last value stands. */
        if (!reading->is_known)
            reading->value = (double)NAN;
        else if (whole > reading->whole && grown >= 0)
            reading->value = fmin(100 * grown / (whole - reading->whole), 100);
        else if (isnan(reading->value))
            reading->value = 0;
        break;
    }
    reading->counter = counter;
    reading->whole = whole;
    reading->is_known = true;
    reading->is_fresh = true;
}

/* The first sensor of that device in the group, or `end`. The order hardly ever changes, so that
 * `*hint` is right. */
static size_t find_device(const struct host_sensors *sensors, const struct host_group *group,
                          const char *device, size_t *hint)
{
    for (size_t i = *hint; i < group->end; i++) {
        if (strcmp(sensors->readings[i].device, device) == 0) {
            *hint = i;
            return i;
        }
    }
    for (size_t i = group->first; i < *hint; i++)
        if (strcmp(sensors->readings[i].device, device) == 0)
            return i;
    return group->end;
}

static void read_cpu(struct host_sensors *sensors)
{
    const char *text = host_sensors_read(sensors, sensors->files[FILE_STAT]);
    char line[HOST_LINE_BYTES], number[16];
    size_t hint = sensors->cpu.first;
    while (host_proc_line(&text, line, sizeof line) && strncmp(line, "cpu", 3) == 0) {
        unsigned core;
        uint64_t busy, total;
        if (!host_proc_cpu(line, &core, &busy, &total))
            continue;
        snprintf(number, sizeof number, "%u", core);
        size_t i = find_device(sensors, &sensors->cpu, number, &hint);
        if (i < sensors->cpu.end)
            take(sensors, i, (double)busy, (double)total);
    }
}

static void read_memory(struct host_sensors *sensors)
{
    const char *text = host_sensors_read(sensors, sensors->files[FILE_MEMORY]);
    char line[HOST_LINE_BYTES], name[HOST_NAME_BYTES];
    uint64_t bytes, total = 0;
    while (host_proc_line(&text, line, sizeof line)) {
        if (!host_proc_memory(line, name, &bytes))
            continue;
        if (strcmp(name, "MemTotal") == 0)
            total = bytes;
        if (strcmp(name, "MemAvailable") != 0 || sensors->memory.end < sensors->memory.first + 2)
            continue;
        take(sensors, sensors->memory.first, (double)bytes, 0);
        take(sensors, sensors->memory.first + 1, total > bytes ? (double)(total - bytes) : 0, 0);
        return;
    }
}

static void read_load(struct host_sensors *sensors)
{
    double load;
    if (sensors->load.end > sensors->load.first &&
        host_proc_load(host_sensors_read(sensors, sensors->files[FILE_LOAD]), &load))
        take(sensors, sensors->load.first, load, 0);
}

/* Disks and networks: two counters a device, one after the other. */
static void read_devices(struct host_sensors *sensors, enum host_file file,
                         const struct host_group *group,
                         bool (*parse)(const char *, char[HOST_NAME_BYTES], uint64_t *, uint64_t *))
{
    const char *text = host_sensors_read(sensors, sensors->files[file]);
    char line[HOST_LINE_BYTES], name[HOST_NAME_BYTES];
    size_t hint = group->first;
    while (host_proc_line(&text, line, sizeof line)) {
        uint64_t in_bytes, out_bytes;
        if (!parse(line, name, &in_bytes, &out_bytes))
            continue;
        size_t i = find_device(sensors, group, name, &hint);
        if (i + 1 >= group->end)
            continue;
        take(sensors, i, (double)in_bytes, 0);
        take(sensors, i + 1, (double)out_bytes, 0);
    }
}

static void read_temperatures(struct host_sensors *sensors)
{
    for (size_t i = sensors->temperatures.first; i < sensors->temperatures.end; i++) {
        char *end;
        const char *text = host_sensors_read(sensors, sensors->readings[i].fd);
        double millidegrees = strtod(text, &end);
        if (end != text)
            take(sensors, i, millidegrees / 1000, 0);
    }
}

void host_sensors_sample(struct host_sensors *sensors, int64_t now_ns, double *ret_values)
{
    sensors->now_ns = now_ns;
    for (size_t i = 0; i < sensors->count; i++)
        sensors->readings[i].is_fresh = false;
    read_cpu(sensors);
    read_memory(sensors);
    read_load(sensors);
    read_devices(sensors, FILE_DISKS, &sensors->disks, host_proc_disk);
    read_devices(sensors, FILE_NETWORK, &sensors->networks, host_proc_network);
    read_temperatures(sensors);
    for (size_t i = 0; i < sensors->count; i++) {
        struct host_reading *reading = &sensors->readings[i];
        reading->is_known &= reading->is_fresh;
        ret_values[i] = reading->is_fresh ? reading->value : (double)NAN;
    }
    sensors->last_ns = now_ns;
}
