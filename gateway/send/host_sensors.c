#include "host_sensors_internal.h"

#include "series_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES      ((size_t)256 * 1024)
#define HOST_LINE_BYTES 512
#define PATH_BYTES      512
#define DEVICES_MAX     64 /* disks, networks and temperatures, each */
#define SENSORS_MAX     4096

static const char *const file_paths[FILE_COUNT] = {
    [FILE_STAT] = "/proc/stat",       [FILE_MEMORY] = "/proc/meminfo",
    [FILE_LOAD] = "/proc/loadavg",    [FILE_DISKS] = "/proc/diskstats",
    [FILE_NETWORK] = "/proc/net/dev",
};

const char *host_sensors_read(struct host_sensors *sensors, int fd)
{
    size_t used = 0;
    while (fd >= 0 && used < TEXT_BYTES - 1) {
        ssize_t length = pread(fd, sensors->text + used, TEXT_BYTES - 1 - used, (off_t)used);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            break;
        used += (size_t)length;
    }
    sensors->text[used] = '\0';
    return sensors->text;
}

static int open_below(const struct host_sensors *sensors, const char *path)
{
    char full[PATH_BYTES];
    int length = snprintf(full, sizeof full, "%s%s", sensors->root, path);
    if (length < 0 || (size_t)length >= sizeof full)
        return -1;
    return open(full, O_RDONLY | O_CLOEXEC);
}

/* Adds a sensor; `parts` are the segments of its name, ended by NULL. */
static int add(struct host_sensors *sensors, enum host_reading_kind kind, bool is_wide,
               const char *device, int fd, const char *const *parts)
{
    if (sensors->count == SENSORS_MAX)
        return 0;
    if (sensors->count == sensors->capacity) {
        size_t capacity = sensors->capacity != 0 ? 2 * sensors->capacity : 64;
        struct host_sensor *names = realloc(sensors->sensors, capacity * sizeof *sensors->sensors);
        if (names == NULL)
            return -ENOMEM;
        sensors->sensors = names;
        struct host_reading *readings =
            realloc(sensors->readings, capacity * sizeof *sensors->readings);
        if (readings == NULL)
            return -ENOMEM;
        sensors->readings = readings;
        sensors->capacity = capacity;
    }
    struct host_sensor *sensor = &sensors->sensors[sensors->count];
    struct host_reading *reading = &sensors->readings[sensors->count];
    *sensor = (struct host_sensor){.is_wide = is_wide};
    *reading = (struct host_reading){.kind = kind, .fd = fd};
    snprintf(reading->device, sizeof reading->device, "%s", device);
    snprintf(sensor->name, sizeof sensor->name, "%s", sensors->prefix);
    for (; *parts != NULL; parts++)
        if (!series_path_append(sensor->name, sizeof sensor->name, *parts))
            return -ENAMETOOLONG;
    sensors->count++;
    return 0;
}

#define PARTS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static int find_cpu(struct host_sensors *sensors)
{
    const char *text = host_sensors_read(sensors, sensors->files[FILE_STAT]);
    char line[HOST_LINE_BYTES];
    int result = 0;
    while (result == 0 && host_proc_line(&text, line, sizeof line)) {
        unsigned core;
        uint64_t busy, total;
        if (!host_proc_cpu(line, &core, &busy, &total))
            continue;
        char number[16];
        snprintf(number, sizeof number, "%u", core);
        result = add(sensors, READING_SHARE, false, number, -1, PARTS("cpu", number, "use"));
    }
    return result;
}

