#include "host_sensors.h"

#include "clock_ns.h"
#include "host_proc.h"
#include "series_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES  ((size_t)256 * 1024)
#define LINE_BYTES  512
#define PATH_BYTES  512
#define DEVICES_MAX 64 /* disks, networks and temperatures, each */
#define SENSORS_MAX 4096

/* How a sensor's value comes from what is read. */
enum reading_kind {
    READING_VALUE, /* as it is */
    READING_RATE,  /* how fast a counter grows, a second */
    READING_SHARE  /* percent of a second counter by which the first grew */
};

struct reading {
    enum reading_kind kind;
    char device[HOST_NAME_BYTES]; /* disk or network; a temperature's file is in `fd` */
    int fd;
    bool is_known; /* `counter` and `whole` hold the sample before */
    bool is_fresh; /* read in this round */
    double counter;
    double whole;
    double value;
};

/* Files that are read in each round; kept open. */
enum host_file { FILE_STAT, FILE_MEMORY, FILE_LOAD, FILE_DISKS, FILE_NETWORK, FILE_COUNT };

static const char *const file_paths[FILE_COUNT] = {
    [FILE_STAT] = "/proc/stat",       [FILE_MEMORY] = "/proc/meminfo",
    [FILE_LOAD] = "/proc/loadavg",    [FILE_DISKS] = "/proc/diskstats",
    [FILE_NETWORK] = "/proc/net/dev",
};

/* Sensors of one kind stand together. */
struct group {
    size_t first, end;
};

struct host_sensors {
    const char *root;
    const char *prefix;
    int files[FILE_COUNT];
    char *text;
    struct host_sensor *sensors;
    struct reading *readings;
    size_t count;
    size_t capacity;
    struct group cpu, memory, load, disks, networks, temperatures;
    int64_t last_ns;
    int64_t now_ns;
};

/* The content of an open file into sensors->text. */
static const char *read_text(struct host_sensors *sensors, int fd)
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
static int add(struct host_sensors *sensors, enum reading_kind kind, bool is_wide,
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
        struct reading *readings = realloc(sensors->readings, capacity * sizeof *sensors->readings);
        if (readings == NULL)
            return -ENOMEM;
        sensors->readings = readings;
        sensors->capacity = capacity;
    }
    struct host_sensor *sensor = &sensors->sensors[sensors->count];
    struct reading *reading = &sensors->readings[sensors->count];
    *sensor = (struct host_sensor){.is_wide = is_wide};
    *reading = (struct reading){.kind = kind, .fd = fd};
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
    const char *text = read_text(sensors, sensors->files[FILE_STAT]);
    char line[LINE_BYTES];
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
    const char *text = read_text(sensors, sensors->files[FILE_DISKS]);
    char line[LINE_BYTES], name[HOST_NAME_BYTES];
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
    const char *text = read_text(sensors, sensors->files[FILE_NETWORK]);
    char line[LINE_BYTES], name[HOST_NAME_BYTES];
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
        snprintf(type, sizeof type, "%.*s", (int)strcspn(read_text(sensors, type_fd), "\n"),
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

static int find(struct host_sensors *sensors, struct group *group,
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

/* Takes what was read for a sensor, and makes its value of it and of the sample before. */
static void take(struct host_sensors *sensors, size_t index, double counter, double whole)
{
    struct reading *reading = &sensors->readings[index];
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
static size_t find_device(const struct host_sensors *sensors, const struct group *group,
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
    const char *text = read_text(sensors, sensors->files[FILE_STAT]);
    char line[LINE_BYTES], number[16];
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
    const char *text = read_text(sensors, sensors->files[FILE_MEMORY]);
    char line[LINE_BYTES], name[HOST_NAME_BYTES];
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
        host_proc_load(read_text(sensors, sensors->files[FILE_LOAD]), &load))
        take(sensors, sensors->load.first, load, 0);
}

/* Disks and networks: two counters a device, one after the other. */
static void read_devices(struct host_sensors *sensors, enum host_file file,
                         const struct group *group,
                         bool (*parse)(const char *, char[HOST_NAME_BYTES], uint64_t *, uint64_t *))
{
    const char *text = read_text(sensors, sensors->files[file]);
    char line[LINE_BYTES], name[HOST_NAME_BYTES];
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
        const char *text = read_text(sensors, sensors->readings[i].fd);
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
        struct reading *reading = &sensors->readings[i];
        reading->is_known &= reading->is_fresh;
        ret_values[i] = reading->is_fresh ? reading->value : (double)NAN;
    }
    sensors->last_ns = now_ns;
}
