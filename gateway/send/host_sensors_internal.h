/* host_sensors_internal.h - what finding and reading a host's sensors share. */
#ifndef INGEST_HOST_SENSORS_INTERNAL_H
#define INGEST_HOST_SENSORS_INTERNAL_H

#include "host_proc.h"
#include "host_sensors.h"

#define HOST_LINE_BYTES 512

/* How a sensor's value comes from what is read. */
enum host_reading_kind {
    READING_VALUE, /* as it is */
    READING_RATE,  /* how fast a counter grows, a second */
    READING_SHARE  /* percent of a second counter by which the first grew */
};

struct host_reading {
    enum host_reading_kind kind;
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

/* Sensors of one kind stand together. */
struct host_group {
    size_t first, end;
};

struct host_sensors {
    const char *root;
    const char *prefix;
    int files[FILE_COUNT];
    char *text;
    struct host_sensor *sensors;
    struct host_reading *readings;
    size_t count;
    size_t capacity;
    struct host_group cpu, memory, load, disks, networks, temperatures;
    int64_t last_ns;
    int64_t now_ns;
};

/* The content of an open file, terminated; valid until the next call. Empty when there is none. */
const char *host_sensors_read(struct host_sensors *sensors, int fd);

#endif