/* Partitions are part of a disk, and loop and ram devices of another. */
static bool is_disk(const struct host_sensors *sensors, const char *name)
{
    if (strncmp(name, "loop", 4) == 0 || strncmp(name, "ram", 3) == 0)
        return false;
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/sys/block/%s", sensors->root, name);
    return length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

static int find_disks(struct host_sensors *sensors)
{
    const char *text = host_sensors_read(sensors, sensors->files[FILE_DISKS]);
    char line[HOST_LINE_BYTES], name[HOST_NAME_BYTES];
    int result = 0;
    for (unsigned found = 0;
         result == 0 && found < DEVICES_MAX && host_proc_line(&text, line, sizeof line);) {
        uint64_t read_bytes, written_bytes;
        if (!host_proc_disk(line, name, &read_bytes, &written_bytes) || !is_disk(sensors, name))
            continue;
        found++;
        result = add(sensors, READING_RATE, true, name, -1, PARTS("disk", name, "read"));
        if (result == 0)
            result = add(sensors, READING_RATE, true, name, -1, PARTS("disk", name, "written"));
    }
    return result;
}

static int find_networks(struct host_sensors *sensors)
{
    const char *text = host_sensors_read(sensors, sensors->files[FILE_NETWORK]);
    char line[HOST_LINE_BYTES], name[HOST_NAME_BYTES];
    int result = 0;
    for (unsigned found = 0;
         result == 0 && found < DEVICES_MAX && host_proc_line(&text, line, sizeof line);) {
        uint64_t received_bytes, sent_bytes;
        if (!host_proc_network(line, name, &received_bytes, &sent_bytes))
            continue;
        found++;
        result = add(sensors, READING_RATE, true, name, -1, PARTS("network", name, "received"));
        if (result == 0)
            result = add(sensors, READING_RATE, true, name, -1, PARTS("network", name, "sent"));
    }
    return result;
}

static int find_temperatures(struct host_sensors *sensors)
{
    int result = 0;
    for (unsigned zone = 0; zone < DEVICES_MAX && result == 0; zone++) {
        char path[64], type[HOST_NAME_BYTES], label[HOST_NAME_BYTES + 16];
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%u/temp", zone);
        int fd = open_below(sensors, path);
        if (fd < 0)
            break;
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%u/type", zone);
        int type_fd = open_below(sensors, path);
        snprintf(type, sizeof type, "%.*s", (int)strcspn(host_sensors_read(sensors, type_fd), "\n"),
                 sensors->text);
        if (type_fd >= 0)
            close(type_fd);
        /* Two zones may be of one type. */
        snprintf(label, sizeof label, "%u%s%s", zone, type[0] != '\0' ? "-" : "", type);
        result = add(sensors, READING_VALUE, false, label, fd, PARTS("temperature", label));
        if (result < 0)
            close(fd);
    }
    return result;
}

static int find(struct host_sensors *sensors, struct host_group *group,
                int (*find_kind)(struct host_sensors *))
{
    group->first = sensors->count;
    int result = find_kind(sensors);
    group->end = sensors->count;
    return result;
}

static int find_memory(struct host_sensors *sensors)
{
    if (sensors->files[FILE_MEMORY] < 0)
        return 0;
    int result = add(sensors, READING_VALUE, true, "", -1, PARTS("memory", "available"));
    return result < 0 ? result : add(sensors, READING_VALUE, true, "", -1, PARTS("memory", "used"));
}

static int find_load(struct host_sensors *sensors)
{
    if (sensors->files[FILE_LOAD] < 0)
        return 0;
    return add(sensors, READING_VALUE, false, "", -1, PARTS("load", "1m"));
}

int host_sensors_open(const char *root, const char *prefix, struct host_sensors **ret_sensors)
{
    struct host_sensors *sensors = calloc(1, sizeof *sensors);
    if (sensors == NULL)
        return -ENOMEM;
    sensors->root = root;
    sensors->prefix = prefix;
    for (int i = 0; i < FILE_COUNT; i++)
        sensors->files[i] = open_below(sensors, file_paths[i]);
    sensors->text = malloc(TEXT_BYTES);
    int result = sensors->text == NULL ? -ENOMEM : sensors->files[FILE_STAT] < 0 ? -ENOENT : 0;
    if (result == 0)
        result = find(sensors, &sensors->cpu, find_cpu);
    if (result == 0)
        result = find(sensors, &sensors->memory, find_memory);
    if (result == 0)
        result = find(sensors, &sensors->load, find_load);
    if (result == 0)
        result = find(sensors, &sensors->disks, find_disks);
    if (result == 0)
        result = find(sensors, &sensors->networks, find_networks);
    if (result == 0)
        result = find(sensors, &sensors->temperatures, find_temperatures);
    if (result < 0)
        host_sensors_close(sensors);
    else
        *ret_sensors = sensors;
    return result;
}

void host_sensors_close(struct host_sensors *sensors)
{
    if (sensors == NULL)
        return;
    for (int i = 0; i < FILE_COUNT; i++)
        if (sensors->files[i] >= 0)
            close(sensors->files[i]);
    for (size_t i = 0; i < sensors->count; i++)
        if (sensors->readings[i].fd >= 0)
            close(sensors->readings[i].fd);
    free(sensors->text);
    free(sensors->sensors);
    free(sensors->readings);
    free(sensors);
}

size_t host_sensors_count(const struct host_sensors *sensors)
{
    return sensors->count;
}

const struct host_sensor *host_sensors_get(const struct host_sensors *sensors, size_t index)
{
    return &sensors->sensors[index];
}
