/* host_sensors.h - the sensors of a Linux host. Which there are is found once; then all are read
 * together, at any rate.
 *
 *     PREFIX/cpu/<core>/use           f4  %      busy, since the sample before
 *     PREFIX/memory/available, used   f8  bytes
 *     PREFIX/load/1m                  f4
 *     PREFIX/disk/<name>/read, written          f8  bytes a second
 *     PREFIX/network/<name>/received, sent      f8  bytes a second
 *     PREFIX/temperature/<zone>       f4  degrees Celsius */
#ifndef INGEST_HOST_SENSORS_H
#define INGEST_HOST_SENSORS_H

#include "wire_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_sensor {
    char name[WIRE_NAME_BYTES_MAX + 1];
    bool is_wide; /* f8, not f4 */
};

struct host_sensors;

/* Finds the sensors below `root` ("" = this host's /proc and /sys). -ENOENT: there is no /proc;
 * -ENOMEM. */
int host_sensors_open(const char *root, const char *prefix, struct host_sensors **ret_sensors);

/* NULL is allowed. */
void host_sensors_close(struct host_sensors *sensors);

size_t host_sensors_count(const struct host_sensors *sensors);
const struct host_sensor *host_sensors_get(const struct host_sensors *sensors, size_t index);

/* Reads all sensors, at that time (any clock that does not step); one value each, NaN for one that
 * is gone, and for a rate at the first call. */
void host_sensors_sample(struct host_sensors *sensors, int64_t now_ns, double *ret_values);

#endif
